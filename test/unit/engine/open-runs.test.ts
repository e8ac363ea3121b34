import { describe, expect, test } from 'vitest';
import { ACCEPT_DONE, type Condition, type Graph } from '../../../src/model/index.ts';
import { graphOf, settled, type TestEngine, testEngine, type TestNode } from './scripted.ts';

const after = (...jobs: string[]): Condition => ({ kind: 'after', jobs, accept: 7, mode: 'all' });

/** Nodes as a segment that begins behind the jobs that are there. */
function segment(base: number, nodes: Readonly<Record<string, TestNode>>): Graph {
  return { ...graphOf(nodes), base };
}

async function openRun(engine: TestEngine): ReturnType<TestEngine['start']> {
  return engine.start({}, { open: true });
}

describe('a run to which jobs are added as they come', () => {
  test('goes on while it is open, though all its jobs have ended, and ends when it is closed', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    expect(engine.shell.view(run)).toMatchObject({ status: 'running', size: 0 });

    await engine.shell.append(run, segment(0, { a: {} }));
    engine.backend.end('a');
    await settled();
    expect(engine.shell.view(run)).toMatchObject({ status: 'running', counts: { done: 1 } });

    await engine.shell.append(run, segment(1, { b: { edges: [] } }));
    engine.backend.end('b');
    await settled();
    const ended = engine.shell.ended(run);
    await engine.shell.close(run);

    expect(await ended).toMatchObject({ status: 'done', counts: { done: 2 } });
    await expect(engine.shell.append(run, segment(2, { c: {} }))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  test('a closed run takes nothing more and ends with its last job', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    await engine.shell.append(run, segment(0, { a: {} }));
    await engine.shell.close(run);
    await expect(engine.shell.append(run, segment(1, { b: {} }))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(engine.shell.view(run)).toMatchObject({ status: 'running' });

    engine.backend.end('a');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
  });

  test('a job is launched with the commit that brings it', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    const commits: number[] = [];
    const { store } = engine.shell;
    const commit = store.commit.bind(store);
    store.commit = (list) => {
      commits.push(list.flatMap(({ segments, jobs }) => [segments.length, jobs.length]).length);
      expect(list[0]).toMatchObject({ segments: [{ base: 0, size: 1 }], jobs: [{ job: 0, status: 'running' }] });
      return commit(list);
    };

    await engine.shell.append(run, segment(0, { a: {} }));

    expect(engine.running()).toEqual(['a']);
    expect(commits).toHaveLength(1);
  });

  test('many appends at once are one commit, and are read back as they were', async () => {
    const first = await testEngine({ cpus: 1 });
    const run = await openRun(first);
    const edges = [{ from: 0, accept: ACCEPT_DONE }];
    const appended = [...Array(50).keys()].map((i) =>
      first.shell.append(run, {
        ...graphOf({ x: {}, [`j${i}`]: { priority: i % 2, edges: i === 0 ? [] : edges } }),
        ...only(i, i === 0 ? [] : edges),
      }),
    );
    await Promise.all(appended);
    expect(await first.shell.store.graph(run)).toHaveLength(2);
    expect(first.shell.indexOf(run, 'j49' as never)).toBe(49);
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ cpus: 1, medium: first.medium, clock: first.clock });
    await second.shell.resume(run);
    await settled();

    expect(second.running()).toEqual(['j0']);
    expect(second.shell.why(run, 49)).toMatchObject({ waitsFor: [{ job: 'j0', edge: 'order' }] });
    second.backend.end('j0');
    await settled();
    expect(second.running()).toEqual(['j1']);
  });

  /** A segment of one job, with a name and edges of its own. */
  function only(i: number, edges: TestNode['edges']): Graph {
    const graph = graphOf({ [`j${i}`]: { priority: i % 2 } });
    const from = Uint32Array.from((edges ?? []).map(() => 0));
    const offsets = Uint32Array.of(0, from.length);
    return { ...graph, base: i, edgeOffsets: offsets, edgeFrom: from, edgeAccept: new Uint8Array(from.length).fill(1) };
  }

  test('equal definitions that come again and again are kept once', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);

    for (let i = 0; i < 20; i += 1)
      await engine.shell.append(run, segment(i, { [`j${i}`]: { priority: 1 + (i % 2) } }));

    expect(engine.shell.core.runs.get(run)?.definitions).toHaveLength(2);
  });
});

