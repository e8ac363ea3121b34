import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { Engine } from '../../jobs/index.ts';
import { task } from '../task.ts';
import { type Workflow, workflow } from '../workflow.ts';
import { experiment, type Experiment } from './experiment.ts';
import type { PointEvent } from './experiment-options.ts';
import type { ExperimentTable } from './experiment-table.ts';
import type { ParamSpace } from './param-space.ts';
import { runExperiment } from './run-experiment.ts';
import { grid, list, zip } from './spaces.ts';

interface State {
  readonly t: number;
  readonly d?: number;
  readonly replica?: number;
}

/** What has been computed, in the order it was. */
let computed: State[] = [];
let failing: (state: State) => boolean = () => false;
/** Calls wait for it. */
let gate: Promise<void> = Promise.resolve();

const measure = task('measure', async (state: State) => {
  computed.push(state);
  await gate;
  if (failing(state)) throw new Error(`melted at ${state.t}`);
  return {
    energy: { mean: -state.t * (state.d ?? 1), error: 0.1 },
    names: ['a'],
    phase: state.t > 1 ? 'gas' : 'liquid',
  };
});

const fluid: Workflow<State> = workflow('fluid', (p) => measure(p as State));
const square = grid({ t: [0.5, 1, 1.5], d: [1, 2] });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-experiments-'));
  computed = [];
  failing = () => false;
  gate = Promise.resolve();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (): Promise<Engine> => Engine.open({ store: folder });
const inline = { backend: 'inline' } as const;

/** Runs it to its end in an engine of its own; gives its table and what was computed for it. */
async function run<P extends object>(
  what: Experiment<P>,
  options: Parameters<typeof runExperiment>[2] = {},
): Promise<{ readonly table: ExperimentTable; readonly computed: readonly State[]; readonly view: object }> {
  computed = [];
  await using engine = await open();
  const handle = await runExperiment(engine, what, { ...inline, ...options });
  const view = await handle.wait();
  return { table: await handle.table(), computed, view };
}

