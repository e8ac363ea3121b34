import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallPayload, CommandPayload, Value } from '../../model/index.ts';
import { CodeBook } from './code-book.ts';
import { describeBase, type Described, describeTask, type ReadyTask, withoutPlaces } from './components.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-components-'));
  writeFileSync(join(folder, 'fit.ts'), 'export const fit = (x: number): number => x + 1;\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Given {
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly imageDigest?: string;
  readonly values?: readonly Value[];
  readonly hashes?: Readonly<Record<string, string>>;
  readonly project?: string;
}

function describe(payload: CallPayload | CommandPayload, given: Given = {}): Described | undefined {
  const { name = 'fit', environment, values = [], hashes = {}, project = '/project' } = given;
  const kind = 'call' in payload ? 'call' : 'command';
  const task: ReadyTask = {
    definition: { name, kind, ...(environment === undefined ? {} : { environment }) },
    payload: JSON.stringify(payload),
    ...(given.imageDigest === undefined ? {} : { imageDigest: given.imageDigest }),
  };
  const placeless = withoutPlaces(task, { value: (node) => values[node], project });
  return describeTask(task, placeless, { code: new CodeBook(), hashOf: (path) => hashes[path] });
}

function print(payload: CallPayload | CommandPayload, given?: Given): string | undefined {
  return describe(payload, given)?.fingerprint;
}

function call(changes: Partial<CallPayload> = {}, file = 'fit.ts'): CallPayload {
  const module = pathToFileURL(join(folder, file)).href;
  return { call: { kind: 'module', module, name: 'fit' }, args: [{ t: 1, list: [1, 2] }], ...changes };
}

const command: CommandPayload = {
  script: ['./md --temp ', { value: 300 }],
  inputs: [{ name: 'reads.fq', from: { $file: 'data/reads.fq' } }],
  outputs: [{ name: 'energy', path: 'energy.json', type: 'json' }],
};
const hashes = { 'data/reads.fq': 'a'.repeat(64) };

test('a call is its code, its arguments, its environment and its name, each a component', () => {
  const fit = print(call());

  expect(fit).toMatch(/^[0-9a-f]{64}$/);
  expect(print(call())).toBe(fit);
  expect(print(call({ args: [{ list: [1, 2], t: 1 }] }))).toBe(fit);
  expect(print(call({ args: [{ t: 2, list: [1, 2] }] }))).not.toBe(fit);
  expect(print(call(), { environment: { A: '1' } })).not.toBe(fit);
  expect(print(call(), { name: 'refit' })).not.toBe(fit);
  expect(print(call({ stream: true }))).not.toBe(fit);
  expect(Object.keys(JSON.parse(describe(call(), { environment: { A: '1' } })?.components ?? '') as object)).toEqual([
    'task',
    'function',
    'code',
    'environment A',
    'arguments',
    'argument list',
    'argument t',
  ]);
  writeFileSync(join(folder, 'fit.ts'), 'export const fit = (x: number): number => x + 2;\n');
  expect(print(call())).not.toBe(fit);
});

test('how and where it runs, and how its code is laid out, is no part of a call', () => {
  const fit = print(call());

  writeFileSync(join(folder, 'fit.ts'), '// the same\nexport const fit = (x: number) =>\n  x + 1;\n');

  expect(print(call({ redirect: { stdout: 'a', stderr: 'b' } }), { project: '/elsewhere' })).toBe(fit);
});

test('an argument that is one thing is not taken for the only member of another', () => {
  expect(print(call({ args: ['x'] }))).not.toBe(print(call({ args: [{ 1: 'x' }] })));
  expect(print(call({ args: [{ '2.a': 1 }] }))).not.toBe(print(call({ args: [{}, { a: 1 }] })));
});

test('a command is its rendered text, its declared outputs and its inputs by content', () => {
  const md = print(command, { hashes });

  expect(print({ ...command, script: ['./md --temp 300'] }, { hashes })).toBe(md);
  expect(print({ ...command, script: ['./md --temp ', { value: 310 }] }, { hashes })).not.toBe(md);
  expect(print(command, { hashes, project: '/moved' })).toBe(md);
  expect(print(command, { hashes: { 'data/reads.fq': 'b'.repeat(64) } })).not.toBe(md);
  expect(print({ ...command, outputs: [{ name: 'energy', path: 'e.json', type: 'json' }] }, { hashes })).not.toBe(md);
  const published = [{ name: 'energy', path: 'energy.json', type: 'json', publish: 'e.json' }] as const;
  expect(print({ ...command, outputs: published }, { hashes })).toBe(md);
  expect(print(command, { hashes, environment: { A: '1' } })).not.toBe(md);
  expect(print(command, { hashes, imageDigest: 'sha256:1' })).not.toBe(md);
});

test('where the file of another job lies is no part of who takes it, in a command and in a call', () => {
  const made = (at: string, sha256 = 'c'.repeat(64)): Value => ({
    codec: 'json',
    json: JSON.stringify({ outputs: { bam: { type: 'file', file: { sha256, size: 3, name: 'a.bam' }, at } } }),
  });
  const takes: CommandPayload = { script: ['sort ', { value: { $ref: [0, 'bam'] } }] };
  const reads = call({ args: [{ $ref: [0, 'bam'] }] });

  for (const payload of [takes, reads]) {
    const here = print(payload, { values: [made('work/r-1/a.bam')] });
    expect(here).toBeDefined();
    expect(print(payload, { values: [made('work/r-2/a.bam')] })).toBe(here);
    expect(print(payload, { values: [made('work/r-1/a.bam', 'd'.repeat(64))] })).not.toBe(here);
    expect(describe(payload, { values: [made('work/r-1/a.bam')] })?.uses).toEqual([{ node: 0, output: 'bam' }]);
  }
});

test("a call that takes a file of the user's goes by what it holds", () => {
  const reads = call({ args: [{ file: { $file: 'data/reads.fq' } }] });

  expect(print(reads, { hashes })).toBe(print(reads, { hashes, project: '/moved' }));
  expect(print(reads, { hashes: { 'data/reads.fq': 'b'.repeat(64) } })).not.toBe(print(reads, { hashes }));
  expect(print(reads)).toBeUndefined();
});

test('there is none where content is not known, nor of a function that is only in memory', () => {
  expect(print(command)).toBeUndefined();
  expect(print(call({ call: { kind: 'local', id: '1' } }))).toBeUndefined();
});

test('the base is what is known before the inputs are: the same whatever they turn out to be', () => {
  const task: ReadyTask = {
    definition: { name: 'fit', kind: 'call' },
    payload: JSON.stringify(call({ args: [{ $ref: [0] }] })),
  };

  const base = describeBase(task, new CodeBook(), '/project')?.base;

  expect(base).toBe(describe(call())?.base);
  expect(base).toBe(describe(call({ args: [7] }))?.base);
  expect(base).not.toBe(describe(call(), { environment: { A: '1' } })?.base);
});

test('a command in a container has no fingerprint while nobody knows which image that is', () => {
  const task: ReadyTask = {
    definition: { name: 'fit', kind: 'command', container: { image: 'tools:1' } },
    payload: JSON.stringify({ argv: ['true'] }),
  };
  const base = (imageDigest?: string): string | undefined =>
    describeBase({ ...task, imageDigest }, new CodeBook(), '/project')?.base;

  expect(base()).toBeUndefined();
  expect(base('sha256:1')).not.toBe(base('sha256:2'));
  expect(base('sha256:1')).toBe(base('sha256:1'));
});
