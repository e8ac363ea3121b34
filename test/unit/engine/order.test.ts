import { describe, expect, test } from 'vitest';
import { ACCEPT_ALL, ACCEPT_DONE, ACCEPT_FAILED, HeddleError } from '../../../src/model/index.ts';
import { settled, testEngine } from './scripted.ts';

const failed = { kind: 'exit', code: 3 } as const;

describe('edges', () => {
  test('a job starts when all it needs is done, and the run ends done', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {}, b: {}, c: { edges: ['a', 'b'] } });

    expect(engine.running()).toEqual(['a', 'b']);
    engine.backend.end('a');
    await settled();
    expect(engine.states(run)['c']).toBe('pending (blocked)');
    engine.backend.end('b');
    await settled();
    expect(engine.running()).toEqual(['c']);
    engine.backend.end('c');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done', counts: { done: 3 } });
  });

  test('a failure cancels all who need the value, each once, and nobody else', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: { priority: 1 }, b: { edges: ['a'] }, c: { edges: ['b'] }, other: {} });

    engine.backend.end('a', failed);
    await settled();
    engine.backend.end('other');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toEqual({
      a: 'failed (exit)',
      b: 'cancelled (upstream)',
      c: 'cancelled (upstream)',
      other: 'done',
    });
    const cancels = engine.events.filter((event) => event.kind === 'job' && event.status === 'cancelled');
    expect(cancels).toHaveLength(2);
    expect(engine.shell.why(run, 2).becauseOf).toBe('a');
  });

  test('an order edge waits for the end, whatever it is; one that can no longer come true fails its job', async () => {
    await using engine = await testEngine();
    const run = await engine.start({
      a: {},
      anyway: { edges: [{ from: 'a', accept: ACCEPT_ALL }] },
      mend: { edges: [{ from: 'a', accept: ACCEPT_FAILED }] },
      only: { edges: [{ from: 'a', accept: ACCEPT_DONE }] },
    });

    engine.backend.end('a', failed);
    await settled();

    expect(engine.running()).toEqual(['anyway', 'mend']);
    expect(engine.states(run)['only']).toBe('failed (unsatisfiable)');
  });

  test('work that got done before the kill is done', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {} });
    engine.backend.cancel = () => engine.backend.end('a');

    await engine.shell.cancel(run);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
  });
});

describe('who goes first', () => {
  test('larger priority, then the longest path, then order of submission', async () => {
    await using engine = await testEngine({ cpus: 1 });
    await engine.start({
      first: {},
      second: {},
      long: { expectedMs: 50 },
      head: {},
      tail: { edges: ['head'], expectedMs: 90 },
      urgent: { priority: 5 },
    });
    const order: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      const [next = ''] = engine.running();
      order.push(next);
      engine.backend.end(next);
      await settled();
    }

    expect(order).toEqual(['urgent', 'head', 'tail', 'long', 'first', 'second']);
  });

  test('what does not fit is stepped over, and after its patience a place is kept for it', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const small = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`small-${i}`, {}]));
    const run = await engine.start({
      blocker: { priority: 9 },
      wide: { priority: 5, resources: { cpus: 2 } },
      ...small,
    });
    expect(engine.running()).toEqual(['blocker', 'small-0']);

    engine.backend.end('small-0');
    await settled();
    expect(engine.running()).toEqual(['blocker', 'small-1']);
    await engine.clock.pass(60_000);
    engine.backend.end('small-1');
    await settled();

    expect(engine.running()).toEqual(['blocker']);
    expect(engine.states(run)).toMatchObject({ wide: 'pending (reserved)', 'small-2': 'pending (queued)' });
    expect(engine.shell.why(run, 4).reservedFor).toBe('wide');
    engine.backend.end('blocker');
    await settled();
    expect(engine.running()).toEqual(['wide']);
  });

  test('under fair sharing a second run does not wait for the first to finish', async () => {
    await using engine = await testEngine({ cpus: 2, options: { strategy: 'fair' } });
    await engine.start({ a1: {}, a2: {}, a3: {}, a4: {} });
    await engine.start({ b1: {}, b2: {} });

    engine.backend.end('a1');
    await settled();

    expect(engine.running()).toEqual(['a2', 'b1']);
  });

  test('devices are handed out by index and come back; tokens are counted engine-wide', async () => {
    await using engine = await testEngine({
      places: [{ name: 'box', cpus: 8, gpus: [3, 1] }],
      options: { tokens: { licence: 1 } },
    });
    await engine.start({
      g1: { resources: { gpus: 1 } },
      g2: { resources: { gpus: 1 } },
      g3: { resources: { gpus: 1 } },
      l1: { resources: { tokens: { licence: 1 } } },
      l2: { resources: { tokens: { licence: 1 } } },
    });

    expect(engine.running()).toEqual(['g1', 'g2', 'l1']);
    expect(engine.backend.launched.slice(0, 2).map((order) => order.grant.gpus)).toEqual([[1], [3]]);
    engine.backend.end('g2');
    engine.backend.end('l1');
    await settled();
    expect(engine.backend.live.get('g3')?.grant.gpus).toEqual([3]);
    expect(engine.running()).toContain('l2');
  });

  test('a request that no place could ever hold is refused before anything runs', async () => {
    await using engine = await testEngine({ cpus: 2 });

    await expect(engine.start({ a: {}, huge: { resources: { cpus: 64 } } })).rejects.toMatchObject({
      code: 'RESOURCES_IMPOSSIBLE',
    });
    await expect(engine.start({ a: { resources: { tokens: { nowhere: 1 } } } })).rejects.toMatchObject({
      code: 'RESOURCES_IMPOSSIBLE',
    });
    await expect(engine.start({ a: { backend: 'moon' } })).rejects.toMatchObject({ code: 'BACKEND_UNKNOWN' });
    expect(engine.backend.launched).toEqual([]);
  });
});

