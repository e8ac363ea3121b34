import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MUTANTS, type Mutant } from './mutants.ts';

/** The CI budget of simulated worlds: a bug that needs more is not found. */
const BUDGET = 20_000;
/** Real time a mutant may take; a planted bug may well turn in circles. */
const PATIENCE_MS = 240_000;

const project: string = join(import.meta.dirname, '..', '..');
let copies = '';

beforeAll(() => {
  copies = mkdtempSync(join(tmpdir(), 'heddle-mutants-'));
});

afterAll(() => {
  rmSync(copies, { recursive: true, force: true });
});

/** The project's sources with the bug in them. */
function plant(mutant: Mutant, name: string): string {
  const home = join(copies, name);
  for (const part of ['src', 'package.json', join('bench', 'soak.ts')]) {
    cpSync(join(project, part), join(home, part), { recursive: true });
  }
  const file = join(home, 'src', mutant.file);
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(mutant.find, () => mutant.replace),
  );
  return home;
}

describe.each(MUTANTS.map((mutant, i) => [mutant.name, mutant, i] as const))('%s', (_, mutant, i) => {
  test('is planted where it was meant to be', () => {
    const text = readFileSync(join(project, 'src', mutant.file), 'utf8');

    expect(text.split(mutant.find), `${mutant.file} has the text exactly once`).toHaveLength(2);
    expect(mutant.replace).not.toBe(mutant.find);
  });

  test(`is found within ${BUDGET} runs`, () => {
    const home = plant(mutant, String(i));

    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['bench/soak.ts', '--from', '1', '--runs', String(BUDGET)],
      { cwd: home, encoding: 'utf8', timeout: PATIENCE_MS },
    );

    expect(stderr).toBe('');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^seed \d+: \S+ at [\d.]+ ms: /m);
  });
});
