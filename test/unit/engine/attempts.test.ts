import { describe, expect, test } from 'vitest';
import { retryDelayMs } from '../../../src/engine/retrying.ts';
import { DEFAULT_RETRY, type LaunchAnswer } from '../../../src/model/index.ts';
import { settled, testEngine } from './scripted.ts';

const exit3 = { kind: 'exit', code: 3 } as const;

describe('odd orders', () => {
  test('a cancel that comes while a launch is being answered is asked for again afterwards', async () => {
    await using engine = await testEngine();
    const { backend } = engine;
    const answered = Promise.withResolvers<void>();
    const launch = backend.launch.bind(backend);
    Object.assign(backend, {
      launch: async (orders: Parameters<typeof launch>[0]): Promise<readonly LaunchAnswer[]> => {
        await answered.promise;
        return launch(orders);
      },
    });
    const run = await engine.start({ a: {} });
    await engine.shell.cancel(run, [0]);
    await settled();
    expect(engine.states(run)['a']).toBe('running (cancelling)');

    answered.resolve();

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled' });
  });

  test('what was unreachable and answers again while its cancel is under way reads cancelling', async () => {
    await using engine = await testEngine();
    const { backend } = engine;
    backend.cancel = (attempt) => void backend.cancelled.push(attempt);
    const run = await engine.start({ a: {} });
    const attempt = backend.live.get('a')?.attempt;
    if (attempt === undefined) throw new Error('a does not run');
    backend.context.report({ kind: 'unreachable', attempt, why: 'no route' });
    await settled();
    await engine.shell.cancel(run, [0]);
    backend.context.report({ kind: 'phase', attempt, phase: 'active' });
    await settled();

    expect(engine.states(run)['a']).toBe('running (cancelling)');
  });

  test('an attempt that is said to be unreachable many times is asked after once at a time', async () => {
    await using engine = await testEngine();
    const { backend } = engine;
    let asked = 0;
    backend.recovered = () => {
      asked += 1;
      return { kind: 'unknown', why: 'no route' };
    };
    await engine.start({ a: {} });
    const attempt = backend.live.get('a')?.attempt;
    if (attempt === undefined) throw new Error('a does not run');
    for (let i = 0; i < 20; i += 1) backend.context.report({ kind: 'unreachable', attempt, why: 'no route' });
    await settled();

    await engine.clock.pass(60_000);

    expect(asked).toBe(4);
  });

  test('an attempt that is gone is released with the transaction that says lost, not before', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: {} });
    const attempt = engine.backend.live.get('a')?.attempt;
    await engine.shell.pause(run);
    engine.backend.end('a', { kind: 'lost', why: 'host gone' });
    await settled();
    expect(engine.states(run)['a']).toBe('running (unreachable)');
    expect(engine.backend.released).toEqual([]);

    await engine.shell.unpause(run);
    await settled();

    expect(engine.backend.released).toEqual([attempt]);
  });

  test('an attempt that never started charges nothing, and is not tried again without a pause', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const { backend } = engine;
    const run = await engine.start({ a: {} });
    for (let i = 0; i < 8; i += 1) {
      const order = backend.live.get('a');
      if (order === undefined) throw new Error('a does not run');
      backend.live.delete('a');
      backend.context.report({ kind: 'gone', attempt: order.attempt, why: 'disk full', neverStarted: true });
      await settled();
      expect(engine.states(run)['a']).toBe('pending (backoff)');
      await engine.clock.pass(1000);
    }

    expect(engine.running()).toEqual(['a']);
    expect(engine.shell.job(run, 0)).toMatchObject({ charged: 0, losses: 0 });
  });

  test('a launch that is refused in a run that stops is cancelled with the rest, not failed', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const { backend } = engine;
    const answered = Promise.withResolvers<void>();
    const launch = backend.launch.bind(backend);
    Object.assign(backend, {
      launch: async (orders: Parameters<typeof launch>[0]): Promise<readonly LaunchAnswer[]> => {
        const late = orders.filter((order) => order.job === 'b');
        if (late.length === 0) return launch(orders);
        await answered.promise;
        return orders.map((order) =>
          order.job === 'b'
            ? { kind: 'refused', retryable: true, why: 'EAGAIN' }
            : (launch([order])[0] as LaunchAnswer),
        );
      },
    });
    const run = await engine.start({ a: {}, c: { edges: ['a'] } }, { onFailure: 'stop' });
    await engine.shell.append(
      run,
      await import('./scripted.ts').then(({ segmentOf }) => segmentOf({ a: {}, c: {} }, { b: {} })),
    );
    await settled();
    engine.backend.end('a', exit3);
    await settled();
    answered.resolve();

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)['b']).toBe('cancelled (run-abort)');
  });

  test('an adopted attempt that has not begun keeps its deadline for it', async () => {
    const first = await testEngine();
    first.backend.capabilities = { ...first.backend.capabilities, local: false };
    const run = await first.start({ a: { timeouts: { startMs: 60_000 } } });
    const { MemoryStore } = await import('../../../src/store/index.ts');
    await (first.shell.store as InstanceType<typeof MemoryStore>)[Symbol.asyncDispose]();
    await first.clock.pass(30_000);

    await using second = await testEngine({ medium: first.medium, clock: first.clock });
    second.backend.capabilities = { ...second.backend.capabilities, local: false };
    second.backend.recovered = () => ({ kind: 'running', phase: 'starting' });
    await second.shell.resume(run);
    await settled();
    await second.clock.pass(29_000);
    expect(second.backend.cancelled).toEqual([]);

    await second.clock.pass(1001);

    expect(second.backend.cancelled).toHaveLength(1);
    const attempt = second.backend.cancelled[0];
    if (attempt !== undefined)
      second.backend.context.report({ kind: 'ended', attempt, outcome: { kind: 'signal', signal: 'SIGTERM' } });
    expect(await second.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(second.states(run)['a']).toBe('failed (timeout)');
  });
});

