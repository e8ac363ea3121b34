import { describe, expect, test } from 'vitest';
import { asRunId } from '../../../src/model/index.ts';
import { settled, testEngine, type TestNode } from './scripted.ts';

const MANY: Record<string, TestNode> = Object.fromEntries([...Array(2000).keys()].map((i) => [`j${i}`, {}]));

describe('the wish to cancel a whole run', () => {
  test('outlives a crash half way: whoever resumes the run goes on with it', async () => {
    const first = await testEngine({ cpus: 1 });
    const run = await first.start(MANY);
    const { store } = first.shell;
    const commit = store.commit.bind(store);
    const halfWay = Promise.withResolvers<void>();
    let commits = 0;
    store.commit = async (list) => {
      commits += 1;
      if (commits <= 2) return commit(list);
      halfWay.resolve();
      return new Promise(() => undefined);
    };
    void first.shell.cancel(run);
    await halfWay.promise;
    await store[Symbol.asyncDispose]();

    await using second = await testEngine({ cpus: 1, medium: first.medium, clock: first.clock });
    await second.shell.resume(run);

    expect(await second.shell.ended(run)).toMatchObject({ status: 'cancelled', counts: { cancelled: 2000, done: 0 } });
    expect(second.backend.launched).toEqual([]);
  });

  test('is taken back by a retry', async () => {
    const first = await testEngine({ cpus: 1 });
    const run = await first.start({ a: {}, b: {} });
    await first.shell.cancel(run);
    await first.shell.ended(run);
    await first.shell.retry(run);
    await settled();
    expect(first.running()).toEqual(['a']);
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ cpus: 1, medium: first.medium, clock: first.clock });
    await second.shell.resume(run);
    await settled();

    expect(second.running()).toEqual(['a']);
  });
});

describe('the wish to cancel many jobs', () => {
  test('is carried out in more than one commit, and each reads the cause it was given', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const nodes: Record<string, TestNode> = { first: { priority: 1 } };
    for (let i = 0; i < 1000; i += 1) nodes[`j${i}`] = i % 2 === 0 ? {} : { edges: [`j${i - 1}`] };
    const run = await engine.start(nodes);
    const { store } = engine.shell;
    const commit = store.commit.bind(store);
    let largest = 0;
    store.commit = (list) => {
      largest = Math.max(largest, ...list.map(({ jobs }) => jobs.length));
      return commit(list);
    };

    await engine.shell.cancel(
      run,
      [...Array(1000).keys()].map((i) => i + 1),
    );

    expect(largest).toBeLessThan(600);
    expect(new Set(Object.values(engine.states(run)).slice(1))).toEqual(new Set(['cancelled (user)']));
    engine.backend.end('first');
    expect(await engine.shell.ended(run)).toMatchObject({ counts: { done: 1, cancelled: 1000 } });
  });
});

describe('what does not answer', () => {
  test('a backend that says nothing of its attempts keeps nobody waiting, and is asked again', async () => {
    const first = await testEngine();
    const run = await first.start({ a: {} });
    await first.shell.shutdown({ detach: true });
    await using second = await testEngine({ medium: first.medium, clock: first.clock });
    const { recover } = second.backend;
    second.backend.recover = () => new Promise(() => undefined);

    const resumed = second.shell.resume(run);
    await settled();
    await first.clock.pass(60_000);
    await resumed;
    expect(second.states(run)).toEqual({ a: 'running (unreachable)' });

    second.backend.recover = recover;
    await first.clock.pass(15_000);
    expect(second.running()).toEqual(['a']);
    expect(second.backend.live.get('a')?.fence).toBe(2);
  });

  test('an answer that comes late is taken all the same', async () => {
    const first = await testEngine();
    const run = await first.start({ a: {} });
    await first.shell.shutdown({ detach: true });
    await using second = await testEngine({ medium: first.medium, clock: first.clock });
    const late = Promise.withResolvers<readonly [{ kind: 'ended'; outcome: { kind: 'ok' } }]>();
    second.backend.recover = () => late.promise;
    const resumed = second.shell.resume(run);
    await settled();
    await first.clock.pass(60_000);
    await resumed;

    late.resolve([{ kind: 'ended', outcome: { kind: 'ok' } }]);

    expect(await second.shell.ended(run)).toMatchObject({ status: 'done' });
  });
});

describe('what is not there', () => {
  test('the end of a run that is not executed here is refused as everything is: by its promise', async () => {
    await using engine = await testEngine();

    const ended = engine.shell.ended(asRunId('r-nowhere'));

    await expect(ended).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });
});
