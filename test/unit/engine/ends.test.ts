import { describe, expect, test } from 'vitest';
import { MAX_VALUE_BYTES } from '../../../src/model/index.ts';
import { settled, testEngine } from './scripted.ts';

const exit3 = { kind: 'exit', code: 3 } as const;

describe('retries', () => {
  test('waits grow by the factor up to the longest, and the budget is counted', async () => {
    await using engine = await testEngine();
    const retry = { maxAttempts: 4, initialDelayMs: 100, backoffFactor: 3, maxDelayMs: 500 };
    const run = await engine.start({ a: { retry } });
    const waits: number[] = [];

    for (let i = 0; i < 3; i += 1) {
      engine.backend.end('a', exit3);
      await settled();
      expect(engine.states(run)['a']).toBe('pending (backoff)');
      const from = engine.clock.mono;
      while (engine.running().length === 0) await engine.clock.pass(50);
      waits.push(engine.clock.mono - from);
    }
    engine.backend.end('a', exit3);

    expect(waits).toEqual([100, 300, 500]);
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.shell.job(run, 0)).toMatchObject({ fence: 4, charged: 4, detail: 'exit' });
  });

  test('only the named causes and codes are tried again', async () => {
    await using engine = await testEngine();
    const retry = { maxAttempts: 3, retryOn: ['timeout', 'EBUSY'] };
    const run = await engine.start({ a: { retry }, b: { retry } });

    engine.backend.end('a', exit3);
    engine.backend.end('b', { kind: 'error', error: { name: 'Error', message: 'busy', code: 'EBUSY' } });
    await settled();

    expect(engine.states(run)).toEqual({ a: 'failed (exit)', b: 'running (starting)' });
  });

  test('a result that no store takes is the end of its attempt, not of the engine', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {}, b: {} });
    const value = { codec: 'v8', bytes: new Uint8Array(MAX_VALUE_BYTES + 1) } as const;

    engine.backend.end('a', { kind: 'ok', value });
    engine.backend.end('b', { kind: 'ok' });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toEqual({ a: 'failed (error)', b: 'done' });
    expect(engine.shell.why(run, 0).lastOutcome).toMatchObject({ error: { code: 'VALUE_TOO_LARGE' } });
  });

  test('losses have a budget of their own', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: { retry: { maxAttempts: 1, maxLosses: 2 } } });

    for (let i = 0; i < 3; i += 1) {
      engine.backend.end('a', { kind: 'lost', why: 'node died' });
      await settled();
    }

    expect(engine.states(run)['a']).toBe('failed (lost)');
    expect(engine.shell.job(run, 0)).toMatchObject({ fence: 3, charged: 0, losses: 3 });
  });

  test('a body that takes two places down with it is quarantined', async () => {
    await using engine = await testEngine({
      places: [
        { name: 'n1', cpus: 1 },
        { name: 'n2', cpus: 2 },
      ],
    });
    const run = await engine.start({ bad: {}, good: { expectedMs: 1 } });
    const die = (job: string) => {
      const order = engine.backend.live.get(job);
      if (order === undefined) throw new Error(`${job} does not run`);
      engine.backend.live.delete(job);
      engine.backend.context.report({ kind: 'gone', attempt: order.attempt, why: 'node died', placeDied: true });
    };
    expect(engine.backend.live.get('bad')?.grant.place).toBe('n1');
    engine.backend.context.report({ kind: 'places', places: [{ name: 'n2', cpus: 2 }] });
    die('bad');
    await settled();
    expect(engine.backend.live.get('bad')?.grant.place).toBe('n2');
    die('bad');
    await settled();

    expect(engine.states(run)['bad']).toBe('failed (lost)');
    expect(engine.shell.why(run, 0).lastOutcome).toMatchObject({
      kind: 'lost',
      why: expect.stringContaining('quarantined'),
    });
  });

  test('an attempt that is gone gives its room back at once; its job reads unreachable until a successor is granted', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: {}, urgent: { priority: 1, edges: [] } });
    engine.backend.end('urgent');
    await settled();
    await engine.shell.pause(run);

    engine.backend.end('a', { kind: 'lost', why: 'host gone' });
    await settled();

    expect(engine.states(run)['a']).toBe('running (unreachable)');
    expect(engine.shell.core.backends.get('scripted')?.places[0]?.freeCpus).toBe(1);
    await engine.shell.unpause(run);
    await settled();
    const steps = engine.events.flatMap((event) =>
      event.kind === 'job' && event.job === 'a' ? [`${event.status} ${event.detail} ${event.fence}`] : [],
    );
    expect(steps).toEqual(['running starting 1', 'running unreachable 1', 'pending queued 1', 'running starting 2']);
  });

  test('a launch that is refused for now charges nothing and is tried again', async () => {
    await using engine = await testEngine();
    let refusals = 2;
    engine.backend.answer = () => {
      refusals -= 1;
      return refusals >= 0 ? { kind: 'refused', retryable: true, why: 'EAGAIN' } : { kind: 'accepted', handle: '' };
    };
    const run = await engine.start({ a: {} });
    expect(engine.states(run)['a']).toBe('pending (backoff)');

    await engine.clock.pass(2000);

    expect(engine.running()).toEqual(['a']);
    expect(engine.shell.job(run, 0)).toMatchObject({ fence: 3, charged: 0 });
  });

  test('a late report is told of and changes nothing', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: { retry: { maxAttempts: 2 } } });
    const first = engine.backend.launched[0]?.attempt;
    engine.backend.end('a', exit3);
    await settled();

    if (first !== undefined) engine.backend.context.report({ kind: 'ended', attempt: first, outcome: { kind: 'ok' } });
    await settled();

    expect(engine.states(run)['a']).toBe('running (starting)');
    expect(engine.events).toContainEqual(expect.objectContaining({ kind: 'notice', code: 'late-report' }));
  });
});

