import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../jobs/index.ts';
import { type FileValue, textAt } from '../model/index.ts';
import {
  branch,
  type CallHandle,
  choose,
  command,
  every,
  file,
  input,
  is,
  json,
  loop,
  map,
  not,
  pathOf,
  type Placeholder,
  sh,
  some,
  task,
  when,
  workflow,
} from './index.ts';

const list = task('list', (n: number) => Array.from({ length: n }, (_, i) => i), { backend: 'inline' });
const double = task('double', (x: number) => x * 2, { backend: 'inline' });
const add = task('add', (a: number, b: number) => a + b, { backend: 'inline' });
/** Gives what it is given, of whatever type: known only when it has run. */
const echo = task('echo', (value: unknown) => value, { backend: 'inline' }) as unknown as <T>(
  value: Placeholder<T> | T,
) => CallHandle<T>;
const refuse = task(
  'refuse',
  (x: number, bad: readonly number[]) => {
    if (bad.includes(x)) throw new Error(`no ${x}`);
    return x;
  },
  { backend: 'inline' },
);
const total = task('total', (xs: readonly number[]) => xs.reduce((sum, x) => sum + x, 0), { backend: 'inline' });

let folder = '';
let engine: Engine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-control-'));
  engine = await Engine.open({ project: folder });
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly status: string;
  readonly result: unknown;
  readonly error: string;
  /** Jobs by name, with their status. */
  readonly jobs: Readonly<Record<string, string>>;
}

