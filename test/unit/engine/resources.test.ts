import { describe, expect, test } from 'vitest';
import type { Place } from '../../../src/model/index.ts';
import { graphOf, settled, type TestEngine, testEngine } from './scripted.ts';

const GIB = 2 ** 30;
const OOM = { kind: 'memory' } as const;

const box = (more: Partial<Place> = {}): readonly Place[] => [{ name: 'box', cpus: 8, memoryBytes: 16 * GIB, ...more }];

function grantsOf({ backend }: TestEngine, job: string): readonly unknown[] {
  return backend.launched.filter((order) => order.job === job).map(({ grant }) => grant);
}

describe('devices', () => {
  test('parts share one device up to the whole of it, and whole ones are never shared', async () => {
    await using engine = await testEngine({ places: box({ gpus: [0, 1] }) });
    const part = { resources: { gpus: 0.5 } };

    await engine.start({ h1: part, whole: { resources: { gpus: 1 } }, h2: part, h3: part });

    expect(engine.running()).toEqual(['h1', 'whole', 'h2']);
    expect(grantsOf(engine, 'h1')).toMatchObject([{ gpus: [0], gpuShare: 0.5 }]);
    expect(grantsOf(engine, 'h2')).toMatchObject([{ gpus: [0], gpuShare: 0.5 }]);
    expect(grantsOf(engine, 'whole')).toEqual([{ place: 'box', cpus: 1, gpus: [1] }]);
    engine.backend.end('whole');
    await settled();
    expect(grantsOf(engine, 'h3')).toMatchObject([{ gpus: [1], gpuShare: 0.5 }]);
  });

  test('two backends of one machine never hand out the same device', async () => {
    await using engine = await testEngine({ places: box({ gpus: [0], devicesOf: 'this machine' }) });
    const { backend } = engine;
    backend.context.report({
      kind: 'places',
      places: [
        ...box({ gpus: [0], devicesOf: 'this machine' }),
        { name: 'other', cpus: 8, gpus: [0], devicesOf: 'this machine' },
      ],
    });
    const whole = { resources: { gpus: 1 } };

    await engine.start({ a: whole, b: whole });

    expect(engine.running()).toEqual(['a']);
    backend.end('a');
    await settled();
    expect(engine.running()).toEqual(['b']);
  });

  test('F27: a device that is lost while it is held is not given to another, and who needs more than is left says so', async () => {
    await using engine = await testEngine({ places: box({ gpus: [0, 1] }) });
    const run = await engine.start({
      one: { resources: { gpus: 1 } },
      both: { resources: { gpus: 2 } },
      next: { resources: { gpus: 1 } },
      last: { resources: { gpus: 1 } },
    });
    expect(engine.running()).toEqual(['one', 'next']);

    engine.backend.context.report({ kind: 'places', places: box({ gpus: [1] }) });
    await settled();
    engine.backend.end('one');
    await settled();

    // Device 0 is gone with its holder; 1 is still held.
    expect(engine.running()).toEqual(['next']);
    expect(engine.shell.why(run, 1)).toMatchObject({ exceeds: true, job: { status: 'pending', detail: 'queued' } });
    expect(engine.events).toContainEqual(expect.objectContaining({ kind: 'notice', code: 'capacity-gone' }));
    engine.backend.end('next');
    await settled();
    expect(grantsOf(engine, 'last')).toMatchObject([{ gpus: [1] }]);
    engine.backend.end('last');
    engine.backend.context.report({ kind: 'places', places: box({ gpus: [1, 2] }) });
    await settled();
    expect(grantsOf(engine, 'both')).toMatchObject([{ gpus: [1, 2] }]);
  });
});