describe('waits between attempts', () => {
  test('are numbers, however many attempts there were', () => {
    const policy = { ...DEFAULT_RETRY, maxAttempts: 10_000 };

    expect(retryDelayMs(policy, 5000, 0.5)).toBe(0);
    expect(retryDelayMs({ ...policy, initialDelayMs: 10 }, 5000, 0.5)).toBe(policy.maxDelayMs);
  });

  test('seventy thousand attempts are counted as so many', async () => {
    const { JobTable } = await import('../../../src/engine/job-table.ts');
    const table = new JobTable();
    table.reserve(1, 0);
    table.charged[0] = 70_000;
    table.losses[0] = 70_000;

    expect([table.charged[0], table.losses[0]]).toEqual([70_000, 70_000]);
  });
});

describe('what is remembered', () => {
  test('timers of what has ended do not pile up', async () => {
    await using engine = await testEngine({ cpus: 1000 });
    const { clock } = engine;
    for (let i = 0; i < 20; i += 1) {
      const nodes = Object.fromEntries(
        Array.from({ length: 500 }, (_, n) => [`j${n}`, { timeouts: { runMs: 86_400_000, queueMs: 86_400_000 } }]),
      );
      const run = await engine.start(nodes);
      while (engine.running().length < 500) await settled();
      for (const name of engine.running()) engine.backend.end(name);
      await engine.shell.ended(run);
      await clock.pass(1);
    }

    expect(engine.shell.core.timers.size).toBeLessThan(5000);
  });

  test('the heap of live attempts is not walked for each of them', async () => {
    await using engine = await testEngine({ cpus: 5000 });
    const nodes = Object.fromEntries(
      Array.from({ length: 5000 }, (_, n) => [`j${n}`, { timeouts: { heartbeatMs: 1000 } }]),
    );
    const run = await engine.start(nodes);
    while (engine.running().length < 5000) await settled();
    const began = process.cpuUsage().user;
    for (let i = 0; i < 10; i += 1) {
      for (const { attempt } of engine.backend.live.values())
        engine.backend.context.report({ kind: 'heartbeat', attempt });
      await engine.clock.pass(900);
    }

    expect(engine.shell.view(run).counts.running).toBe(5000);
    expect(process.cpuUsage().user - began).toBeLessThan(2_000_000);
  });
});
