import { branch, choose, every, is, loop, map, not, some, when, workflow } from 'heddle';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { add, double, echo, list, refuse, total, type Ended, Playground } from './playground.ts';

let playground: Playground;

beforeAll(async () => {
  playground = await Playground.open();
});

afterAll(() => playground[Symbol.asyncDispose]());

const play = (build: () => unknown): ReturnType<Playground['play']> => playground.play(build);
const result = (build: () => unknown): Promise<unknown> => playground.result(build);

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