describe('totals', () => {
  test('hold over all places, tokens and slots apart', async () => {
    const places = [...box(), { name: 'other', cpus: 8 }];
    await using engine = await testEngine({ places, options: { totals: { cpus: 3, memoryBytes: 4 * GIB } } });
    const run = await engine.start({ a: {}, b: {}, c: {}, d: {} });

    expect(engine.running()).toEqual(['a', 'b', 'c']);
    for (const job of ['a', 'b', 'c', 'd']) {
      engine.backend.end(job);
      await settled();
    }
    expect(engine.shell.view(run).status).toBe('done');

    await engine.start({ m1: { resources: { memoryBytes: 3 * GIB } }, m2: { resources: { memoryBytes: 3 * GIB } } });
    expect(engine.running()).toEqual(['m1']);
  });

  test('are exceeded by choice only', async () => {
    await using engine = await testEngine({
      places: box(),
      options: { totals: { memoryBytes: 4 * GIB }, oversubscribe: 2 },
    });
    const large = { resources: { memoryBytes: 4 * GIB } };

    await engine.start({ a: large, b: large, c: large });

    expect(engine.running()).toEqual(['a', 'b']);
  });

  test('who asks for more than a task may have is refused, by name', async () => {
    await using engine = await testEngine({ places: box(), options: { perTask: { cpus: 4, memoryBytes: 2 * GIB } } });

    await expect(engine.start({ ok: {}, fit: { name: 'fit', resources: { cpus: 8 } } })).rejects.toMatchObject({
      name: 'ResourceLimitError',
      code: 'RESOURCE_LIMIT',
      message: "task 'fit' asks for 8 cpus, and a task may have 4 cpus",
      details: { task: 'fit', resource: 'cpus', wanted: 8, limit: 4 },
    });
    expect(engine.backend.launched).toEqual([]);
  });

  test('who was passed over for them gets room kept, also from what other places would take', async () => {
    const places = [...box(), { name: 'other', cpus: 8 }];
    await using engine = await testEngine({ places, options: { totals: { cpus: 2 } } });
    const small = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`small-${i}`, {}]));
    await engine.start({ blocker: { priority: 9 }, wide: { priority: 5, resources: { cpus: 2 } }, ...small });
    expect(engine.running()).toEqual(['blocker', 'small-0']);

    await engine.clock.pass(60_000);
    engine.backend.end('small-0');
    await settled();
    expect(engine.running()).toEqual(['blocker']);
    engine.backend.end('blocker');
    await settled();

    expect(engine.running()).toEqual(['wide']);
  });
});

describe('whose turn it is', () => {
  test('fair: the run that has least of what it needs most, be it memory', async () => {
    await using engine = await testEngine({ places: box(), options: { strategy: 'fair' } });
    const large = { resources: { memoryBytes: 4 * GIB } };
    const small = { resources: { memoryBytes: GIB } };
    await engine.start({ a1: large, a2: large, a3: large, a4: large, a5: large, a6: large });
    await engine.start({ b1: small, b2: small, b3: small });
    expect(engine.running()).toEqual(['a1', 'a2', 'a3', 'a4']);

    engine.backend.end('a1');
    await settled();

    // By cpus alone the first run would come to a fourth of its own after two of the others.
    expect(engine.running()).toEqual(['a2', 'a3', 'a4', 'b1', 'b2', 'b3']);
  });

  test('demand: who asks for most of what is scarce, small ones in what that leaves', async () => {
    await using engine = await testEngine({ cpus: 4, options: { strategy: 'demand' } });

    await engine.start({ s1: {}, s2: {}, large: { resources: { cpus: 3 } }, middle: { resources: { cpus: 2 } } });

    expect(engine.running()).toEqual(['large', 's1']);
  });
});

describe('what was begun is finished', () => {
  test('of a thousand runs of five steps two hundred are done after a thousand steps, not a thousand half done', async () => {
    await using engine = await testEngine({ cpus: 4 });
    const steps = {
      s1: {},
      s2: { edges: ['s1'] },
      s3: { edges: ['s2'] },
      s4: { edges: ['s3'] },
      s5: { edges: ['s4'] },
    };
    const runs = await Promise.all(Array.from({ length: 1000 }, () => engine.shell.start(graphOf(steps), {})));
    await settled();

    // Jobs of all runs have the same names: attempts are ended as they were launched.
    for (let ended = 0; ended < 1000; ended += 1) {
      const { attempt } = engine.backend.launched[ended] as (typeof engine.backend.launched)[number];
      engine.backend.context.report({ kind: 'ended', attempt, outcome: { kind: 'ok' } });
      while (engine.backend.launched.length < ended + 5) await new Promise((resolve) => setImmediate(resolve));
    }

    const views = runs.map((run) => engine.shell.view(run));
    const begun = views.filter(({ counts }) => counts.done > 0).length;
    expect(views.filter(({ status }) => status === 'done').length).toBeGreaterThanOrEqual(196);
    expect(begun).toBeLessThanOrEqual(204);
    engine.backend.live.clear();
    await Promise.all(runs.map((run) => engine.shell.cancel(run)));
    for (const { attempt } of engine.backend.launched)
      engine.backend.context.report({ kind: 'ended', attempt, outcome: { kind: 'ok' } });
    await settled();
  });

  test('within a run the longest path goes first: what lies on it never waits for what does not', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const short = Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`short-${i}`, { expectedMs: 10 }]));
    await engine.start({
      ...short,
      c1: { expectedMs: 10 },
      c2: { edges: ['c1'], expectedMs: 10 },
      c3: { edges: ['c2'], expectedMs: 11 },
    });

    // Two slots, seven jobs of a length: four rounds are the least there can be, and three of them are the path's.
    for (const round of [['c1', 'short-0'], ['c2', 'short-1'], ['c3', 'short-2'], ['short-3']]) {
      expect(engine.running().toSorted()).toEqual(round);
      for (const job of round) engine.backend.end(job);
      await settled();
    }
  });
});

