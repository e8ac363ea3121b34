import { describe, expect, test } from 'vitest';
import { HeddleError } from '../../../src/model/index.ts';
import type { MemoryStore } from '../../../src/store/index.ts';
import { graphOf, segmentOf, settled, testEngine, type TestEngine } from './scripted.ts';

const exit3 = { kind: 'exit', code: 3 } as const;

/** What a promise came to so far. */
function watched(promise: Promise<unknown>): { state: string } {
  const seen = { state: 'waiting' };
  promise.then(
    () => {
      seen.state = 'resolved';
    },
    (error: unknown) => {
      seen.state = HeddleError.is(error) ? error.code : String(error);
    },
  );
  return seen;
}

function attemptOf(
  engine: TestEngine,
  job: string,
): NonNullable<ReturnType<typeof engine.backend.live.get>>['attempt'] {
  const order = engine.backend.live.get(job);
  if (order === undefined) throw new Error(`${job} does not run`);
  return order.attempt;
}

describe('shutdown', () => {
  test('asked for twice waits twice, and a disposal in between closes no backend under it', async () => {
    const engine = await testEngine();
    const { backend } = engine;
    backend.cancel = (attempt) => void backend.cancelled.push(attempt);
    const run = await engine.start({ a: {} });
    const first = watched(engine.shell.shutdown());
    const second = watched(engine.shell.shutdown());
    const disposal = watched(engine.shell[Symbol.asyncDispose]());
    await settled();
    expect([first.state, second.state, disposal.state]).toEqual(['waiting', 'waiting', 'waiting']);

    backend.end('a', { kind: 'signal', signal: 'SIGTERM' });
    await settled();

    expect([first.state, second.state, disposal.state]).toEqual(['resolved', 'resolved', 'resolved']);
    expect(await engine.shell.store.run(run)).toMatchObject({ status: 'pending', detail: 'interrupted' });
    expect(await engine.shell.store.ownerOf(run)).toBeUndefined();
  });

  test('does not wait for what does not answer, also when that is being cancelled', async () => {
    const engine = await testEngine();
    const { backend } = engine;
    backend.cancel = (attempt) => {
      backend.cancelled.push(attempt);
      backend.context.report({ kind: 'unreachable', attempt, why: 'no route' });
    };
    const run = await engine.start({ a: {} });
    await engine.shell.shutdown();

    expect(await engine.shell.store.run(run)).toMatchObject({ status: 'pending', detail: 'interrupted' });
    expect(await engine.shell.store.job(run, 0)).toMatchObject({ status: 'running' });
  });

  test('ends what was unreachable and answers while it waits for the others', async () => {
    const engine = await testEngine();
    const { backend } = engine;
    const run = await engine.start({ a: {}, b: {} });
    const [a] = [attemptOf(engine, 'a'), attemptOf(engine, 'b')];
    backend.context.report({ kind: 'unreachable', attempt: a, why: 'no route' });
    await settled();
    backend.cancel = (attempt) => void backend.cancelled.push(attempt);
    const stopping = watched(engine.shell.shutdown());
    await settled();
    backend.context.report({ kind: 'phase', attempt: a, phase: 'active' });
    await settled();
    expect(backend.cancelled).toContain(a);

    backend.end('a', { kind: 'signal', signal: 'SIGTERM' });
    backend.end('b', { kind: 'signal', signal: 'SIGTERM' });
    await settled();

    expect(stopping.state).toBe('resolved');
    expect(await engine.shell.store.job(run, 0)).toMatchObject({ status: 'pending', detail: 'interrupted' });
  });

  test('sees a cancel to its end that is half done', async () => {
    const engine = await testEngine({ cpus: 1 });
    const nodes = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`j${i}`, {}]));
    const run = await engine.start(nodes);
    while (engine.running().length === 0) await settled();
    const cancel = watched(engine.shell.cancel(run));
    await engine.shell.shutdown();
    await settled();

    expect(cancel.state).toBe('resolved');
    expect(await engine.shell.store.run(run)).toMatchObject({ status: 'cancelled' });
  });

  test('lets nothing begin any more; what is beginning ends as it should', async () => {
    const engine = await testEngine();
    const finished = await engine.start({ x: {} });
    engine.backend.end('x', exit3);
    await engine.shell.ended(finished);
    const starting = engine.shell.start(graphOf({ a: {} }), {});
    const stopping = engine.shell.shutdown();
    const begun = await starting.then(
      async (run) => ({ run, row: await engine.shell.store.run(run) }),
      (error: unknown) => ({ run: undefined, row: HeddleError.is(error) ? error.code : error }),
    );
    await stopping;
    await settled();

    if (begun.run === undefined) expect(begun.row).toBe('ENGINE_CLOSED');
    else {
      expect(await engine.shell.store.run(begun.run)).toMatchObject({ status: 'pending', detail: 'interrupted' });
      expect(await engine.shell.store.ownerOf(begun.run)).toBeUndefined();
    }
    await expect(engine.shell.start(graphOf({ b: {} }), {})).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    await expect(engine.shell.retry(finished)).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    await expect(engine.shell.rerun(finished, [0])).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
  });

  test('is bounded when the store takes nothing more: who waits is told, and the run is resumed as after a crash', async () => {
    const engine = await testEngine();
    const run = await engine.start({ a: {}, b: { edges: ['a'] } });
    const ended = watched(engine.shell.ended(run));
    const commit = engine.shell.store.commit.bind(engine.shell.store);
    Object.assign(engine.shell.store, {
      commit: () => Promise.reject(new HeddleError('STORE_FULL', 'the disk is full')),
    });
    engine.backend.end('a');
    await settled();
    const stopping = watched(engine.shell.shutdown());
    await engine.clock.pass(5000);
    expect(stopping.state).toBe('waiting');

    await engine.clock.pass(30_000);

    expect(stopping.state).toBe('resolved');
    expect(ended.state).toBe('STORE_FULL');
    expect(commit).toBeDefined();
  });

  test('while commits are stalled goes on when there is room again', async () => {
    const engine = await testEngine();
    const run = await engine.start({ a: {} });
    const commit = engine.shell.store.commit.bind(engine.shell.store);
    let isFull = true;
    Object.assign(engine.shell.store, {
      commit: (...args: Parameters<typeof commit>) =>
        isFull ? Promise.reject(new HeddleError('STORE_FULL', 'the disk is full')) : commit(...args),
    });
    const stopping = watched(engine.shell.shutdown());
    await engine.clock.pass(3000);
    expect(stopping.state).toBe('waiting');
    isFull = false;
    await engine.clock.pass(3000);

    expect(stopping.state).toBe('resolved');
    expect(await engine.shell.store.job(run, 0)).toMatchObject({ status: 'pending', detail: 'interrupted' });
  });

  test('leaves no timer and decides nothing afterwards', async () => {
    const engine = await testEngine();
    let asked = 0;
    engine.backend.recovered = () => {
      asked += 1;
      return { kind: 'unknown', why: 'no route' };
    };
    await engine.start({ a: {}, b: {} });
    const a = attemptOf(engine, 'a');
    engine.backend.context.report({ kind: 'unreachable', attempt: a, why: 'no route' });
    await settled();
    await engine.shell.shutdown();
    engine.backend.context.report({ kind: 'heartbeat', attempt: a });
    await settled();
    await engine.clock.pass(100_000);

    expect(asked).toBe(0);
    await engine.shell.drain();
  });
});

