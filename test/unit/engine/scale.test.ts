import { describe, expect, test } from 'vitest';
import { ReadyQueue } from '../../../src/engine/ready-queue.ts';
import { ACCEPT_ALL } from '../../../src/model/index.ts';
import { settled, testEngine } from './scripted.ts';

describe('what grows', () => {
  test('five thousand queues cost a job its own, not a look at all of them', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const nodes = Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [`j${i}`, { name: `d${i}`, resources: { memoryBytes: 1000 + i } }]),
    );
    const run = await engine.start(nodes);
    while (engine.running().length === 0) await settled();
    let looks = 0;
    const { head } = ReadyQueue.prototype;
    ReadyQueue.prototype.head = function counted(this: ReadyQueue): number {
      looks += 1;
      return head.call(this);
    };
    try {
      for (let ended = 0; ended < 500; ended += 1) {
        while (engine.running().length === 0) await new Promise((resolve) => setImmediate(resolve));
        engine.backend.end(engine.running()[0] as string);
      }
    } finally {
      ReadyQueue.prototype.head = head;
    }
    expect(looks).toBeLessThan(500 * 10);
    await engine.shell.cancel(run);
  });

  test('a thousand circles of conditions end together, none of them woken by the end of another', async () => {
    await using engine = await testEngine();
    const nodes = Object.fromEntries(
      Array.from({ length: 2000 }, (_, i) => [
        `j${i}`,
        { condition: { kind: 'after', jobs: [`j${i ^ 1}`], accept: ACCEPT_ALL, mode: 'all' } as const },
      ]),
    );
    const run = await engine.start(nodes);

    expect(await engine.shell.ended(run)).toMatchObject({ counts: { failed: 2000 } });
  });

  test('of many failures the first are remembered in full, the others in short', async () => {
    await using engine = await testEngine({ cpus: 3000 });
    const nodes = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`j${i}`, {}]));
    const run = await engine.start(nodes);
    while (engine.running().length < 1500) await settled();
    for (const name of engine.running()) engine.backend.end(name, { kind: 'exit', code: 3, stderr: `of ${name}` });
    await engine.shell.ended(run);

    expect(engine.shell.why(run, 0).lastOutcome).toEqual({ kind: 'exit', code: 3, stderr: 'of j0' });
    expect(engine.shell.why(run, 1499).lastOutcome).toEqual({ kind: 'exit', code: 3 });
  });

  test('nothing is kept of a run for what has ended well', async () => {
    await using engine = await testEngine({ cpus: 500 });
    const timeouts = { queueMs: 10_000, runMs: 10_000, startMs: 10_000, heartbeatMs: 10_000 };
    const condition = { kind: 'after', jobs: ['first'], accept: ACCEPT_ALL, mode: 'all' } as const;
    const retry = { maxAttempts: 2 };
    const nodes = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`j${i}`, { timeouts, condition, retry }]));
    const run = await engine.start({ first: {}, ...nodes });
    engine.backend.end('first');
    await settled();
    for (const name of engine.running()) engine.backend.end(name, { kind: 'exit', code: 1 });
    await settled();
    for (const name of engine.running()) engine.backend.end(name);
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });

    const state = engine.shell.core.runs.get(run);
    const { outcomes, wakeAt, gates, watches, looks, queueDue, awaited, attemptOf, timeGated } = state ?? {};
    for (const kept of [outcomes, wakeAt, gates, watches, looks, queueDue, awaited, attemptOf, timeGated])
      expect(kept?.size).toBe(0);
    expect(engine.shell.core.attempts.size).toBe(0);
    expect(engine.shell.core.finals).toHaveLength(0);
  });
});
