import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { branch, command, file, type FileValue, input, is, json, loop, map, pathOf, sh, task } from 'heddle';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { double, echo, list, Playground } from './playground.ts';

let playground: Playground;

beforeAll(async () => {
  playground = await Playground.open();
});

afterAll(() => playground[Symbol.asyncDispose]());

const play = (build: () => unknown): ReturnType<Playground['play']> => playground.play(build);
const result = (build: () => unknown): Promise<unknown> => playground.result(build);

const write = command('write', {
  run: (p: { n: number }) => sh`echo ${p.n} > n.txt; printf '{"n": %s}' ${p.n} > n.json`,
  outputs: {
    text: file('n.txt').publish((p: { n: number }) => pathOf`numbers/${p.n}.txt`),
    data: json<{ n: number }>('n.json'),
  },
});
const concat = command('concat', {
  run: (p: { files: readonly FileValue[] }) => sh`cat ${p.files} > all.txt`,
  outputs: { all: file('all.txt') },
});
const readAll = command('read-all', {
  run: (p: { all: FileValue }) =>
    sh`cat ${p.all} | tr '\n' ' ' > out.json; sed -i 's/ $//; s/ /,/g; s/.*/[&]/' out.json`,
  outputs: { out: json<number[]>('out.json') },
});

test('files that commands make are files for whoever takes what a map, a branch or a loop comes to', async () => {
  const value = await result(() => {
    const numbers = map(list(3), (n) => write({ n }));
    const files = map(numbers, ({ text }) => ({ file: text, again: text }));
    const all = branch(echo('yes' as 'yes' | 'no'), {
      yes: () => concat({ files: [files[2]!.file, files[0]!.again] }),
      no: () => concat({ files: [] }),
    });
    const sorted = loop({
      initial: { all: all.all, n: 0 },
      body: (state) => ({ all: concat({ files: [state.all, numbers[1]!.text] }).all, n: double(1) }),
      until: (state) => is(state.n, '==', 2),
      maxIterations: 3,
    });
    return { read: readAll({ all: sorted.all }).out, data: numbers[1]!.data.n };
  });

  expect(value).toEqual({ read: [2, 0, 1], data: 1 });
  expect(readFileSync(join(playground.folder, 'results', 'numbers', '2.txt'), 'utf8')).toBe('2\n');
});

test("the user's own files go through a map", async () => {
  writeFileSync(join(playground.folder, 'own.txt'), 'mine\n');
  const count = command('count', {
    run: (p: { text: FileValue }) => sh`wc -l < ${p.text} | tr -d ' ' > n.json`,
    outputs: { n: json<number>('n.json') },
  });

  expect(await result(() => map([input('own.txt')], (own) => map([own, own], (text) => count({ text }).n)))).toEqual([
    [1, 1],
  ]);
});

test('two elements that would publish one path are refused before any of them starts', async () => {
  const { error, jobs } = await play(() => map(echo([3, 4, 3]), (n) => write({ n })));

  expect(error).toContain("elements 0 and 2 of 'map-1' both publish 'numbers/3.txt'");
  expect(Object.keys(jobs)).toEqual(['echo-1', 'map-1', 'map-1/gather']);
});

test('values that only structured clone carries go through a gather', async () => {
  const day = task('day', (n: number) => new Date(n), { backend: 'inline' });

  expect(await result(() => echo(map(list(2), (n) => ({ at: day(n), n }))))).toEqual([
    { at: new Date(0), n: 0 },
    { at: new Date(1), n: 1 },
  ]);
});
