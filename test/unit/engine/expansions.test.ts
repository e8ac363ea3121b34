import { describe, expect, test } from 'vitest';
import { ACCEPT_DONE, type RunCommit } from '../../../src/model/index.ts';
import { control, elements, expandingEngine, gathered, json, lateInto, segmentAt } from './expanded.ts';
import { settled } from './scripted.ts';

const exit3 = { kind: 'exit', code: 3 } as const;
const GATHER = 2;
const scattered = {
  a: {},
  map: { ...control, edges: ['a'] },
  all: { ...control, edges: ['map'] },
  use: { edges: ['all'] },
};
const becomes = {
  map: (node: Parameters<typeof elements>[0]) => elements(node, 3, GATHER),
  all: gathered,
};

describe('a control node', () => {
  test('becomes nodes when what it waits for has ended, and who gathers them waits for all', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const run = await engine.start(scattered);
    expect(engine.running()).toEqual(['a']);

    engine.backend.end('a', { kind: 'ok', value: json([1, 2, 3]) });
    await settled();
    expect(engine.running()).toEqual(['map/0', 'map/1', 'map/2']);
    expect(engine.states(run)).toMatchObject({ map: 'done', all: 'pending (blocked)', 'map/0': 'running (starting)' });
    expect(engine.shell.view(run)).toMatchObject({ size: 7, counts: { done: 2, running: 3, pending: 2 } });
    expect(engine.shell.why(run, GATHER)).toMatchObject({
      waitsForCount: 3,
      waitsFor: [{ job: 'map/0', edge: 'order' }, {}, {}],
    });

    engine.backend.end('map/2', { kind: 'ok', value: json('c') });
    engine.backend.end('map/0', { kind: 'ok', value: json('a') });
    await settled();
    expect(engine.running()).toEqual(['map/1']);
    engine.backend.end('map/1', exit3);
    await settled();

    expect(await engine.shell.value(run, GATHER)).toEqual(json([3, 'a', 'failed', 'c']));
    expect(engine.running()).toEqual(['use']);
    engine.backend.end('use');
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed', counts: { done: 6, failed: 1 } });
    expect(engine.expanded).toEqual(['map', 'all']);
    expect(engine.shell.stuck(run)).toEqual([]);
  });

  test('ends with its value, its nodes and their late edges in one commit, and takes no attempt', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const { store } = engine.shell;
    const commits: RunCommit[] = [];
    const commit = store.commit.bind(store);
    store.commit = (list) => {
      commits.push(...list);
      return commit(list);
    };
    await engine.start(scattered);
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();

    const [end, ...others] = commits.filter(({ segments }) => segments.length > 0);
    expect(others).toEqual([]);
    expect(end?.transitions.filter(({ job }) => job === 1)).toMatchObject([
      { from: 'pending', to: 'running', detail: 'active', fence: 0 },
      { from: 'running', to: 'done', fence: 0 },
    ]);
    expect(end?.values).toEqual([{ job: 1, value: json(3) }]);
    expect(end?.segments[0]).toMatchObject({ base: 4, size: 3, expands: Uint32Array.of(1) });
    expect(end?.segments[0]?.late?.to).toEqual(Uint32Array.of(GATHER, GATHER, GATHER));
    expect(end?.jobs.findLast(({ job }) => job === 1)).toMatchObject({
      status: 'done',
      attempt: '',
      grant: '',
      fence: 0,
    });
  });

  test('is told of the values of what it waits for, by data edges and by order edges', async () => {
    const seen: unknown[] = [];
    await using engine = await expandingEngine({
      c: (node) => {
        seen.push(...node.upstreams.map((from) => [from, node.upstream(from)]), node.upstream(3), node.indexOf('b'));
        return {};
      },
    });
    await engine.start({
      a: {},
      b: {},
      c: { ...control, edges: ['a', { from: 'b', accept: 7 }] },
      d: { edges: ['c'] },
    });
    engine.backend.end('b', exit3);
    engine.backend.end('a', { kind: 'ok', value: json('of a') });
    await settled();

    expect(seen).toEqual([
      [0, { status: 'done', value: json('of a') }],
      [1, { status: 'failed', outcome: exit3 }],
      undefined,
      1,
    ]);
    expect(engine.running()).toEqual(['d']);
  });

  test('goes on turn by turn, each of which adds to who gathers them', async () => {
    await using engine = await expandingEngine({
      loop: (node) => ({
        segment: segmentAt(node.base, { 'loop/0': {}, 'loop/then': { ...control, from: [node.base] } }),
        lateEdges: lateInto(1, node.base, node.base + 1),
      }),
      'loop/then': (node) => ({
        segment: segmentAt(node.base, { 'loop/1': {} }),
        lateEdges: lateInto(1, node.base),
        value: json('then'),
      }),
      all: gathered,
    });
    const run = await engine.start({ loop: control, all: { ...control, edges: ['loop'] } });
    expect(engine.running()).toEqual(['loop/0']);
    engine.backend.end('loop/0', { kind: 'ok', value: json(0) });
    await settled();
    expect(engine.running()).toEqual(['loop/1']);
    expect(engine.states(run)['all']).toBe('pending (blocked)');
    engine.backend.end('loop/1', { kind: 'ok', value: json(1) });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done', counts: { done: 5 } });
    expect(await engine.shell.value(run, 1)).toEqual(json(['done', 0, 'then', 1]));
  });

  test('with nothing to become ends at once', async () => {
    await using engine = await expandingEngine({ map: () => ({ value: json([]) }), all: gathered });
    const run = await engine.start({ map: control, all: { ...control, edges: ['map'] } });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
    expect(await engine.shell.value(run, 1)).toEqual(json([[]]));
  });

  test('of a large list is taken in piece by piece', async () => {
    await using engine = await expandingEngine(
      { map: (node) => elements(node, 6000, 1), all: (node) => ({ value: json(node.upstreams.length) }) },
      { cpus: 6000 },
    );
    const run = await engine.start({ map: control, all: { ...control, edges: ['map'] } });
    while (engine.running().length < 6000) await settled();
    for (const job of engine.running()) engine.backend.end(job);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done', size: 6002 });
    expect(await engine.shell.value(run, 1)).toEqual(json(6001));
  });
});