describe('a store that fails', () => {
  test('breaks the engine, and everybody who waits is told', async () => {
    const engine = await testEngine({ cpus: 1 });
    const nodes = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`j${i}`, {}]));
    const run = await engine.start(nodes);
    Object.assign(engine.shell.store, {
      commit: () => Promise.reject(new HeddleError('STORE_IO', 'the disk is gone')),
    });
    const ended = watched(engine.shell.ended(run));
    const cancel = watched(engine.shell.cancel(run));
    const hold = watched(engine.shell.hold(run, [5]));
    const rerun = watched(engine.shell.rerun(run, [7]));
    const committed = watched(engine.shell.committed());
    await settled();

    expect([ended, cancel, hold, rerun, committed].map(({ state }) => state)).toEqual([
      'STORE_IO',
      'STORE_IO',
      'STORE_IO',
      expect.stringMatching(/STORE_IO|STATE_CONFLICT/),
      'STORE_IO',
    ]);
    expect(watched(engine.shell.cancel(run)).state).toBe('waiting');
    await expect(engine.shell.cancel(run)).rejects.toMatchObject({ code: 'STORE_IO' });
    await engine.shell[Symbol.asyncDispose]();
  });
});

describe('taking over', () => {
  test('a run is taken over once, however often that is asked for at a time', async () => {
    const first = await testEngine({ cpus: 2 });
    const run = await first.start({ a: {}, b: {} });
    await (first.shell.store as MemoryStore)[Symbol.asyncDispose]();
    await using second = await testEngine({ cpus: 2, medium: first.medium, clock: first.clock });
    second.backend.recovered = () => ({ kind: 'running' });

    const answers = await Promise.allSettled([second.shell.resume(run), second.shell.resume(run)]);

    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(second.shell.core.backends.get('scripted')?.places[0]).toMatchObject({ freeCpus: 0, held: 2 });
    for (const query of second.shell.running(run)) expect(query.phase).toBe('active');
    for (const attempt of [...second.shell.core.attempts.keys()])
      second.backend.context.report({ kind: 'ended', attempt, outcome: { kind: 'ok' } });
    expect(await second.shell.ended(run)).toMatchObject({ status: 'done' });
  });

  test('a run that cannot be retried since it is not finished holds nothing of this engine', async () => {
    const first = await testEngine({ cpus: 2 });
    const run = await first.start({ a: {}, b: {} });
    await (first.shell.store as MemoryStore)[Symbol.asyncDispose]();
    await using second = await testEngine({ cpus: 2, medium: first.medium, clock: first.clock });

    await expect(second.shell.retry(run)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });

    expect(second.shell.core.backends.get('scripted')?.places[0]).toMatchObject({ freeCpus: 2, held: 0 });
    expect(second.shell.core.attempts.size).toBe(0);
  });

  test('a run that cannot be loaded is given up, and holds nothing of this engine', async () => {
    const first = await testEngine({ cpus: 2 });
    const run = await first.start({ a: {}, b: {} });
    await (first.shell.store as MemoryStore)[Symbol.asyncDispose]();
    await using second = await testEngine({ cpus: 2, medium: first.medium, clock: first.clock });
    const { store } = second.shell;
    const unfinished = store.unfinished.bind(store);
    Object.assign(store, {
      async *unfinished(id: typeof run) {
        yield* unfinished(id);
        throw new HeddleError('STORE_IO', 'a page cannot be read');
      },
    });

    await expect(second.shell.resume(run)).rejects.toMatchObject({ code: 'STORE_IO' });

    expect(second.shell.core.backends.get('scripted')?.places[0]).toMatchObject({ freeCpus: 2, held: 0 });
    expect(await store.ownerOf(run)).toBeUndefined();
  });
});

