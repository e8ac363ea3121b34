import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Engine } from '../../jobs/index.ts';
import { task } from '../task.ts';
import { type Workflow, workflow } from '../workflow.ts';
import { experiment, type Experiment } from './experiment.ts';
import type { PointEvent } from './experiment-options.ts';
import { pointText } from './known-runs.ts';
import { planExperiment, type PlannedPoint } from './plan-experiment.ts';
import { runExperiment } from './run-experiment.ts';
import { seededStream } from './seeded-stream.ts';
import { grid } from './spaces.ts';

interface State {
  readonly t: number;
}

let failing: (state: State) => boolean = () => false;
/** Calls that hold go on until they are cancelled: the gate lets go of them then. */
let gate = Promise.withResolvers<never>();
let holding: (state: State) => boolean = () => false;

const measure = task('measure', async (state: State & { readonly version: number }) => {
  if (failing(state)) throw new Error('melted');
  if (holding(state)) await gate.promise;
  return -state.t;
});

/** Two versions of a workflow, whose graphs differ. */
const versions: readonly Experiment[] = [1, 2].map((version) => {
  const fluid: Workflow<State> = workflow('fluid', (p) => measure({ t: p.t, version } as never));
  return experiment('fluids', fluid, grid({ t: [1, 2, 3, 4, 5, 6] })) as unknown as Experiment;
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-plan-'));
  failing = () => false;
  holding = () => false;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function planned(
  engine: Engine,
  what: Experiment,
  options: { readonly retryFailed: boolean; readonly rerun: boolean },
): Promise<readonly PlannedPoint[]> {
  return Array.fromAsync(planExperiment(what, { ...options, store: engine.store, project: engine.project }));
}

/** What an event of the run is in the words of a plan; undefined for the end of what was begun. */
function asPlanned({ kind, parameters }: PointEvent): string | undefined {
  const action = { started: 'run', resumed: 'continue', retried: 'retry', reused: 'done' }[kind as string];
  return action === undefined ? undefined : `${action} ${pointText(parameters)}`;
}

test.each([1, 2, 3, 4])('what a plan says is what a run then does, after any history (%i)', async (seed) => {
  const draw = seededStream(seed, 'plan');
  const chance = (probability: number): boolean => draw.uniform() < probability;
  const seen = new Set<string>();
  for (let step = 0; step < 20; step += 1) {
    const what = versions[chance(0.7) ? 0 : 1] as Experiment;
    const options = { retryFailed: chance(0.4), rerun: chance(0.3) };
    const bad = new Set([1, 2, 3, 4, 5, 6].filter(() => chance(0.25)));
    const held = new Set([1, 2, 3, 4, 5, 6].filter(() => chance(step === 19 ? 0 : 0.2)));
    failing = ({ t }) => bad.has(t);
    gate = Promise.withResolvers<never>();
    gate.promise.catch(() => undefined);
    holding = ({ t }) => held.has(t) && !bad.has(t);

    const engine = await Engine.open({ store: folder, slots: 8 });
    const plan = await planned(engine, what, options);
    const again = await planned(engine, what, options);
    const did: string[] = [];
    const handle = await runExperiment(engine, what, {
      ...{ backend: 'inline', ...options },
      onPoint: (event) => did.push(asPlanned(event) ?? ''),
    });
    await Promise.race([handle.wait(), engine.committed().then(() => untilHeld(handle))]);
    const stopped = engine.shutdown();
    gate.reject(new Error('cancelled'));
    await stopped;
    await engine[Symbol.asyncDispose]();

    for (const { action } of plan) seen.add(action);
    expect(again).toEqual(plan);
    const said = plan
      .filter(({ action }) => action !== 'left')
      .map((each) => `${each.action} ${pointText(each.parameters)}`);
    expect(did.filter((each) => each !== '').toSorted()).toEqual(said.toSorted());
  }
  expect([...seen]).toEqual(expect.arrayContaining(['run', 'done', 'continue', 'retry']));
});

/** Resolves when nothing but calls that hold is left. */
async function untilHeld(handle: Awaited<ReturnType<typeof runExperiment>>): Promise<void> {
  for (;;) {
    const states = [...handle.points()];
    const live = states.filter(({ status }) => status === 'pending' || status === 'running');
    const waits = live.every(({ run, parameters }) => run !== undefined && holding(parameters as unknown as State));
    if (live.length === 0 || waits) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a space of many points is gone through, not gathered', async () => {
  const many = experiment(
    'many',
    workflow('fluid', (p: State) => measure({ ...p, version: 1 })),
    grid({
      t: Array.from({ length: 100_000 }, (_, i) => i),
    }),
  ) as unknown as Experiment;
  const points = planExperiment(many, { project: folder });

  const first = await points.next();
  await points.return();

  expect(first.value).toMatchObject({ action: 'run', parameters: { t: 0 }, run: undefined });
});
