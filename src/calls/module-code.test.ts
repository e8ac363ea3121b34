import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallReference } from '../model/index.ts';
import { codeOf, moduleCode } from './index.ts';

let folder: string;
let entry: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-code-'));
  entry = join(folder, 'src', 'flow.ts');
  for (const [path, text] of Object.entries(PROJECT)) write(path, text);
});
afterEach(() => rmSync(folder, { recursive: true }));

const lockOf = (version: string): string =>
  JSON.stringify({
    packages: {
      '': { name: 'study' },
      'node_modules/fit': { version: '2.0.0', integrity: 'sha512-fit', dependencies: { matrix: '^1.0.0' } },
      'node_modules/matrix': { version: '0.9.0', integrity: 'sha512-other' },
      'node_modules/fit/node_modules/matrix': { version, integrity: `sha512-${version}` },
      'node_modules/unrelated': { version: '1.0.0' },
    },
  });

const PROJECT = {
  'src/flow.ts': `import { readFile } from 'node:fs/promises';
import { workflow } from 'heddle';
import { fit } from 'fit/linear';
import type { Shape } from './types.ts';
import { energy, type Energy } from './lib/energy.ts';
export const run = async (x: number): Promise<Energy> => energy(x, await import('./lazy.js'));
`,
  'src/types.ts': 'export interface Shape {}\n',
  'src/lib/energy.ts': `export * from '../flow.ts';
export interface Energy { readonly mean: number }
export const table = new URL('./table.json', import.meta.url);
export const energy = (x: number): Energy => ({ mean: x });
`,
  'src/lib/table.json': '{"a": 1}',
  'src/lazy.js': "const old = require('./old');\n",
  'src/old.cjs': '',
  'src/old.js': "import './not-there.js';\n",
  'src/unrelated.ts': '',
  'node_modules/fit/package.json': '{"version": "2.0.0"}',
  'package-lock.json': lockOf('1.0.0'),
};

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

const call = (name = 'run'): CallReference => ({ kind: 'module', module: pathToFileURL(entry).href, name });

test('a module is its file, what it imports by relative paths at any depth and in circles, and its packages as they are locked', () => {
  expect(Object.keys(moduleCode(entry))).toEqual([
    'flow.ts',
    'lazy.js',
    'lib/energy.ts',
    'lib/table.json',
    'npm:fit',
    'npm:fit/node_modules/matrix',
    'old.js',
  ]);
});

const flow = PROJECT['src/flow.ts'];
const energy = PROJECT['src/lib/energy.ts'];

test.each([
  ['comments', 'src/flow.ts', `// new\n${flow.replace('await', '/* soon */ await')}`],
  ['white space', 'src/flow.ts', flow.replaceAll(' ', '  ').replaceAll('\n', '\n\n')],
  ['types', 'src/lib/energy.ts', energy.replace('readonly mean', 'mean').replace('x: number', 'x: 1 | 2')],
  ['a file it imports types of', 'src/types.ts', 'export interface Shape { a: 1 }'],
  ['a file it does not import', 'src/unrelated.ts', 'export {}'],
  [
    'a package it does not import',
    'package-lock.json',
    lockOf('1.0.0').replace('{"version":"0.9.0"', '{"version":"0.9.1"'),
  ],
])('of the same code: %s', (_, path, text) => {
  const before = codeOf(call());

  write(path, text);

  expect(codeOf(call())).toBe(before);
});

test.each([
  ['an expression', 'src/lib/energy.ts', energy.replace('mean: x', 'mean: -x')],
  ['what is in quotes', 'src/lib/energy.ts', energy.replace('./table.json', './table2.json')],
  ['a file named beside it', 'src/lib/table.json', '{"a":1}'],
  ['what is imported when it runs', 'src/lazy.js', 'x = 1'],
  ['a package of a package', 'package-lock.json', lockOf('1.0.1')],
])('of other code: %s', (_, path, text) => {
  const before = codeOf(call());

  write(path, text);

  expect(codeOf(call())).not.toBe(before);
});

test('two exports of a module are two', () => {
  expect(codeOf(call('a'))).not.toBe(codeOf(call('b')));
  expect(codeOf({ ...call('a'), task: true } as CallReference)).not.toBe(codeOf(call('a')));
});

test('TypeScript that is more than types counts byte by byte, and is followed', () => {
  write('src/lib/energy.ts', "import '../old.js';\nexport enum Kind { A }\nexport const energy = 1;\n");
  const before = moduleCode(entry);

  write('src/lib/energy.ts', "import '../old.js';\nexport enum Kind { A } // B\nexport const energy = 1;\n");

  expect(Object.keys(before)).toContain('old.js');
  expect(moduleCode(entry)['lib/energy.ts']).not.toBe(before['lib/energy.ts']);
});

test('without a lock file the installed version counts', () => {
  rmSync(join(folder, 'package-lock.json'));
  const before = codeOf(call());

  write('node_modules/fit/package.json', '{"version": "2.0.1"}');

  expect(codeOf(call())).not.toBe(before);
});

test('code by its text is the same however it is laid out; built-ins are their names; what is only in memory is not known', () => {
  const source = (text: string): string | undefined => codeOf({ kind: 'source', source: text });

  expect(source('(x)=>x+1')).toBe(source('(x) /* number */ =>\n  x + 1'));
  expect(source('(x)=>x+1')).not.toBe(source('(x)=>x+2'));
  expect(codeOf({ kind: 'global', name: 'Math.max' })).not.toBe(codeOf({ kind: 'global', name: 'Math.min' }));
  expect(codeOf({ kind: 'local', id: '1' })).toBeUndefined();
});