async function play(build: () => unknown): Promise<Ended> {
  const run = await engine.run(workflow('test', build));
  let result: unknown;
  let error = '';
  try {
    result = await run.result();
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  const view = await run.wait();
  const graphs = await engine.store.graph(run.id);
  const names = graphs.flatMap((graph) => Array.from({ length: graph.size }, (_, i) => textAt(graph.names, i)));
  const jobs: Record<string, string> = {};
  for (const name of names) {
    const { job } = await run.why(name);
    jobs[name] = job.skipped === true ? 'skipped' : job.status;
  }
  return { status: view.status, result, error, jobs };
}

const result = async (build: () => unknown): Promise<unknown> => {
  const ended = await play(build);
  expect(ended.error).toBe('');
  return ended.result;
};

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

test('a branch by label does one thing and nothing of the others', async () => {
  const play2 = (label: string): Promise<Ended> =>
    play(() => {
      const chosen = branch(
        echo(label),
        { big: () => double(10), small: () => ({ one: 1, two: double(1) }) },
        { otherwise: () => 0 },
      );
      return { chosen: echo(chosen) };
    });

  const small = await play2('small');
  expect(small.result).toEqual({ chosen: { one: 1, two: 2 } });
  expect(Object.keys(small.jobs)).not.toContain('branch-1/big/double-1');
  expect((await play2('big')).result).toEqual({ chosen: 20 });
  expect((await play2('huge')).result).toEqual({ chosen: 0 });
});

test('a label without a branch fails with those there are; null takes none', async () => {
  const { error } = await play(() => branch(echo('huge' as string), { big: () => double(1), small: () => double(2) }));
  expect(error).toContain('\'branch-1\' has no branch "huge"');

  const { jobs, status } = await play(() => double(branch(echo(null as 'big' | null), { big: () => double(1) })));
  expect(status).toBe('done');
  expect(jobs).toEqual({
    'echo-1': 'done',
    'branch-1': 'skipped',
    'branch-1/gather': 'skipped',
    'double-1': 'skipped',
  });
});

test('tests choose: the first that passes, otherwise, or nothing', async () => {
  const sign = (x: number): Promise<unknown> =>
    result(() => {
      const value = echo(x);
      const is0 = is(value, '==', 0);
      return choose(
        {
          small: [every(is(value, '>', 0), is(value, '<=', 1)), () => 'small'],
          many: [some(is(value, '>=', 10), not(value)), () => echo('many or none')],
          never: [every(is0, not(is0)), () => 'never'],
        },
        { otherwise: () => ({ neither: value }) },
      );
    });

  expect(await Promise.all([sign(1), sign(0), sign(12), sign(5)])).toEqual([
    'small',
    'many or none',
    'many or none',
    { neither: 5 },
  ]);
});

test('what needs the value of what nothing chose is skipped; what only follows it runs', async () => {
  const { status, jobs } = await play(() => {
    const none = when(echo(0), () => double(1));
    double(none).named('needs');
    double(1).after(none).named('follows');
  });

  expect(status).toBe('done');
  expect(jobs).toMatchObject({ needs: 'skipped', follows: 'done', 'branch-1': 'skipped' });
});

test('comparing what has no order fails with both', async () => {
  const { error } = await play(() => when(is(echo('a' as unknown as number), '<', 3), () => 1));
  expect(error).toContain('"a" and 3 can\'t be compared by size');
});

test('a loop goes on with what it left until the test passes', async () => {
  const { result: value, jobs } = await play(() =>
    loop({
      initial: { x: list(3)[1]!, seen: 0 },
      body: (state, iteration) => ({ x: double(state.x), seen: iteration }),
      until: (state, iteration) => some(is(state.x, '>', 10), is(iteration, '==', 100)),
      maxIterations: 10,
      name: 'grow',
    }),
  );

  expect(value).toEqual({ x: 16, seen: 3 });
  expect(Object.keys(jobs).filter((name) => name.includes('double'))).toEqual([
    ...[0, 1, 2, 3].map((turn) => `grow/${turn}/double-1`),
  ]);
});

test('a loop that does not come to its end fails, or is content', async () => {
  const grow = (atMost: 'fail' | 'accept'): Promise<Ended> =>
    play(() => loop({ initial: 1, body: (x) => double(x), until: (x) => is(x, '<', 0), maxIterations: 3, atMost }));

  const failed = await grow('fail');
  expect(failed.error).toContain("'loop-1' has not come to its end after 3 iterations");
  expect(failed.jobs['loop-1/gather']).toBe('failed');
  expect((await grow('accept')).result).toBe(8);
});

test('a turn that fails ends the loop, and what needs it is cancelled', async () => {
  const { jobs, error } = await play(() =>
    double(loop({ initial: 1, body: (x) => refuse(double(x), [4]), until: (x) => is(x, '>', 100), maxIterations: 9 })),
  );

  expect(error).toContain('no 4');
  expect(jobs).toMatchObject({ 'loop-1/1/refuse-1': 'failed', 'loop-1/gather': 'failed', 'double-1': 'cancelled' });
});

test('why an element failed is told from however deep', async () => {
  const { error } = await play(() =>
    map(list(2), (x) =>
      when(is(x, '>', 0), () =>
        loop({
          initial: x,
          body: (state) => double(map([state], (y) => refuse(y, [1]))[0]!),
          until: (state) => is(state, '>', 9),
          maxIterations: 3,
        }),
      ),
    ),
  );

  expect(error).toContain(
    "1 of 2 elements of 'map-1' failed: [1] 1 of 1 elements of 'map-1/1/branch-1/then/loop-1/0/map-1' failed: [0] no 1",
  );
});

test('they stand in each other, and mention what is around them', async () => {
  const value = await result(() => {
    const offset = double(50);
    return map(list(3), (x) =>
      map([1, 2], (k) =>
        loop({
          initial: add(x, k),
          body: (state) =>
            branch(echo('on' as 'on' | 'off'), {
              on: () => map([state, offset], (part) => add(part, x))[0]!,
              off: () => 0,
            }),
          until: (state) => is(state, '>', 0),
          maxIterations: 2,
        }),
      ),
    );
  });

  expect(value).toEqual([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
});

test('a nested workflow is a part of the one around it, under its name', async () => {
  const part = workflow('part', (p: { x: number }) => {
    const twice = double(p.x);
    return { twice, more: map([1, 2], (k) => add(twice, k)) };
  });
  const outer = workflow('outer', (p: { x: number }) => part({ x: part({ x: p.x }).twice }).more);

  const { result: value, jobs } = await play(() => total(outer({ x: double(1) })));

  expect(value).toBe(8 + 1 + 8 + 2);
  expect(Object.keys(jobs)).toEqual(
    expect.arrayContaining(['outer-1/part-1/double-1', 'outer-1/part-2/map-1', 'outer-1/part-2/map-1/0/add-1']),
  );
});

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
  expect(readFileSync(join(folder, 'results', 'numbers', '2.txt'), 'utf8')).toBe('2\n');
});

test("the user's own files go through a map", async () => {
  writeFileSync(join(folder, 'own.txt'), 'mine\n');
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