describe('runExperiment', () => {
  test('runs every point once, in memory too, and knows results, table and the best', async () => {
    await using engine = await Engine.open();
    const events: PointEvent[] = [];
    const handle = await runExperiment(engine, experiment('fluids', fluid, square, { metric: 'energy.mean' }), {
      ...inline,
      onPoint: (event) => events.push(event),
    });

    expect(await handle.wait()).toEqual({
      ...{
        name: 'fluids',
        status: 'done',
        detail: '',
        size: 6,
        reused: 0,
        left: 0,
        changed: 0,
        elsewhere: 0,
        elsewherePids: [],
      },
      counts: { done: 6, failed: 0, cancelled: 0, running: 0, pending: 0 },
    });
    expect(computed).toEqual([...square]);
    expect(events.filter(({ kind }) => kind === 'ended').length).toBe(6);
    expect((await handle.best())?.parameters).toEqual({ t: 1.5, d: 2 });
    expect((await handle.best('energy.mean', { max: true }))?.parameters).toEqual({ t: 0.5, d: 1 });
    await expect(handle.best('energy.meen')).rejects.toThrow("has no column 'energy.meen'");
    const table = await handle.table();
    expect([table.parameters, table.results]).toEqual([
      ['t', 'd'],
      ['energy.mean', 'energy.error', 'phase'],
    ]);
    expect([...(table.rows[5]?.results ?? [])]).toEqual([
      ['energy.mean', -3],
      ['energy.error', 0.1],
      ['phase', 'gas'],
    ]);
    const results = [];
    for await (const { parameters, result } of handle.results()) results.push([parameters, result]);
    expect(results[0]).toEqual([
      { t: 0.5, d: 1 },
      { energy: { mean: -0.5, error: 0.1 }, names: ['a'], phase: 'liquid' },
    ]);
    expect(results.length).toBe(6);
  });

  test('runs only what is new when it is run again: a column that was added, and nothing twice', async () => {
    await run(experiment('fluids', fluid, square));
    const same = await run(experiment('fluids', fluid, square));
    const wider = await run(experiment('fluids', fluid, grid({ t: [0.5, 0.75, 1, 1.5], d: [2, 1] })));

    expect(same.computed).toEqual([]);
    expect(same.view).toMatchObject({ status: 'done', reused: 6 });
    expect(wider.computed).toEqual([
      { t: 0.75, d: 2 },
      { t: 0.75, d: 1 },
    ]);
    expect(wider.view).toMatchObject({ status: 'done', size: 8, reused: 6 });
    // In the order of the space as it is now.
    expect(wider.table.rows.map(({ parameters }) => JSON.stringify(Object.values(parameters)))).toEqual(
      '[0.5,2] [0.5,1] [0.75,2] [0.75,1] [1,2] [1,1] [1.5,2] [1.5,1]'.split(' '),
    );
    expect((await run(experiment('fluids', fluid, grid({ t: [1], d: [1] })))).table).toMatchObject({ outside: 7 });
  });

  test('knows a point by what it is, not by the order of its names, nor by its experiment', async () => {
    await run(experiment('fluids', fluid, list([{ t: 1, d: 2 }])));
    expect((await run(experiment('fluids', fluid, list([{ d: 2, t: 1 }])))).computed).toEqual([]);
    // Another experiment has its own results.
    expect((await run(experiment('others', fluid, list([{ d: 2, t: 1 }])))).computed.length).toBe(1);
  });

  test('a point that fails stops no other, is left so, and is tried again where that is asked for', async () => {
    failing = ({ t }) => t === 1;
    const first = await run(experiment('fluids', fluid, square));
    failing = () => false;
    const left = await run(experiment('fluids', fluid, square));
    const retried = await run(experiment('fluids', fluid, square), { retryFailed: true });

    expect(first.view).toMatchObject({ status: 'failed', counts: { done: 4, failed: 2 } });
    expect(first.table.rows[2]).toMatchObject({ status: 'failed', detail: '' });
    expect(left).toMatchObject({ computed: [], view: { status: 'failed', left: 2, reused: 4 } });
    expect(retried.computed).toEqual([
      { t: 1, d: 1 },
      { t: 1, d: 2 },
    ]);
    expect(retried.view).toMatchObject({ status: 'done', counts: { done: 6 } });
  });

  test('says what failed, and where a point can not even be built', async () => {
    failing = ({ t }) => t === 1;
    const picky = workflow('picky', (p: State) => {
      if (p.t === 0.5) throw new RangeError('too cold');
      return measure(p);
    });
    const events: PointEvent[] = [];

    const { view } = await run(experiment('picky', picky, grid({ t: [0.5, 1, 1.5] })), {
      onPoint: (e) => events.push(e),
    });

    expect(view).toMatchObject({ status: 'failed', counts: { done: 1, failed: 2 } });
    expect(
      events.flatMap(({ kind, parameters, cause }) => (cause === undefined ? [] : [[kind, parameters, cause]])),
    ).toEqual([
      ['refused', { t: 0.5 }, 'too cold'],
      ['ended', { t: 1 }, 'measure-1: Error: melted at 1'],
    ]);
  });

  test('a workflow that was changed has new results, and the old ones when it is changed back', async () => {
    const other = workflow('fluid', (p: State) => ({ twice: [measure(p), measure({ ...p, d: 9 })] }));
    await run(experiment('fluids', fluid, list([{ t: 1 }])));
    const changed = await run(experiment('fluids', other, list([{ t: 1 }])));
    const back = await run(experiment('fluids', fluid, list([{ t: 1 }])));

    expect(changed).toMatchObject({ computed: { length: 2 }, view: { changed: 1, reused: 0 } });
    expect(back).toMatchObject({ computed: [], view: { changed: 0, reused: 1 } });
    expect(back.table.results).toContain('energy.mean');
  });

  test('rerun computes all anew', async () => {
    await run(experiment('fluids', fluid, square));
    expect((await run(experiment('fluids', fluid, square), { rerun: true })).computed.length).toBe(6);
  });

  test('replicas are points with a number of their own; parameters may be the same for all', async () => {
    const { table } = await run(experiment('fluids', fluid, grid({ t: [1, 2] }), { replicas: 3 }), {
      parameters: { d: 7 },
    });

    expect(computed[4]).toEqual({ d: 7, t: 2, replica: 2 });
    expect(table.parameters).toEqual(['d', 't', 'replica']);
    expect(table.rows.length).toBe(6);
    await expect(run(experiment('fluids', fluid, square), { parameters: { t: 1 } })).rejects.toThrow(
      "parameter 't' is one that experiment 'fluids' varies",
    );
  });

  test('what was left unfinished goes on, and what was done is kept', async () => {
    {
      await using engine = await open();
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      const handle = await runExperiment(engine, experiment('fluids', fluid, square), inline);
      while (computed.length === 0) await new Promise((soon) => setImmediate(soon));
      const stopped = engine.shutdown();
      resolve();
      await stopped;
      expect(await handle.wait()).toMatchObject({ status: 'pending', detail: 'interrupted' });
    }
    gate = Promise.resolve();
    const again = await run(experiment('fluids', fluid, square));

    expect(again.view).toMatchObject({ status: 'done', counts: { done: 6 } });
    expect(again.computed.length).toBeLessThanOrEqual(6);
    expect(again.table.outside).toBe(0);
    // Not one run more than there are points.
    await using engine = await open();
    expect((await engine.runs({ experiment: 'fluids' })).length).toBe(6);
  });

  test.each([false, true])('two engines that begin at one moment begin each point once (rerun: %s)', async (rerun) => {
    if (rerun) await run(experiment('fluids', fluid, square));
    computed = [];
    await using one = await open();
    await using other = await open();
    const what = experiment('fluids', fluid, square);

    const handles = await Promise.all([one, other].map((engine) => runExperiment(engine, what, { ...inline, rerun })));
    const views = await Promise.all(handles.map((handle) => handle.wait()));

    expect(computed.length).toBe(6);
    expect(views.every(({ counts, elsewhere }) => counts.done + elsewhere === 6)).toBe(true);
    expect(views.map(({ counts }) => counts.done)).toContain(6);
    const runs = await one.runs({ experiment: 'fluids' });
    expect(runs.map(({ status }) => status)).toEqual(Array.from({ length: rerun ? 12 : 6 }, () => 'done'));
  });

  test('cancel, pause and resume mean all points, those to come too', async () => {
    await using engine = await open();
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const many = grid({ t: Array.from({ length: 700 }, (_, i) => i) });
    const handle = await runExperiment(engine, experiment('many', fluid, many), inline);
    while (computed.length === 0) await new Promise((soon) => setImmediate(soon));
    await handle.pause();
    const started = computed.length;
    resolve();
    await engine.committed();
    expect(handle.view().detail).toBe('paused');
    expect(computed.length).toBe(started);
    await handle.resume();
    while (handle.counts().done < 20) await new Promise((soon) => setImmediate(soon));
    await handle.cancel();

    const view = await handle.wait();
    expect(view.status).toBe('cancelled');
    expect(view.counts.done).toBeGreaterThanOrEqual(20);
    expect(view.counts.done).toBeLessThan(700);
    expect(computed.length).toBeLessThan(700);
  });

  test('an experiment that makes no sense is refused', () => {
    expect(() => experiment('', fluid, square)).toThrow('"" is no name of an experiment');
    expect(() => experiment('a/b', fluid, square)).toThrow('is no name of an experiment');
    expect(() => experiment('a', {} as never, square)).toThrow("experiment 'a' has no workflow");
    expect(() => experiment('a', fluid, [] as never)).toThrow("experiment 'a' has no parameter space");
    expect(() => experiment('a', fluid, square, { replicas: 0 })).toThrow('replicas is 0');
    expect(() => experiment('a', fluid, square, { metric: { path: 'x', goal: 'most' as never } })).toThrow(
      'is no metric',
    );
  });

  test('an empty space is refused before anything starts, with the reason', async () => {
    const none = square.where({ left: 't', compare: '>', right: 9 });
    await expect(run(experiment('none', fluid, none))).rejects.toThrow(
      'the parameter space is empty: no point of the grid of 6 points where t > 9',
    );
  });

  test("a space has to give what the workflow's parameters want", () => {
    expectTypeOf(experiment('ok', fluid, grid({ t: [1] }))).toEqualTypeOf<Experiment<State>>();
    expectTypeOf(zip({ t: [1], d: [2] })).toExtend<ParamSpace<State>>();
    // @ts-expect-error t is missing
    experiment('a', fluid, grid({ d: [1] }));
    // @ts-expect-error t is no number
    experiment('b', fluid, grid({ t: ['x'] }));
    const counted = workflow('counted', (p: { t: number; replica: number }) => measure(p));
    experiment('c', counted, grid({ t: [1] }), { replicas: 2 });
    // @ts-expect-error replica is missing
    experiment('d', counted, grid({ t: [1] }));
  });
});
