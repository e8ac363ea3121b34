import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { moduleCode } from './module-code.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-facts-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** What another process, which keeps compiled code, finds. */
function foundApart(file: string): unknown {
  const ours = fileURLToPath(new URL('module-code.ts', import.meta.url));
  const script = `
    const { enableCompileCache } = await import('node:module');
    enableCompileCache(${JSON.stringify(join(folder, 'cache'))});
    const { moduleCode } = await import(${JSON.stringify(ours)});
    console.log(JSON.stringify(moduleCode(${JSON.stringify(file)})));`;
  const { NODE_DISABLE_COMPILE_CACHE: _, ...env } = process.env;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout);
}

/** Where Node keeps its own, in a folder for its version. */
function kept(): readonly string[] {
  const cache = join(folder, 'cache');
  return readdirSync(cache, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('heddle-'))
    .map((name) => join(cache, name));
}

test('what is remembered of a file is what was found, until its bytes change', () => {
  const file = join(folder, 'flow.ts');
  writeFileSync(file, "import './beside.ts';\nexport const n: number = 1;\n");
  writeFileSync(join(folder, 'beside.ts'), 'export type Nothing = undefined;\n');
  const found = moduleCode(file);
  expect(Object.keys(found)).toEqual(['beside.ts', 'flow.ts']);
  expect(foundApart(file)).toEqual(found);
  expect(kept()).toHaveLength(2);
  expect(foundApart(file)).toEqual(found);
  expect(kept()).toHaveLength(2);

  writeFileSync(file, "import './beside.ts';\nexport const n: number = 2;\n");
  const changed = moduleCode(file);
  expect(changed['flow.ts']).not.toBe(found['flow.ts']);
  expect(foundApart(file)).toEqual(changed);
});

test('what was torn in writing is found again', () => {
  const file = join(folder, 'flow.ts');
  writeFileSync(file, 'export const n: number = 1;\n');
  const found = foundApart(file);
  const [entry = ''] = kept();
  writeFileSync(entry, '{"hash":"');
  expect(foundApart(file)).toEqual(found);
});
