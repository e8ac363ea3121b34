import { type PlannedJob, planGraph } from '../../jobs/index.ts';
import type { Graph, Store } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { type Experiment, planExperiment, type PlannedPoint, pointText } from '../../workflow/index.ts';
import { storeDirectory, storeIfThere } from '../find-run.ts';
import type { Loaded } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { printable } from '../output.ts';

export interface PlanExperimentFlags {
  /** Whether earlier results are taken, whatever the tasks say. */
  readonly cache?: 'on' | 'off';
  readonly retryFailed?: boolean;
  readonly rerun?: boolean;
  /** Of points that would run: what becomes of each job. */
  readonly detail?: boolean;
}

type Counts = Record<PlannedPoint['action'], number>;

interface Planning {
  readonly context: Context;
  readonly experiment: Experiment;
  readonly loaded: Loaded;
  readonly flags: PlanExperimentFlags;
  readonly store: Store | undefined;
  readonly counts: Counts;
}

/** Says what becomes of each point of an experiment, one by one, and how many there are of each. Starts nothing. */
export async function planExperimentFile(
  context: Context,
  loaded: Loaded & { readonly experiment: Experiment },
  flags: PlanExperimentFlags,
): Promise<number> {
  const { experiment } = loaded;
  await using store = await storeIfThere(context);
  const counts: Counts = { run: 0, continue: 0, retry: 0, done: 0, left: 0, elsewhere: 0, refuse: 0 };
  const planning: Planning = { context, experiment, loaded, flags, store, counts };
  await context.output.pieces(context.json ? jsonOf(planning) : linesOf(planning));
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  context.output.say(
    `${printable(experiment.name)}: ${told.map(([action, count]) => `${count} ${action}`).join(', ')}`,
  );
  return 0;
}

async function* points({ experiment, loaded, flags, store, counts }: Planning): AsyncGenerator<PlannedPoint, void> {
  const { retryFailed, rerun } = flags;
  const planned = planExperiment(experiment, {
    ...{ parameters: loaded.parameters, project: loaded.origin.project, retryFailed, rerun },
    ...(store === undefined ? {} : { store }),
  });
  for await (const point of planned) {
    counts[point.action] += 1;
    yield point;
  }
}

async function* linesOf(planning: Planning): AsyncGenerator<string, void> {
  for await (const point of points(planning)) {
    yield `${printable(pointLine(point))}\n`;
    for (const { action, job, because } of await jobsOf(planning, point))
      yield `  ${printable(`${action.padEnd(7)}  ${job}  ${because}`)}\n`;
  }
}

/** `run`, `done in r-...`, `failed in r-... (left alone; --retry-failed)`, and the parameters. */
function pointLine({ action, run, because, parameters }: PlannedPoint): string {
  const note = because === '' ? '' : `  (${because})`;
  const at = pointText(parameters);
  switch (action) {
    case 'run':
      return `run  ${at}${note}`;
    case 'continue':
      return `continue ${run}  ${at}`;
    case 'retry':
      return `retry ${run}  ${at}${note}`;
    case 'done':
      return `done in ${run}  ${at}`;
    case 'left':
      return `${because} in ${run} (left alone; --retry-failed)  ${at}`;
    case 'elsewhere':
      return `running in ${run}  ${at}${note}`;
    case 'refuse':
      return `can't be built  ${at}${note}`;
  }
}

async function* jsonOf(planning: Planning): AsyncGenerator<string, void> {
  const { experiment, counts, flags } = planning;
  yield `{"experiment":${JSON.stringify(experiment.name)},"points":[`;
  let separator = '\n';
  for await (const point of points(planning)) {
    const { action, run, because, parameters } = point;
    const jobs = flags.detail === true ? { jobs: await jobsOf(planning, point) } : {};
    yield separator + JSON.stringify({ action, run: run ?? null, because, parameters, ...jobs });
    separator = ',\n';
  }
  yield `\n],"counts":${JSON.stringify(counts)}}\n`;
}

/** Of a point that would be started: in a run that goes on, its own journal says what is left. */
async function jobsOf(
  { context, flags, loaded, store }: Planning,
  { action, graph }: { readonly action: PlannedPoint['action']; readonly graph?: Graph },
): Promise<readonly PlannedJob[]> {
  if (flags.detail !== true || action !== 'run' || graph === undefined) return [];
  return planGraph(graph, {
    ...(store === undefined ? {} : { store }),
    ...(flags.cache === undefined ? {} : { cache: flags.cache === 'on' }),
    clock: systemClock,
    directory: storeDirectory(context),
    project: loaded.origin.project,
  });
}
