import type { RunView } from '../engine/index.ts';
import type { Engine } from '../jobs/index.ts';
import { asError, HeddleError, isFinal, type RunId } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import {
  type Experiment,
  type ExperimentHandle,
  type ExperimentView,
  type PointEvent,
  type PointResult,
  pointText,
  runExperiment,
  type RunExperimentOptions,
} from '../workflow/index.ts';
import { experimentTableText } from './experiment-text.ts';
import { storeFlag } from './find-run.ts';
import { INTERRUPTED, onInterrupt } from './foreground.ts';
import type { Context } from './main.ts';
import { printable } from './output.ts';
import { countsText, showProgress } from './progress.ts';
import { formatDuration } from './units.ts';

/** Failed points told one by one. */
const TOLD = 20;
/** A table of more rows is for `heddle show`. */
const SHOWN_ROWS = 100;
/** Nothing is said of the time left before so much has been seen. */
const LEAST_ENDED = 3;
const LEAST_MS = 1500;

export interface ExperimentForeground {
  readonly context: Context;
  readonly engine: Engine;
  readonly experiment: Experiment;
  readonly options: RunExperimentOptions;
  /** What runs it again, for hints. */
  readonly command: string;
  /** Says of runs that are taken over as they are what has changed since; nothing where nothing has. */
  readonly staleOf: (runs: readonly RunId[]) => Promise<string | undefined>;
}

/**
 * Runs an experiment and stays with it until it ends: one line of progress over all points, failures, and what comes of it. Gives the
 * exit code: 0 when all points are done, 1 when one failed or was cancelled, 4 when another process has some, 130 when interrupted.
 */
export async function stayWithExperiment(foreground: ExperimentForeground): Promise<number> {
  const { context, engine, experiment, options } = foreground;
  const { output } = context;
  const startMono = systemClock.now().mono;
  const heard = new HeardPoints(context);
  const handle = await runExperiment(engine, experiment, { ...options, onPoint: (event) => heard.hear(event) });
  output.say(`${output.style('bold', printable(experiment.name))}  experiment, ${handle.size} points`);
  let stopping: Promise<void> | undefined;
  {
    const source = {
      view: () => asRunView(handle.view()),
      running: () => handle.running().map((job) => ({ ...job, job: jobText(job) as typeof job.job })),
      leftMs: () => leftMs(handle.view(), heard.ended, systemClock.now().mono - startMono),
    };
    using progress = showProgress(source, output, systemClock);
    using _signals = onInterrupt((times) => {
      if (times > 1) {
        progress[Symbol.dispose]();
        output.say(`left at once; what still runs goes on and is found again by: ${foreground.command}`);
        process.exit(INTERRUPTED);
      }
      output.say(`stopping: ${handle.running().length} running jobs are being cancelled; again to leave at once`);
      stopping = engine.shutdown();
    });
    await handle.wait();
    await stopping;
  }
  const stale = stopping === undefined ? await foreground.staleOf(heard.reused) : undefined;
  if (stale !== undefined) output.say(`note: ${stale}`);
  return conclude(foreground, handle, (systemClock.now().mono - startMono) / 1000);
}

