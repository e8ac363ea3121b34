import { describe, expect, test } from 'vitest';
import { settled, testEngine } from './scripted.ts';

const exit3 = { kind: 'exit', code: 3 } as const;

describe('jobs that run again', () => {
  test('a retry with other resources is granted those, though the job once waited with the old ones', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const run = await engine.start({ blocker: { priority: 1, resources: { cpus: 2 } }, a: { resources: { cpus: 2 } } });
    await engine.shell.cancel(run);
    await engine.shell.ended(run);

    await engine.shell.retry(run, { resources: { cpus: 1 } });
    await settled();

    expect(engine.running()).toEqual(['blocker', 'a']);
    expect(engine.backend.live.get('a')?.grant.cpus).toBe(1);
  });

  test('a retry that asks for too much is refused and changes nothing', async () => {
    await using engine = await testEngine({ cpus: 2 });
    const run = await engine.start({ a: {} });
    engine.backend.end('a', exit3);
    await engine.shell.ended(run);
    await expect(engine.shell.retry(run, { resources: { cpus: 64 } })).rejects.toMatchObject({
      code: 'RESOURCES_IMPOSSIBLE',
    });
    expect(engine.shell.view(run)).toMatchObject({ status: 'failed' });
    expect(await engine.shell.store.ownerOf(run)).toBeUndefined();

    await engine.shell.retry(run);
    await settled();

    expect(engine.running()).toEqual(['a']);
  });

  test('what two retries changed is remembered, both', async () => {
    const first = await testEngine({ cpus: 8 });
    const run = await first.start({ a: {}, b: {} });
    first.backend.end('a', exit3);
    first.backend.end('b', exit3);
    await first.shell.ended(run);
    await first.shell.retry(run, { resources: { cpus: 4 } });
    await settled();
    first.backend.end('b');
    first.backend.end('a', exit3);
    await first.shell.ended(run);
    await first.shell.retry(run, { resources: { memoryBytes: 5 } });
    await settled();
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ cpus: 8, medium: first.medium, clock: first.clock });
    await second.shell.resume(run);
    await settled();

    expect(second.backend.live.get('a')?.grant).toMatchObject({ cpus: 4, memoryBytes: 5 });
  });

  test('a dependent that runs and fails waits for the upstream job that is being run again', async () => {
    await using engine = await testEngine({ cpus: 4 });
    const run = await engine.start({ a: {}, b: { edges: ['a'], retry: { maxAttempts: 3 } } });
    engine.backend.end('a');
    await settled();
    await engine.shell.rerun(run, [0]);
    await settled();
    engine.backend.end('b', exit3);
    await settled();
    expect(engine.running()).toEqual(['a']);
    expect(engine.states(run)['b']).toBe('pending (blocked)');

    engine.backend.end('a');
    await settled();

    expect(engine.running()).toEqual(['b']);
  });

  test('a dependent that runs and fails is cancelled when the upstream job failed on its rerun', async () => {
    await using engine = await testEngine({ cpus: 4 });
    const run = await engine.start({ a: {}, b: { edges: ['a'], retry: { maxAttempts: 3 } } });
    engine.backend.end('a');
    await settled();
    await engine.shell.rerun(run, [0]);
    await settled();
    engine.backend.end('a', exit3);
    await settled();
    engine.backend.end('b', exit3);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toEqual({ a: 'failed (exit)', b: 'cancelled (upstream)' });
  });

  test('nobody starts with the old value while a thousand jobs are made pending with its maker', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const takers = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`t${i}`, { edges: ['a'], priority: 1 }]));
    const run = await engine.start({ a: { priority: 2 }, ...takers, late: { edges: ['a'] } });
    for (let ended = 0; ended < 1001; ended += 1) {
      while (engine.running().length === 0) await new Promise((resolve) => setImmediate(resolve));
      if (ended === 1000) await engine.shell.hold(run, [1001]);
      engine.backend.end(engine.running()[0] as string);
    }
    await settled();
    expect(engine.states(run)['late']).toBe('pending (held)');
    const before = engine.backend.launched.length;

    const rerun = engine.shell.rerun(run, [0]);
    await engine.shell.release(run, [1001]);
    await rerun;
    await settled();

    expect(engine.backend.launched.slice(before).map((order) => order.job)).toEqual(['a']);
    expect(engine.states(run)).toMatchObject({ t999: 'pending (blocked)', late: 'pending (blocked)' });
    await engine.shell.cancel(run);
  });

  test('the deadline of an earlier wait does not end a job that was made pending again', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await engine.start({ busy: { priority: 1 }, a: { timeouts: { queueMs: 1000 } } });
    await engine.clock.pass(100);
    await engine.shell.cancel(run, [1]);
    await settled();
    await engine.clock.pass(500);
    await engine.shell.rerun(run, [1]);
    await settled();

    await engine.clock.pass(600);
    expect(engine.states(run)['a']).toBe('pending (queued)');
    await engine.clock.pass(500);

    expect(engine.states(run)['a']).toBe('failed (timeout)');
  });
});
