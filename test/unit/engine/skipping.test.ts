import { describe, expect, test } from 'vitest';
import { ACCEPT_FAILED } from '../../../src/model/index.ts';
import { control, elements, expandingEngine, gathered, json, lateInto, segmentAt } from './expanded.ts';
import { settled, testEngine } from './scripted.ts';

const exit3 = { kind: 'exit', code: 3 } as const;

const branched = {
  a: {},
  branch: { ...control, edges: ['a'] },
  taken: { edges: ['branch'] },
  further: { edges: ['taken', 'a'] },
  after: { edges: [{ from: 'further', accept: ACCEPT_FAILED }] },
  gather: { ...control, edges: [{ from: 'branch', accept: 7 }] },
};
const choosesNothing = { branch: () => ({ skipped: true as const }), gather: gathered };

describe('what no branch chose', () => {
  test('never becomes a job, nor does what needs its value; who only awaits it goes on', async () => {
    await using engine = await expandingEngine(choosesNothing);
    const run = await engine.start(branched);
    engine.backend.end('a', { kind: 'ok', value: json(1) });
    await settled();

    expect(engine.running()).toEqual(['after']);
    engine.backend.end('after');
    const view = await engine.shell.ended(run);
    expect(view).toMatchObject({ status: 'done', size: 6, skipped: 3, counts: { created: 0, pending: 0, done: 3 } });
    expect(engine.states(run)).toMatchObject({
      branch: 'created',
      taken: 'created',
      further: 'created',
      gather: 'done',
    });
    expect(engine.shell.job(run, 2)).toMatchObject({ skipped: true, fence: 0 });
    expect(engine.shell.job(run, 4)).not.toHaveProperty('skipped');
    expect(await engine.shell.value(run, 5)).toEqual(json(['skipped']));
    expect(engine.shell.why(run, 3)).toMatchObject({ becauseOf: 'branch', waitsForCount: 0 });
    expect(engine.shell.why(run, 1)).not.toHaveProperty('becauseOf');
    const told = engine.events.flatMap((event) => (event.kind === 'job' ? [event.job] : []));
    expect(new Set(told)).toEqual(new Set(['a', 'after', 'gather']));
  });

  test('is so after a resume too, and in the store', async () => {
    const first = await expandingEngine(choosesNothing);
    const run = await first.start(branched);
    first.backend.end('a', { kind: 'ok', value: json(1) });
    await settled();
    await first.shell[Symbol.asyncDispose]();
    expect(await first.shell.store.counts(run)).toEqual(
      new Map([
        ['done', 2],
        ['created', 3],
        ['pending', 1],
      ]),
    );

    await using second = await expandingEngine(choosesNothing, { medium: first.medium, clock: first.clock });
    await second.shell.resume(run);
    await settled();

    expect(second.shell.view(run)).toMatchObject({ skipped: 3, counts: { done: 2, running: 1 } });
    expect(second.shell.why(run, 3)).toMatchObject({ job: { skipped: true }, becauseOf: 'branch' });
    expect(second.running()).toEqual(['after']);
    expect(second.expanded).toEqual([]);
    second.backend.end('after');
    expect(await second.shell.ended(run)).toMatchObject({ status: 'done', skipped: 3 });
  });

  test('may be chosen when what the choice was made of is run again', async () => {
    let isChosen = false;
    await using engine = await expandingEngine({
      branch: (node) =>
        isChosen ? { segment: segmentAt(node.base, { 'branch/yes': {} }), value: json('yes') } : { skipped: true },
      gather: gathered,
    });
    const run = await engine.start(branched);
    engine.backend.end('a', { kind: 'ok', value: json(1) });
    await settled();
    engine.backend.end('after');
    await engine.shell.ended(run);
    isChosen = true;

    await engine.shell.rerun(run, [0]);
    await settled();
    engine.backend.end('a', { kind: 'ok', value: json(2) });
    await settled();

    expect(engine.running().toSorted()).toEqual(['branch/yes', 'taken']);
    expect(engine.shell.view(run)).not.toHaveProperty('skipped');
    expect(engine.shell.view(run).counts).toMatchObject({ done: 4, running: 2, pending: 1 });
    await expect(engine.shell.rerun(run, [0])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  test('a condition does not wait for it', async () => {
    const after = (job: string) => ({ kind: 'after', jobs: [job], accept: 1, mode: 'all' }) as const;
    await using engine = await expandingEngine(choosesNothing);
    await engine.start({ ...branched, waits: { condition: after('taken') } });
    engine.backend.end('a', { kind: 'ok', value: json(1) });
    await settled();

    expect(engine.running()).toEqual(['after', 'waits']);
  });
});

const GATHER = 2;
const scattered = {
  a: {},
  map: { ...control, edges: ['a'] },
  all: { ...control, edges: ['map'] },
  use: { edges: ['all'] },
};

/** A gather that fails when an element did. */
const becomes = {
  map: (node: Parameters<typeof elements>[0]) => elements(node, 3, GATHER),
  all: (node: Parameters<typeof elements>[0]) =>
    node.upstreams.every((from) => node.upstream(from)?.status === 'done')
      ? gathered(node)
      : { error: { name: 'GatherError', message: 'not all are done' } },
};

describe('expansions that outlive what happens to them', () => {
  test('late edges are counted again by whoever resumes the run', async () => {
    const first = await expandingEngine(becomes, { cpus: 4 });
    const run = await first.start(scattered);
    first.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    first.backend.end('map/1', { kind: 'ok', value: json(1) });
    await settled();
    await first.shell[Symbol.asyncDispose]();

    await using second = await expandingEngine(becomes, { cpus: 4, medium: first.medium, clock: first.clock });
    await second.shell.resume(run);
    await settled();

    expect(second.states(run)).toMatchObject({ map: 'done', all: 'pending (blocked)', 'map/1': 'done' });
    expect(second.shell.why(run, GATHER)).toMatchObject({ waitsForCount: 2 });
    second.backend.end('map/0', { kind: 'ok', value: json(0) });
    second.backend.end('map/2', { kind: 'ok', value: json(2) });
    await settled();
    expect(second.expanded).toEqual(['all']);
    expect(await second.shell.value(run, GATHER)).toEqual(json([3, 0, 1, 2]));
    expect(second.running()).toEqual(['use']);
  });

  test('a retry runs failed elements again, and who gathers them waits for that', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const run = await engine.start(scattered);
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    engine.backend.end('map/0', { kind: 'ok', value: json(0) });
    engine.backend.end('map/1', exit3);
    engine.backend.end('map/2', { kind: 'ok', value: json(2) });
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'failed' });
    expect(engine.states(run)).toMatchObject({ all: 'failed (error)', use: 'cancelled (upstream)' });

    await engine.shell.retry(run);
    await settled();
    expect(engine.running()).toEqual(['map/1']);
    expect(engine.states(run)['all']).toBe('pending (blocked)');
    engine.backend.end('map/1', { kind: 'ok', value: json(1) });
    await settled();

    expect(engine.expanded).toEqual(['map', 'all', 'all']);
    expect(await engine.shell.value(run, GATHER)).toEqual(json([3, 0, 1, 2]));
    engine.backend.end('use');
    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
  });

  test('what an expansion was made of is not run again, an element is, with who gathers it', async () => {
    await using engine = await expandingEngine(becomes, { cpus: 4 });
    const run = await engine.start(scattered);
    engine.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    for (const job of engine.running()) engine.backend.end(job, { kind: 'ok', value: json(job) });
    await settled();
    engine.backend.end('use');
    await engine.shell.ended(run);

    for (const jobs of [[0], [1], [3, 0]]) {
      await expect(engine.shell.rerun(run, jobs)).rejects.toMatchObject({
        code: 'STATE_CONFLICT',
        message: '"map" takes what would be run again, and what it became stands: its jobs are there',
      });
    }
    expect(engine.shell.view(run)).toMatchObject({ status: 'done' });
    await engine.shell.rerun(run, [5]);
    await settled();

    expect(engine.running()).toEqual(['map/1']);
    expect(engine.states(run)).toMatchObject({ map: 'done', all: 'pending (blocked)', use: 'pending (blocked)' });
    engine.backend.end('map/1', { kind: 'ok', value: json('again') });
    await settled();
    expect(await engine.shell.value(run, GATHER)).toEqual(json([3, 'map/0', 'again', 'map/2']));
  });

  test('a run that was forgotten, or taken over by another engine, knows what became of it', async () => {
    const first = await expandingEngine(becomes, { cpus: 4 });
    const run = await first.start(scattered);
    first.backend.end('a', { kind: 'ok', value: json([]) });
    await settled();
    for (const job of first.running()) first.backend.end(job, exit3);
    await first.shell.ended(run);
    await first.shell.forget(run);
    await first.shell[Symbol.asyncDispose]();

    await using second = await expandingEngine(becomes, { cpus: 4, medium: first.medium, clock: first.clock });
    await second.shell.retry(run);
    await settled();

    expect(second.running()).toEqual(['map/0', 'map/1', 'map/2']);
    await expect(second.shell.rerun(run, [0])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });
});

describe('caps', () => {
  const cap = { name: 'map', limit: 2 };

  test('at most so many of a name run at a time, and others take what that leaves', async () => {
    await using engine = await testEngine({ cpus: 4 });
    const run = await engine.start({
      m0: { cap, priority: 1 },
      m1: { cap, priority: 1 },
      m2: { cap, priority: 1, resources: { cpus: 0.5 } },
      m3: { cap, priority: 1 },
      other: {},
    });
    expect(engine.running()).toEqual(['m0', 'm1', 'other']);
    expect(engine.shell.why(run, 2)).toMatchObject({ cap, job: { detail: 'queued' } });
    expect(engine.shell.why(run, 4)).not.toHaveProperty('cap');

    engine.backend.end('m1');
    await settled();

    expect(engine.running()).toEqual(['m0', 'other', 'm2']);
    engine.backend.end('m0', exit3);
    await settled();
    expect(engine.running()).toEqual(['other', 'm2', 'm3']);
  });

  test('nothing is kept for who waits for a cap, however long', async () => {
    await using engine = await testEngine({ cpus: 2, options: { reserveAfterMs: 100 } });
    const run = await engine.start({ m0: { cap: { name: 'one', limit: 1 } }, m1: { cap: { name: 'one', limit: 1 } } });
    for (let i = 0; i < 3; i += 1) {
      await engine.clock.pass(1000);
      const next = await engine.start({ [`x${i}`]: {} });
      await settled();
      expect(engine.running()).toEqual(['m0', `x${i}`]);
      engine.backend.end(`x${i}`);
      await engine.shell.ended(next);
    }
    expect(engine.shell.job(run, 1).detail).toBe('queued');
  });

  test('what runs counts also for whoever resumes the run', async () => {
    const first = await testEngine({ cpus: 4 });
    const run = await first.start({ m0: { cap }, m1: { cap }, m2: { cap }, other: {} });
    await first.shell.shutdown({ detach: true });

    const more = { medium: first.medium, clock: first.clock };
    await using second = await testEngine({ cpus: 4, ...more });
    second.backend.recovered = () => ({ kind: 'running', handle: '', startedAt: 1 });
    await second.shell.resume(run);
    await settled();
    expect(second.backend.launched).toEqual([]);
    expect(second.shell.why(run, 2)).toMatchObject({ cap });
    for (const { attempt } of first.backend.live.values())
      second.backend.context.report({ kind: 'ended', attempt, outcome: { kind: 'ok' } });
    await settled();

    expect(second.running()).toEqual(['m2']);
  });

  test('one that would let nothing run is refused', async () => {
    await using engine = await testEngine();

    await expect(engine.start({ m: { cap: { name: 'none', limit: 0 } } })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
  });

  test('who gathers more than one list waits for each', async () => {
    await using engine = await expandingEngine(
      {
        one: (node) => ({ segment: segmentAt(node.base, { 'one/0': { cap } }), lateEdges: lateInto(2, node.base) }),
        two: (node) => ({ segment: segmentAt(node.base, { 'two/0': { cap } }), lateEdges: lateInto(2, node.base) }),
        all: (node) => ({ value: json(node.upstreams.map((from) => node.upstream(from)?.status)) }),
      },
      { cpus: 4 },
    );
    const run = await engine.start({ one: control, two: control, all: { ...control, edges: ['one', 'two'] } });
    engine.backend.end('one/0');
    await settled();
    expect(engine.states(run)['all']).toBe('pending (blocked)');
    engine.backend.end('two/0');

    expect(await engine.shell.ended(run)).toMatchObject({ status: 'done' });
    expect(await engine.shell.value(run, 2)).toEqual(json(['done', 'done', 'done', 'done']));
  });
});