describe('a control node that cannot be expanded', () => {
  const why = async (
    become: (node: Parameters<typeof elements>[0]) => ReturnType<typeof gathered>,
  ): Promise<Record<string, unknown>> => {
    await using engine = await expandingEngine({ map: become });
    const run = await engine.start({ map: control, begun: {}, after: { edges: ['map'] } });
    await settled();
    const { size } = engine.shell.view(run);
    return { ...engine.states(run), size, outcome: engine.shell.why(run, 0).lastOutcome };
  };

  test('fails with what was thrown', async () => {
    const thrown = await why(() => {
      throw new TypeError('no list');
    });

    expect(thrown).toMatchObject({ map: 'failed (error)', after: 'cancelled (upstream)', size: 3 });
    expect(thrown['outcome']).toEqual({ kind: 'error', error: { name: 'TypeError', message: 'no list' } });
  });

  test('fails with the error it is said to have', async () => {
    const error = { name: 'GatherError', message: '2 of 3 failed' };

    expect(await why(() => ({ error }))).toMatchObject({ map: 'failed (error)', outcome: { kind: 'error', error } });
  });

  test('appends nothing that cannot run', async () => {
    const refused = [
      await why((node) => ({ segment: segmentAt(node.base, { x: { backend: 'nowhere' } }) })),
      await why((node) => ({ segment: segmentAt(node.base, { x: { resources: { cpus: 64 } } }) })),
      await why((node) => ({ segment: segmentAt(node.base, { x: { cap: { name: 'x', limit: 0 } } }) })),
      await why((node) => ({ segment: segmentAt(node.base + 1, { x: {} }) })),
      await why((node) => ({ segment: segmentAt(node.base, { x: {} }), lateEdges: lateInto(1, node.base) })),
      await why((node) => ({ segment: segmentAt(node.base, { x: {} }), lateEdges: lateInto(7, node.base) })),
      await why(() => ({ lateEdges: lateInto(2, 1) })),
    ];

    for (const each of refused) expect(each).toMatchObject({ map: 'failed (error)', size: 3 });
    expect(refused.map(({ outcome }) => (outcome as { error: { code: string } }).error.code)).toEqual([
      'BACKEND_UNKNOWN',
      'RESOURCES_IMPOSSIBLE',
      'INPUT_INVALID',
      'GRAPH_INVALID',
      'GRAPH_INVALID',
      'GRAPH_INVALID',
      'GRAPH_INVALID',
    ]);
  });

  test('does not expand where nobody knows how', async () => {
    await using engine = await expandingEngine({});
    const run = await engine.start({ map: control });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
  });
});