describe('deadlines', () => {
  test('each of queue, run and heartbeat ends its job with cause timeout', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const run = await engine.start({
      long: { priority: 2, timeouts: { runMs: 5000 } },
      silent: { priority: 2, timeouts: { heartbeatMs: 1000 } },
      waiting: { timeouts: { queueMs: 500 } },
    });
    const silent = engine.backend.live.get('silent');
    await engine.clock.pass(800);
    expect(engine.states(run)['waiting']).toBe('failed (timeout)');
    if (silent !== undefined) engine.backend.context.report({ kind: 'heartbeat', attempt: silent.attempt });

    await engine.clock.pass(600);
    expect(engine.running()).toContain('silent');
    await engine.clock.pass(600);
    expect(engine.states(run)['silent']).toBe('failed (timeout)');
    await engine.clock.pass(4000);

    expect(engine.states(run)['long']).toBe('failed (timeout)');
    expect(engine.shell.why(run, 0).lastOutcome).toEqual({ kind: 'timeout', timeout: 'run' });
  });

  test('an attempt that does not become active in time is ended', async () => {
    await using engine = await testEngine();
    engine.backend.capabilities = { ...engine.backend.capabilities, local: false };
    const run = await engine.start({ a: { timeouts: { startMs: 1000 } } });

    await engine.clock.pass(1001);

    expect(engine.states(run)['a']).toBe('failed (timeout)');
  });
});

describe('what happens after a failure', () => {
  test('stop: nothing new starts, what runs may end', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const run = await engine.start({ a: {}, b: {}, c: {} }, { onFailure: 'stop' });
    engine.backend.end('a', exit3);
    await settled();
    expect(engine.running()).toEqual(['b']);
    engine.backend.end('b');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toEqual({ a: 'failed (exit)', b: 'done', c: 'cancelled (run-abort)' });
  });

  test('abort: what runs is cancelled too', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const run = await engine.start({ a: {}, b: {}, c: {} }, { onFailure: 'abort' });

    engine.backend.end('a', exit3);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toEqual({ a: 'failed (exit)', b: 'cancelled (run-abort)', c: 'cancelled (run-abort)' });
  });
});