describe('what ran out is asked for again, and more of it', () => {
  const retry = { maxAttempts: 4, escalate: { memory: 2, time: 1.5, maxMemoryBytes: 7 * GIB } };
  const node = { resources: { memoryBytes: 2 * GIB }, timeouts: { runMs: 60_000 }, retry };

  test('memory after memory, up to the cap; time stays', async () => {
    await using engine = await testEngine({ places: box() });
    await engine.start({ a: node });
    for (let i = 0; i < 3; i += 1) {
      engine.backend.end('a', OOM);
      await settled();
    }

    expect(grantsOf(engine, 'a')).toEqual(
      [2, 4, 7, 7].map((gib) => ({ place: 'box', cpus: 1, memoryBytes: gib * GIB })),
    );
    expect(engine.backend.launched.map(({ limits }) => limits.runMs)).toEqual([60_000, 60_000, 60_000, 60_000]);
  });

  test('time after a run timeout; memory stays', async () => {
    await using engine = await testEngine({ places: box() });
    await engine.start({ a: node });
    await engine.clock.pass(60_000);
    await settled();

    expect(engine.backend.launched.map(({ limits }) => limits.runMs)).toEqual([60_000, 90_000]);
    expect(grantsOf(engine, 'a')[1]).toEqual({ place: 'box', cpus: 1, memoryBytes: 2 * GIB, timeMs: 90_000 });
    await engine.clock.pass(89_000);
    expect(engine.running()).toEqual(['a']);
  });

  test('nothing after a loss, a preemption or another failure', async () => {
    await using engine = await testEngine({ places: box() });
    await engine.start({ a: node });
    engine.backend.end('a', { kind: 'preempted' });
    await settled();
    engine.backend.end('a', { kind: 'lost', why: 'its node died' });
    await settled();
    engine.backend.end('a', { kind: 'exit', code: 1 });
    await settled();

    expect(engine.backend.launched.map(({ grant }) => grant.memoryBytes)).toEqual([2, 2, 2, 2].map((gib) => gib * GIB));
  });

  test('never more than any place has, and `why` says what it asked for at first', async () => {
    await using engine = await testEngine({ places: box({ memoryBytes: 3 * GIB }) });
    const run = await engine.start({ a: node });
    engine.backend.end('a', OOM);
    await settled();

    expect(grantsOf(engine, 'a')[1]).toMatchObject({ memoryBytes: 3 * GIB });
    expect(engine.shell.why(run, 0)).toMatchObject({
      first: { memoryBytes: 2 * GIB },
      lastOutcome: OOM,
    });
  });

  test('who takes the run over asks for the same; who begins anew for what it was defined to have', async () => {
    const first = await testEngine({ places: box() });
    const run = await first.start({ a: node });
    first.backend.end('a', OOM);
    await settled();
    await first.shell.shutdown({ detach: true });

    await using second = await testEngine({ places: box(), medium: first.medium });
    await second.shell.resume(run);
    await settled();
    expect(grantsOf(second, 'a')).toMatchObject([{ memoryBytes: 4 * GIB }]);

    for (let i = 0; i < 3; i += 1) {
      second.backend.end('a', { kind: 'exit', code: 1 });
      await settled();
    }
    expect(second.states(run)).toEqual({ a: 'failed (exit)' });
    await second.shell.retry(run);
    await settled();
    expect(second.backend.launched.map(({ grant }) => (grant.memoryBytes ?? 0) / GIB)).toEqual([4, 4, 4, 2]);
  });
});

describe('several places with room', () => {
  const places: readonly Place[] = [
    { name: 'small', cpus: 2 },
    { name: 'large', cpus: 4 },
  ];

  test.each([
    { spread: undefined, expected: ['small', 'small', 'large', 'large'] },
    { spread: 'least-loaded', expected: ['small', 'large', 'large', 'small'] },
    { spread: 'round-robin', expected: ['small', 'large', 'small', 'large'] },
  ] as const)('are taken one after the other by $spread', async ({ spread, expected }) => {
    await using engine = await testEngine({ places });
    const { backend } = engine;
    backend.capabilities = { ...backend.capabilities, ...(spread === undefined ? {} : { spread }) };

    await engine.start({ a: {}, b: {}, c: {}, d: {} });

    expect(backend.launched.map(({ grant }) => grant.place)).toEqual(expected);
  });
});