describe('conditions', () => {
  test('a condition on a job wakes with its end and is judged then', async () => {
    await using engine = await testEngine();
    const run = await engine.start({
      a: {},
      b: { condition: { kind: 'after', jobs: ['a'], accept: ACCEPT_FAILED, mode: 'all' } },
      c: { condition: { kind: 'after', jobs: ['a', 'nobody'], accept: ACCEPT_ALL, mode: 'any' } },
    });
    expect(engine.running()).toEqual(['a']);
    expect(engine.states(run)['b']).toBe('pending (condition)');

    engine.backend.end('a');
    await settled();

    expect(engine.states(run)['b']).toBe('failed (unsatisfiable)');
    expect(engine.running()).toEqual(['c']);
  });

  test('a point in time is the wall clock’s: a jump is noticed, a passed deadline is unsatisfiable', async () => {
    await using engine = await testEngine();
    const { clock } = engine;
    const run = await engine.start({
      later: { condition: { kind: 'after-time', at: clock.wall + 3_600_000 } },
      late: { edges: ['later'], condition: { kind: 'before-time', at: clock.wall + 60_000 } },
    });
    expect(engine.states(run)['later']).toBe('pending (time)');
    await clock.pass(10_000);
    expect(engine.running()).toEqual([]);

    clock.wall += 7_200_000;
    await clock.pass(30_000);

    expect(engine.running()).toEqual(['later']);
    engine.backend.end('later');
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)['late']).toBe('failed (unsatisfiable)');
  });

  test('a condition of the user’s is looked at at its own pace, and one that throws is contained', async () => {
    let looks = 0;
    const conditions = {
      third: () => {
        looks += 1;
        if (looks === 1) throw new Error('not ready to be asked');
        return looks >= 3;
      },
    };
    await using engine = await testEngine({ options: { conditions } });
    await engine.start({ a: { condition: { kind: 'custom', name: 'third', everyMs: 500 } }, b: {} });
    expect(engine.running()).toEqual(['b']);

    await engine.clock.pass(499);
    expect(looks).toBe(1);
    await engine.clock.pass(501);

    expect(engine.running()).toEqual(['b', 'a']);
  });
});

describe('what is told', () => {
  test('is what was committed: while commits wait, an end is not told by any view', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: {}, b: { edges: ['a'] } });
    const { store } = engine.shell;
    const commit = store.commit.bind(store);
    let isFull = true;
    Object.assign(store, {
      commit: (...args: Parameters<typeof commit>) =>
        isFull ? Promise.reject(new HeddleError('STORE_FULL', 'the disk is full')) : commit(...args),
    });
    engine.backend.end('a');
    await settled();
    expect(engine.states(run)).toEqual({ a: 'running (starting)', b: 'pending (queued)' });
    expect(engine.shell.view(run)).toMatchObject({ status: 'running', counts: { pending: 1, running: 1, done: 0 } });
    expect(engine.shell.running(run)).toEqual([]);

    isFull = false;
    await engine.clock.pass(3000);

    expect(engine.states(run)).toEqual({ a: 'done', b: 'running (starting)' });
    expect(engine.shell.view(run)).toMatchObject({ counts: { pending: 0, running: 1, done: 1 } });
    expect(engine.shell.running(run)).toMatchObject([{ job: 'b' }]);
  });
});