/** Notes what happens to points, and tells of those that fail. */
class HeardPoints {
  readonly #context: Context;
  /** Runs of points that were done before. */
  readonly reused: RunId[] = [];
  /** Points that have ended here. */
  ended = 0;
  #failures = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  hear({ kind, run, status, parameters, cause }: PointEvent): void {
    if (kind === 'reused' && run !== undefined) this.reused.push(run);
    if (kind === 'ended') this.ended += 1;
    if ((kind !== 'ended' && kind !== 'refused') || status !== 'failed') return;
    this.#failures += 1;
    if (this.#failures > TOLD) return;
    const { output } = this.#context;
    const see = run === undefined ? '' : `\n  see: heddle show ${run}${storeFlag(this.#context)}`;
    output.say(
      `${output.style('red', 'failed')} ${printable(pointText(parameters))}: ${printable(cause ?? status)}${see}`,
    );
    if (this.#failures === TOLD) output.say('  further failures are not told one by one');
  }
}

function jobText({ job, parameters }: { readonly job: string; readonly parameters: object }): string {
  return `${pointText(parameters as Parameters<typeof pointText>[0])}  ${job}`;
}

/** An experiment as progress draws runs: points in place of jobs. */
function asRunView({ name, status, detail, size, counts }: ExperimentView): RunView {
  return {
    ...{ id: '' as RunId, name, status, detail, size, startedAt: 0, endedAt: 0 },
    counts: { ...counts, created: 0 },
  };
}

/** By the rate at which points ended; those that were done before took no time. */
function leftMs({ counts }: ExperimentView, ended: number, elapsedMs: number): number | undefined {
  if (ended < LEAST_ENDED || elapsedMs < LEAST_MS) return undefined;
  return (counts.pending + counts.running / 2) * (elapsedMs / ended);
}

async function conclude(
  foreground: ExperimentForeground,
  handle: ExperimentHandle<object>,
  seconds: number,
): Promise<number> {
  const { context } = foreground;
  const { output } = context;
  const view = handle.view();
  tellEnd(foreground, view, seconds);
  let code = exitCode(view);
  if (context.json) {
    const { name, status, size, counts, reused, changed } = view;
    await output.json({
      experiment: name,
      status,
      size,
      counts,
      reused,
      changed,
      wallSeconds: Number(seconds.toFixed(3)),
    });
    return code;
  }
  if (view.counts.done === 0 || code === INTERRUPTED) return code;
  const { report } = foreground.experiment;
  if (report === undefined || view.status !== 'done') await showTable(foreground, handle);
  else code = await tellReport(foreground, handle);
  return code;
}

function tellEnd({ context, command }: ExperimentForeground, view: ExperimentView, seconds: number): void {
  const { output } = context;
  const { name, status, detail, counts, reused, changed, elsewhere, elsewherePids, left } = view;
  const state = detail === '' ? status : `${status} (${detail})`;
  const before = reused === 0 ? '' : `; ${reused} of them were done before`;
  output.say(
    `${output.style('bold', printable(name))}  ${state}: ${countsText({ ...counts, created: 0 })} in ${formatDuration(seconds * 1000)}${before}`,
  );
  if (changed > 0)
    output.say(`  ${changed} points have new results: the workflow makes another graph of them than it did before`);
  if (elsewhere > 0)
    output.say(
      `  ${elsewhere} points are run by ${elsewherePids.length === 0 ? 'another process' : `process ${elsewherePids.join(' and ')}`}; see: heddle show '${name}'${storeFlag(context)}`,
    );
  if (!isFinal(status)) output.say(`  continue with: ${command}`);
  if (left > 0) output.say(`  ${left} points had failed or been cancelled before; again: ${command} --retry-failed`);
  else if (counts.failed > 0) output.say(`  again: ${command} --retry-failed`);
}

function exitCode(view: ExperimentView): number {
  if (view.detail === 'interrupted') return INTERRUPTED;
  if (view.elsewhere > 0) return 4;
  return view.status === 'done' ? 0 : 1;
}

async function showTable(
  { context, experiment }: ExperimentForeground,
  handle: ExperimentHandle<object>,
): Promise<void> {
  const { output } = context;
  const show = `heddle show '${experiment.name}'${storeFlag(context)}`;
  if (handle.size > SHOWN_ROWS) {
    output.say(`  see: ${show}   the best: ${show} --best COLUMN`);
    return;
  }
  const width = output.dataIsTerminal ? (process.stdout.columns ?? 80) : Infinity;
  const table = await handle.table();
  await output.data(experimentTableText(table, { width }).text);
  const { metric } = experiment;
  const columns = [...table.results, ...table.parameters];
  if (metric !== undefined && !columns.includes(metric.path))
    output.say(`warning: the metric '${metric.path}' is no column; there are ${columns.join(', ')}`);
}

async function tellReport(
  { context, experiment }: ExperimentForeground,
  handle: ExperimentHandle<object>,
): Promise<number> {
  const results: PointResult[] = [];
  for await (const result of handle.results()) results.push(result as PointResult);
  try {
    await context.output.data((await experiment.report?.(results)) ?? '');
    return 0;
  } catch (thrown) {
    throw new HeddleError(
      'TASK_FAILED',
      `the report of experiment '${experiment.name}' failed: ${asError(thrown).message}`,
      {
        cause: thrown,
        hint: `all points are done and kept; heddle show '${experiment.name}' has them`,
      },
    );
  }
}
