import { describe, expect, test } from 'vitest';
import { asRunId } from '../../../src/model/index.ts';
import { VolatileStore } from '../../../src/store/index.ts';
import { settled, testEngine } from './scripted.ts';

const pair = { a: {}, b: {} };

describe('runs that are resumed together', () => {
  test('count what lives before anything new is granted', async () => {
    const first = await testEngine({ cpus: 1 });
    const one = await first.start(pair);
    // Of another chance, so that its ids are others.
    const second = await testEngine({ cpus: 1, medium: first.medium, options: { random: { next: () => 0.25 } } });
    const other = await second.start({ c: {}, d: {} }, { id: asRunId('r-other') });
    await first.shell.shutdown({ detach: true });
    await second.shell.shutdown({ detach: true });

    await using third = await testEngine({ cpus: 2, medium: first.medium });
    third.backend.recovered = (query) => {
      third.backend.live.set(query.job, query);
      return { kind: 'running' };
    };
    await Promise.all([third.shell.resume(one), third.shell.resume(other)]);
    await settled();

    expect(third.shell.core.holding).toBe(2);
    expect(third.backend.launched).toEqual([]);
    expect(third.running().sort()).toEqual(['a', 'c']);
  });

  test('one that cannot be taken over keeps nobody waiting', async () => {
    await using engine = await testEngine();
    const [missing, run] = await Promise.allSettled([engine.shell.resume(asRunId('r-missing')), engine.start(pair)]);
    await settled();

    expect(missing).toMatchObject({ status: 'rejected', reason: { code: 'RUN_NOT_FOUND' } });
    if (run.status === 'rejected') throw run.reason;
    expect(engine.states(run.value)).toEqual({ a: 'running (starting)', b: 'running (starting)' });
  });
});

describe('a run that has ended', () => {
  test('can be forgotten, and is taken from the store again when it is wanted', async () => {
    await using engine = await testEngine();
    const run = await engine.start(pair);
    for (const job of ['a', 'b']) engine.backend.end(job);
    await settled();

    await engine.shell.forget(run);
    expect(engine.shell.core.runs.size).toBe(0);
    expect(() => engine.shell.view(run)).toThrow(
      expect.objectContaining({ code: 'RUN_NOT_FOUND', hint: expect.stringContaining('rerun') }),
    );

    await engine.shell.rerun(run, [1]);
    await settled();
    expect(engine.states(run)).toEqual({ a: 'done', b: 'running (starting)' });
  });

  test('is not forgotten before it has ended', async () => {
    await using engine = await testEngine();
    const run = await engine.start(pair);

    await expect(engine.shell.forget(run)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(engine.states(run)).toEqual({ a: 'running (starting)', b: 'running (starting)' });
  });

  test('is gone with its values where nothing is kept of jobs', async () => {
    const store = new VolatileStore();
    await using engine = await testEngine({ options: { store } });
    const run = await engine.start(pair);
    for (const job of ['a', 'b']) engine.backend.end(job, { kind: 'ok', value: { codec: 'json', json: '1' } });
    await settled();

    await engine.shell.forget(run);
    await expect(engine.shell.rerun(run, [0])).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect(await store.run(run)).toBeUndefined();
  });
});