describe('requests that cannot be met', () => {
  test('a job that is not there is refused, and the engine goes on', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {} });
    for (const index of [1, -1, 0.5, Number.NaN]) {
      for (const what of ['hold', 'release', 'cancel', 'rerun'] as const)
        await expect(engine.shell[what](run, [index])).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    }
    engine.backend.end('a');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
  });

  test('a segment that asks for too much, or for a backend that is not there, changes nothing; the run ends', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {} });
    const there = { a: {} };
    const huge = segmentOf(there, { b: { resources: { cpus: 64 } } });
    await expect(engine.shell.append(run, huge)).rejects.toMatchObject({ code: 'RESOURCES_IMPOSSIBLE' });
    const append = watched(engine.shell.append(run, segmentOf(there, { b: { backend: 'moon' } })));
    engine.backend.end('a');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done', size: 1 });
    expect(append.state).toBe('BACKEND_UNKNOWN');
  });

  test('two segments that are appended at a time do not overwrite each other', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {} });
    const there = { a: {} };

    const answers = await Promise.allSettled([
      engine.shell.append(run, segmentOf(there, { b: {} })),
      engine.shell.append(run, segmentOf(there, { c: {} })),
    ]);

    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    for (const job of ['a', 'b']) {
      engine.backend.end(job);
      await settled();
    }
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done', size: 2 });
  });

  test('a failure while a large segment is taken in cancels those of it that need the value, and the run ends', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {} });
    const nodes = Object.fromEntries(Array.from({ length: 150_000 }, (_, i) => [`n${i}`, { edges: ['a'] }]));
    const append = engine.shell.append(run, segmentOf({ a: {} }, nodes));
    engine.backend.end('a', exit3);
    await append;

    expect(await engine.shell.ended(run)).toMatchObject({
      status: 'failed',
      counts: { created: 0, pending: 0, failed: 1, cancelled: 150_000 },
    });
  });

  test('a rerun in a run that is being cancelled is refused', async () => {
    await using engine = await testEngine();
    const { backend } = engine;
    const run = await engine.start({ a: {}, b: {} });
    backend.end('a');
    await settled();
    const cancel = backend.cancel.bind(backend);
    backend.cancel = () => undefined;
    await engine.shell.cancel(run);
    await expect(engine.shell.rerun(run, [0])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    backend.cancel = cancel;
    backend.end('b', { kind: 'signal', signal: 'SIGTERM' });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled' });
  });

  test('a run ends though its rerun was refused at the last moment', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: {}, b: {} });
    engine.backend.end('a');
    await settled();
    const rerun = watched(engine.shell.rerun(run, [0, 1]));
    await settled();
    engine.backend.end('b');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
    expect(rerun.state).toBe('STATE_CONFLICT');
  });
});
