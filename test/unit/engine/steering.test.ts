import { describe, expect, test } from 'vitest';
import { settled, testEngine } from './scripted.ts';

describe('steering', () => {
  test('pause starts nothing more and reads pending once nothing runs; unpause goes on', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: {}, b: {} });
    await engine.shell.pause(run);
    expect(engine.shell.view(run).status).toBe('running');
    engine.backend.end('a');
    await settled();
    expect(engine.shell.view(run)).toMatchObject({ status: 'pending', detail: 'paused' });
    expect(engine.states(run)['b']).toBe('pending (paused)');

    await engine.shell.unpause(run);
    await settled();

    expect(engine.running()).toEqual(['b']);
  });

  test('a held job is passed by, also when it becomes ready later, until it is released', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const run = await engine.start({ a: {}, b: { edges: ['a'] } });
    await engine.shell.hold(run, [1]);
    engine.backend.end('a');
    await settled();
    expect(engine.states(run)['b']).toBe('pending (held)');

    await engine.shell.release(run, [1]);
    await settled();

    expect(engine.running()).toEqual(['b']);
  });

  test('cancelling a run reads cancelled by the user, for what waits too, and ends it', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: {}, b: { edges: ['a'] }, c: {} });

    await engine.shell.cancel(run);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled' });
    expect(engine.states(run)).toEqual({ a: 'cancelled (user)', b: 'cancelled (user)', c: 'cancelled (user)' });
    expect(engine.backend.launched).toHaveLength(1);
  });

  test('cancelling one job cancels its dependents as upstream, and a second cancel changes nothing', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ a: {}, b: { edges: ['a'] }, c: {} });
    await engine.shell.cancel(run, [0]);
    await engine.shell.cancel(run, [0]);
    await settled();
    engine.backend.end('c');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled' });
    expect(engine.states(run)).toEqual({ a: 'cancelled (user)', b: 'cancelled (upstream)', c: 'done' });
  });

  test('a cancel during backoff ends the job; its pause means nothing afterwards', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: { retry: { maxAttempts: 3, initialDelayMs: 1000 } } });
    engine.backend.end('a', { kind: 'exit', code: 1 });
    await settled();
    await engine.shell.cancel(run, [0]);
    await engine.clock.pass(5000);

    expect(engine.states(run)['a']).toBe('cancelled (user)');
    expect(engine.backend.launched).toHaveLength(1);
  });

  test('retry runs what failed and was cancelled again, keeps what is done, and restores budgets', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {}, b: { retry: { maxAttempts: 2 } }, c: { edges: ['a', 'b'] } });
    engine.backend.end('a');
    engine.backend.end('b', { kind: 'exit', code: 1 });
    await settled();
    engine.backend.end('b', { kind: 'exit', code: 1 });
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });

    await engine.shell.retry(run, { resources: { cpus: 2 } });
    await settled();

    expect(engine.running()).toEqual(['b']);
    expect(engine.backend.live.get('b')?.grant.cpus).toBe(2);
    engine.backend.end('b');
    await settled();
    engine.backend.end('c');
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
    expect(engine.backend.launched.filter((order) => order.job === 'a')).toHaveLength(1);
  });

  test('rerun makes the finished jobs that took the value pending again, and only those', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {}, b: { edges: ['a'] }, c: {} });
    for (const job of ['a', 'c', 'b']) {
      engine.backend.end(job);
      await settled();
    }
    await engine.shell.ended(run);

    await engine.shell.rerun(run, [0]);
    await settled();

    expect(engine.states(run)).toEqual({ a: 'running (starting)', b: 'pending (blocked)', c: 'done' });
    engine.backend.end('a');
    await settled();
    engine.backend.end('b');
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
  });

  test('nodes can be appended while a run goes on', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {} });
    const { GraphBuilder, DEFAULT_REQUEST, DEFAULT_RETRY } = await import('../../../src/model/index.ts');
    const { graphOf } = await import('./scripted.ts');
    const builder = new GraphBuilder('more', { after: graphOf({ a: {} }) });
    const definition = {
      name: 'w',
      kind: 'call',
      resources: DEFAULT_REQUEST,
      retry: DEFAULT_RETRY,
      timeouts: {},
      graceMs: 1,
      priority: 0,
    } as const;
    builder.add('b', { definition, edges: ['a'] });
    await engine.shell.append(run, builder.build());
    engine.backend.end('a');
    await settled();
    engine.backend.end('b');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done', size: 2 });
  });
});

describe('stopping and going on', () => {
  test('shutdown leaves what ran pending (interrupted), uncharged; resume in another engine goes on', async () => {
    const first = await testEngine({ cpus: 1 });
    const run = await first.start({ a: {}, b: { edges: ['a'] }, c: {} });
    first.backend.end('a');
    await settled();
    expect(first.running()).toEqual(['b']);
    await first.shell.shutdown();
    const row = await first.shell.store.run(run);
    expect(row).toMatchObject({ status: 'pending', detail: 'interrupted' });
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ cpus: 2, medium: first.medium, clock: first.clock });
    await second.shell.resume(run);
    await settled();

    expect(second.running()).toEqual(['b', 'c']);
    expect(second.shell.job(run, 1)).toMatchObject({ fence: 2, charged: 0, losses: 0 });
    second.backend.end('b');
    second.backend.end('c');
    expect(await second.shell.ended(run)).toMatchObject({ status: 'done', counts: { done: 3 } });
  });

  test('after a crash what lives is adopted, what ended is collected, what is gone runs again', async () => {
    const first = await testEngine({ cpus: 4 });
    const run = await first.start({ lives: {}, ended: {}, gone: {}, after: { edges: ['lives', 'ended', 'gone'] } });
    const { MemoryStore } = await import('../../../src/store/index.ts');
    await (first.shell.store as InstanceType<typeof MemoryStore>)[Symbol.asyncDispose]();

    await using second = await testEngine({ cpus: 4, medium: first.medium, clock: first.clock });
    second.backend.recovered = (query) => {
      if (query.job === 'lives') return { kind: 'running' };
      return query.job === 'ended' ? { kind: 'ended', outcome: { kind: 'ok' } } : { kind: 'gone', why: 'no record' };
    };
    await second.shell.resume(run);
    await settled();

    expect(second.states(run)).toEqual({
      lives: 'running (active)',
      ended: 'done',
      gone: 'running (starting)',
      after: 'pending (blocked)',
    });
    expect(second.running()).toEqual(['gone']);
    expect(second.shell.core.backends.get('scripted')?.places[0]?.freeCpus).toBe(2);
  });

  test('a run that somebody executes is refused by name of its process', async () => {
    await using first = await testEngine();
    const run = await first.start({ a: {} });
    await using second = await testEngine({ medium: first.medium, clock: first.clock });

    await expect(second.shell.resume(run)).rejects.toMatchObject({
      code: 'RUN_OWNED',
      message: expect.stringContaining('process'),
    });
  });

  test('an unreachable attempt is asked after again at its date, and its result still counts', async () => {
    await using engine = await testEngine();
    engine.backend.answer = () => ({ kind: 'unknown', why: 'time-out' });
    const run = await engine.start({ a: {} });
    expect(engine.states(run)['a']).toBe('running (unreachable)');
    expect(engine.shell.why(run, 0).wakeAt).toBe(engine.clock.wall + 15_000);
    engine.backend.recovered = () => ({ kind: 'ended', outcome: { kind: 'ok' } });

    await engine.clock.pass(15_000);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
    expect(engine.backend.launched).toHaveLength(1);
  });
});
