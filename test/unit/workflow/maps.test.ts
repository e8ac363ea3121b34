import { command, is, json, map, sh, task, when } from 'heddle';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { add, double, echo, list, refuse, total, Playground } from './playground.ts';

let playground: Playground;

beforeAll(async () => {
  playground = await Playground.open();
});

afterAll(() => playground[Symbol.asyncDispose]());

const play = (build: () => unknown): ReturnType<Playground['play']> => playground.play(build);
const result = (build: () => unknown): Promise<unknown> => playground.result(build);

test('a map over a list that is known only then gives results in the order of the elements', async () => {
  const { result: value, jobs } = await play(() => total(map(list(4), (x, i) => add(double(x), i))));

  expect(value).toBe(18);
  expect(Object.keys(jobs)).toEqual([
    ...['list-1', 'map-1', 'map-1/gather', 'total-1'],
    ...[0, 1, 2, 3].flatMap((i) => [`map-1/${i}/double-1`, `map-1/${i}/add-1`]),
  ]);
});

test('a map over nothing is an empty list; over a list with placeholders, its elements', async () => {
  expect(await result(() => map(list(0), (x) => double(x)))).toEqual([]);
  expect(await result(() => map([double(1), 5, { at: double(4) }], (x) => ({ x }).x))).toEqual([2, 5, { at: 8 }]);
  expect(await result(() => map([{ a: 1, $b: [2] }], (x) => ({ x, k: 'k', $c: x.$b[0]! })))).toEqual([
    { x: { a: 1, $b: [2] }, k: 'k', $c: 2 },
  ]);
});

test('what records nothing and returns its element only is a map too', async () => {
  expect(await result(() => map(list(3), (x, index) => ({ x, index, one: 1 })))).toEqual([
    { x: 0, index: 0, one: 1 },
    { x: 1, index: 1, one: 1 },
    { x: 2, index: 2, one: 1 },
  ]);
  expect(await result(() => map(list(2), (x) => void double(x)))).toEqual([null, null]);
});

test('what is no list is refused with what it is', async () => {
  const { error, jobs } = await play(() => map(echo({ a: 1 } as unknown as number[]), (x) => double(x)));

  expect(error).toContain(`'map-1' maps over what is no list: {"a":1}`);
  expect(jobs).toEqual({ 'echo-1': 'done', 'map-1': 'failed', 'map-1/gather': 'cancelled' });
});

test('failures are collected by index; the other elements go on', async () => {
  const { error, jobs } = await play(() => map(list(5), (x) => double(refuse(x, [1, 3])), { name: 'each' }));

  expect(error).toContain("2 of 5 elements of 'each' failed: [1] no 1; [3] no 3");
  expect(jobs['each/4/double-1']).toBe('done');
  expect(jobs['each/3/double-1']).toBe('cancelled');
});

test('of many failures twenty are named, and all are counted', async () => {
  const bad = Array.from({ length: 30 }, (_, i) => i);
  const { error } = await play(() => map(list(30), (x) => refuse(x, bad)));

  expect(error).toContain("30 of 30 elements of 'map-1' failed: [0] no 0; ");
  expect(error).toContain('[19] no 19; and 10 more');
  expect(error).not.toContain('[20]');
});

test('settled tells what became of each', async () => {
  const { jobs, error } = await play(() => ({
    settled: echo(map(list(3), (x) => when(is(x, '!=', 0), () => refuse(x, [2])), { settled: true })).named('seen'),
  }));

  // The run has a job that failed, so it has failed: what comes after the map has gone on.
  expect(error).toContain('no 2');
  expect(jobs['seen']).toBe('done');
});

test('at most so many jobs of a map run at a time', async () => {
  let now = 0;
  let most = 0;
  const gates: (() => void)[] = [];
  const held = task(
    'held',
    async (x: number) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise<void>((resolve) => {
        gates.push(resolve);
        if (gates.length === 2 || x >= 4) for (const open of gates.splice(0)) open();
      });
      now -= 1;
      return x;
    },
    { backend: 'inline' },
  );

  expect(await result(() => map(list(6), (x) => held(x), { maxConcurrency: 2 }))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test('of a list that only structured clone carries each element is given to its own jobs', async () => {
  const visits = task(
    'visits',
    () => [
      { at: new Date(0), who: 'a b' },
      { at: new Date(9), who: 'c' },
    ],
    { backend: 'inline' },
  );
  const day = task('day', (at: Date) => at.getTime(), { backend: 'inline' });
  const greet = command('greet', {
    run: (p: { who: string }) => sh`printf '"hello %s"' ${p.who} > said.json`,
    outputs: { said: json<string>('said.json') },
  });

  const value = await result(() =>
    map(visits(), (visit) => ({ whole: echo(visit), day: day(visit.at), said: greet({ who: visit.who }).said })),
  );

  expect(value).toEqual([
    { whole: { at: new Date(0), who: 'a b' }, day: 0, said: 'hello a b' },
    { whole: { at: new Date(9), who: 'c' }, day: 9, said: 'hello c' },
  ]);
});
