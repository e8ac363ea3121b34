import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallReference } from '../model/index.ts';
import { FakeClock } from '../testing/index.ts';
import { CodeWatch } from './code-watch.ts';

let folder: string;
let watch: CodeWatch;
let now: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-code-'));
  watch = new CodeWatch(new FakeClock());
  now = 0;
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

/** The epoch after a look at a module, later than any look before. */
function look(name: string): number {
  const reference: CallReference = { kind: 'module', module: pathToFileURL(join(folder, name)).href, name: 'f' };
  now += 1000;
  watch.look(reference, now);
  return watch.epoch;
}

test('a module, and what it imports by relative paths, however it says so', () => {
  write('far.ts', 'export const a = 1;');
  write('near.mjs', `export * from "./far.ts"`);
  write('lazy.js', 'export default 1;');
  write('old.cjs', 'module.exports = 1;');
  write('main.ts', `import { a } from './near.mjs';\nconst b = await import('./lazy.js');\nrequire('./old');\n`);
  const seen = [look('main.ts'), look('main.ts')];

  for (const name of ['main.ts', 'far.ts', 'lazy.js', 'old.cjs']) {
    write(
      name,
      `// changed\n${name === 'main.ts' ? `import './near.mjs'; import('./lazy.js'); require('./old')` : ''}`,
    );
    seen.push(look('main.ts'));
  }

  expect(seen).toEqual([0, 0, 1, 2, 3, 4]);
});

test('what goes round ends, what is not there may come, what is a package is no file', () => {
  write('a.ts', `import './b.ts'; import 'node:fs'; import 'left-pad';`);
  const before = [look('a.ts'), look('a.ts')];
  write('b.ts', `import './a.ts';`);
  const after = look('a.ts');
  watch.look({ kind: 'module', module: 'left-pad', name: 'pad' }, now + 1);

  expect([...before, after, watch.epoch]).toEqual([0, 0, 1, 1]);
});

test('looking takes a two-hundredth of the time: between two looks at what has not changed nothing is asked of the disk', () => {
  const clock = new FakeClock();
  let mono = 0;
  // Each look takes a millisecond by this clock.
  watch = new CodeWatch({
    now: () => ({ mono: (mono += 1), wall: 0 }),
    after: (ms, callback) => clock.after(ms, callback),
    soon: (callback) => clock.soon(callback),
  });
  write('a.ts', 'export const a = 1;');
  const reference: CallReference = { kind: 'module', module: pathToFileURL(join(folder, 'a.ts')).href, name: 'f' };
  watch.look(reference, 0);
  write('a.ts', 'export const a = 1000;');

  watch.look(reference, 201);
  const soon = watch.epoch;
  watch.look(reference, 202);

  expect([soon, watch.epoch]).toEqual([0, 1]);
});