describe('sealing', () => {
  test('fails what waits for a job that is not there, and a later job may name one that is still to come', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    await engine.shell.append(run, segment(0, { a: { condition: after('nobody') } }));
    await settled();
    expect(engine.states(run)['a']).toBe('pending (condition)');

    await engine.shell.seal(run);
    await settled();
    expect(engine.states(run)['a']).toBe('failed (unsatisfiable)');

    await engine.shell.append(run, segment(1, { b: { condition: after('c') } }));
    await settled();
    expect(engine.states(run)['b']).toBe('pending (condition)');
    await engine.shell.append(run, segment(2, { c: {} }));
    engine.backend.end('c');
    await settled();
    expect(engine.running()).toEqual(['b']);
  });

  test('an order edge that is not accepted waits until the seal, and after it fails at once', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    const onDone = { from: 0, accept: ACCEPT_DONE };
    await engine.shell.append(run, { ...graphOf({ a: {}, b: { edges: [onDone] } }), base: 0 });
    engine.backend.end('a', { kind: 'exit', code: 1 });
    await settled();
    expect(engine.states(run)['b']).toBe('pending (blocked)');

    await engine.shell.seal(run);
    await settled();

    expect(engine.states(run)['b']).toBe('failed (unsatisfiable)');
  });

  test('jobs that wait for each other fail at the seal', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    await engine.shell.append(run, segment(0, { a: { condition: after('b') } }));
    await engine.shell.append(run, segment(1, { b: { condition: after('a') } }));
    await settled();
    expect(engine.states(run)).toEqual({ a: 'pending (condition)', b: 'pending (condition)' });

    await engine.shell.seal(run);
    await settled();

    expect(engine.states(run)).toEqual({ a: 'failed (unsatisfiable)', b: 'failed (unsatisfiable)' });
  });

  test('jobs that wait for each other fail at the seal though another job runs', async () => {
    await using engine = await testEngine();
    const run = await openRun(engine);
    await engine.shell.append(
      run,
      segment(0, {
        runs: {},
        a: { condition: after('b') },
        b: { condition: { kind: 'any', conditions: [after('a'), after('c')] } },
        c: { condition: after('b', 'runs') },
        d: { condition: { kind: 'any', conditions: [after('a'), after('runs')] } },
        e: { condition: after('a') },
      }),
    );

    await engine.shell.seal(run);
    await settled();

    expect(engine.states(run)).toMatchObject({
      runs: 'running (starting)',
      a: 'failed (unsatisfiable)',
      b: 'failed (unsatisfiable)',
      c: 'pending (condition)',
    });
    // Those that only waited for somebody in the circle go on, since it has ended.
    expect(engine.running()).toEqual(['runs', 'd']);
    engine.backend.end('runs');
    await settled();
    expect(engine.running()).toEqual(['d', 'c']);
  });
});

describe('what becomes of an open run', () => {
  test('whoever resumes it takes it closed', async () => {
    const first = await testEngine();
    const run = await openRun(first);
    await first.shell.append(run, segment(0, { a: {}, b: { condition: after('never-added') } }));
    await settled();
    first.backend.end('a');
    await settled();
    await first.shell[Symbol.asyncDispose]();
    expect(await first.shell.store.run(run)).toMatchObject({ status: 'pending', detail: 'interrupted' });

    await using second = await testEngine({ medium: first.medium, clock: first.clock });
    const resumed = second.shell.resume(run);
    await resumed;

    expect(await second.shell.ended(run)).toMatchObject({ status: 'failed', counts: { done: 1, failed: 1 } });
  });

  test('one that is shut down while all its jobs have ended is interrupted, and a resume ends it', async () => {
    const first = await testEngine();
    const run = await openRun(first);
    await first.shell.append(run, segment(0, { a: {} }));
    first.backend.end('a');
    await settled();
    await first.shell[Symbol.asyncDispose]();

    await using second = await testEngine({ medium: first.medium, clock: first.clock });
    await second.shell.resume(run);

    expect(await second.shell.ended(run)).toMatchObject({ status: 'done' });
  });

  test('a cancel of the whole run ends it: nothing can be added any more', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await openRun(engine);
    await engine.shell.append(run, segment(0, { a: {}, b: {} }));

    await engine.shell.cancel(run);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled', counts: { cancelled: 2 } });
    await expect(engine.shell.append(run, segment(2, { c: {} }))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  test('jobs of it are cancelled and run again while it goes on', async () => {
    await using engine = await testEngine({ cpus: 1 });
    const run = await openRun(engine);
    await engine.shell.append(run, segment(0, { a: {}, b: {} }));
    await engine.shell.cancel(run, [1]);
    engine.backend.end('a');
    await settled();
    expect(engine.states(run)).toEqual({ a: 'done', b: 'cancelled (user)' });

    await engine.shell.rerun(run, [0, 1]);
    await settled();

    expect(engine.running()).toEqual(['a']);
    engine.backend.end('a');
    await settled();
    expect(engine.running()).toEqual(['b']);
  });
});
