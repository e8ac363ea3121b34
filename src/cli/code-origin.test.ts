import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { moduleCode } from '../calls/index.ts';
import { asRunId, type RunRow } from '../model/index.ts';
import { assertCodeUnchanged } from './code-origin.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-origin-'));
  mkdirSync(join(folder, 'lib'));
  writeFileSync(
    join(folder, 'flow.ts'),
    "import { a } from './lib/a.ts';\nimport 'heddle';\nawait import('./lazy.js');\n",
  );
  writeFileSync(
    join(folder, 'lib', 'a.ts'),
    "export * from '../b.ts';\nexport const table = new URL('./table.json', import.meta.url);\n",
  );
  writeFileSync(join(folder, 'lib', 'table.json'), '{}');
  writeFileSync(join(folder, 'b.ts'), "import { a } from './lib/a.ts';\n");
  writeFileSync(join(folder, 'lazy.js'), '');
  writeFileSync(join(folder, 'unrelated.ts'), '');
});

afterEach(() => rmSync(folder, { recursive: true }));

function startedRun(): RunRow {
  const file = join(folder, 'flow.ts');
  const origin = { kind: 'module', file, project: folder, code: moduleCode(file) };
  return { id: asRunId('r-1'), settings: JSON.stringify({ origin }) } as RunRow;
}

test('what did not change is accepted, and so is a change elsewhere', () => {
  const row = startedRun();
  writeFileSync(join(folder, 'unrelated.ts'), 'changed');

  expect(() => assertCodeUnchanged(row, folder)).not.toThrow();
});

test('a comment and a type are no change', () => {
  const row = startedRun();
  writeFileSync(join(folder, 'b.ts'), "import { a } from './lib/a.ts'; // for a\ntype A = typeof a;\n");

  expect(() => assertCodeUnchanged(row, folder)).not.toThrow();
});

test('a change is refused by the names of the files, with what to do', () => {
  const row = startedRun();
  writeFileSync(join(folder, 'b.ts'), "import './new.ts';\n");
  writeFileSync(join(folder, 'new.ts'), '');
  rmSync(join(folder, 'lazy.js'));

  expect(() => assertCodeUnchanged(row, folder)).toThrow(
    expect.objectContaining({
      code: 'CODE_CHANGED',
      details: expect.objectContaining({ changes: ['changed  b.ts', 'missing  lazy.js', 'added    new.ts'] }),
      hint: expect.stringContaining('--accept-code'),
    }),
  );
});

test('a run that a program started has nothing to compare', () => {
  expect(() => assertCodeUnchanged({ id: asRunId('r-1'), settings: '{}' } as RunRow, folder)).not.toThrow();
});