describe('steering control nodes', () => {
  test('none is expanded while its run is paused, and all are when it goes on', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const run = await engine.start(scattered);
    await engine.shell.pause(run);
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    expect(engine.expanded).toEqual([]);
    expect(engine.states(run)['map']).toBe('pending (paused)');
    expect(engine.shell.stuck(run)).toEqual([]);

    await engine.shell.unpause(run);
    await settled();

    expect(engine.running()).toEqual(['map/0', 'map/1', 'map/2']);
  });

  test('a held one waits for its release, a cancelled one takes its dependents with it', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const run = await engine.start({ ...scattered, other: { ...control, edges: ['a'] } });
    await engine.shell.hold(run, [1]);
    await engine.shell.cancel(run, [4]);
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    expect(engine.states(run)).toMatchObject({ map: 'pending (held)', other: 'cancelled (user)' });
    expect(engine.expanded).toEqual([]);

    await engine.shell.release(run, [1]);
    await settled();

    expect(engine.running()).toEqual(['map/0', 'map/1', 'map/2']);
  });

  test('what is cancelled while its nodes are being taken in never had any', async () => {
    await using engine = await expandingEngine({ map: (node) => elements(node, 60_000, 1), all: gathered });
    const run = await engine.start({ a: {}, all: { ...control, edges: ['map'] }, map: { ...control, edges: ['a'] } });
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    while (engine.shell.core.runs.get(run)?.table.size === 3) await new Promise((resolve) => setImmediate(resolve));

    await engine.shell.cancel(run, [2]);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled', size: 3, counts: { cancelled: 2 } });
    expect(engine.shell.core.runs.get(run)?.table).toMatchObject({ size: 3, edges: 2 });
    expect(engine.states(run)).toEqual({ a: 'done', map: 'cancelled (user)', all: 'cancelled (upstream)' });
  });

  test('a cancel of the run ends what they became', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 1 });
    const run = await engine.start(scattered);
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();

    await engine.shell.cancel(run);

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'cancelled', counts: { done: 2, cancelled: 5 } });
    expect(engine.expanded).toEqual(['map']);
  });

  test('a condition on a job that is still to come waits while one can come', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const after = (job: string) => ({ kind: 'after', jobs: [job], accept: ACCEPT_DONE, mode: 'all' }) as const;
    const run = await engine.start({
      ...scattered,
      late: { condition: after('map/1') },
      never: { condition: after('map/9') },
    });
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    expect(engine.states(run)).toMatchObject({ late: 'pending (condition)', never: 'pending (condition)' });

    for (const job of ['map/1', 'map/0', 'map/2']) engine.backend.end(job, { kind: 'ok', value: json(job) });
    await settled();

    expect(engine.running()).toEqual(['late', 'use']);
    expect(engine.states(run)['never']).toBe('failed (unsatisfiable)');
  });

  test('who gathers what waits for a name that never comes does not wait for ever', async () => {
    const never = { kind: 'after', jobs: ['nobody'], accept: ACCEPT_DONE, mode: 'all' } as const;
    await using engine = await expandingEngine({
      map: (node) => elements(node, 1, 1, { condition: never }),
      all: gathered,
    });
    const run = await engine.start({ map: control, all: { ...control, edges: ['map'] } });

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed', counts: { failed: 1, done: 2 } });
  });
});
