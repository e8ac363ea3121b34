import { describe, expect, test } from 'vitest';
import { ACCEPT_ALL, ACCEPT_DONE } from '../../../src/model/index.ts';
import { settled, testEngine } from './scripted.ts';

const after = (...jobs: string[]) => ({ kind: 'after', jobs, accept: ACCEPT_ALL, mode: 'all' }) as const;

describe('conditions', () => {
  test('jobs that wait for each other can never run, and are said to', async () => {
    await using engine = await testEngine();
    const run = await engine.start({
      a: { condition: after('b') },
      b: { condition: after('a') },
      c: { edges: ['a'] },
      d: {},
    });
    engine.backend.end('d');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)['a']).toBe('failed (unsatisfiable)');
  });

  test('a condition that waits for a job that waits for it through an edge can never be true', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ a: { condition: after('b') }, b: { edges: ['a'] } });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toEqual({ a: 'failed (unsatisfiable)', b: 'cancelled (upstream)' });
  });

  test('a hold is no deadlock', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ x: {}, a: { edges: ['x'] }, b: { condition: after('a') } });
    await engine.shell.hold(run, [1]);
    engine.backend.end('x');
    await settled();
    expect(engine.states(run)).toMatchObject({ a: 'pending (held)', b: 'pending (condition)' });

    await engine.shell.release(run, [1]);
    await settled();

    expect(engine.running()).toEqual(['a']);
  });

  test('a condition of the user’s is looked at at its own pace, however often something else wakes it', async () => {
    let looks = 0;
    const conditions = {
      never: () => {
        looks += 1;
        return false;
      },
    };
    await using engine = await testEngine({ cpus: 8, options: { conditions } });
    const condition = {
      kind: 'any',
      conditions: [
        { kind: 'custom', name: 'never', everyMs: 1000 },
        { kind: 'after', jobs: ['u1', 'u2', 'u3'], accept: ACCEPT_DONE, mode: 'all' },
      ],
    } as const;
    await engine.start({ u1: {}, u2: {}, u3: {}, gated: { condition } });
    engine.backend.end('u1');
    await settled();
    engine.backend.end('u2');
    await settled();
    looks = 0;

    await engine.clock.pass(10_000);

    expect(looks).toBeLessThanOrEqual(11);
    expect(looks).toBeGreaterThanOrEqual(9);
  });

  test('a job that was held while it waited for a point in time waits for it again, and leaves no look behind', async () => {
    await using engine = await testEngine();
    const { clock } = engine;
    const run = await engine.start({ a: { condition: { kind: 'after-time', at: clock.wall + 5000 } } });
    await engine.shell.hold(run, [0]);
    await clock.pass(6000);
    expect(engine.states(run)['a']).toBe('pending (held)');
    await engine.shell.release(run, [0]);
    await settled();

    expect(engine.running()).toEqual(['a']);
    expect(engine.shell.core.runs.get(run)?.timeGated.size).toBe(0);
  });

  test('a condition over ten thousand jobs costs each end a step, not a look at all of them', async () => {
    await using engine = await testEngine({ cpus: 10_000 });
    const names = Array.from({ length: 10_000 }, (_, i) => `u${i}`);
    const condition = after(...names);
    const run = await engine.start({ ...Object.fromEntries(names.map((name) => [name, {}])), last: { condition } });
    while (engine.running().length < 10_000) await settled();
    const state = engine.shell.core.runs.get(run);
    if (state === undefined) throw new Error('no run');
    let asked = 0;
    const original = state.indexOf.bind(state);
    state.indexOf = (job) => {
      asked += 1;
      return original(job);
    };

    for (const name of names.slice(0, -1)) engine.backend.end(name);
    await settled();
    await settled();
    expect(engine.states(run)['last']).toBe('pending (condition)');
    engine.backend.end('u9999');
    await settled();

    expect(engine.running()).toEqual(['last']);
    expect(asked).toBeLessThan(100_000);
  });
});
