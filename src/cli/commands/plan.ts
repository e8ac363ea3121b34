import { mayReuse, type PlannedJob, planGraph } from '../../jobs/index.ts';
import { type Graph, HeddleError, textAt, topologicalOrder } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { graphSize } from '../../workflow/index.ts';
import { storeDirectory, storeIfThere } from '../find-run.ts';
import { type LoadFlags, loadWorkflow } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { impossibleHere } from '../impossible-here.ts';
import { refuseMissingFiles } from '../missing-files.ts';
import { printable } from '../output.ts';
import { readTargets } from '../targets.ts';
import type { PlanExperimentFlags } from './plan-experiment.ts';

/** Upstream jobs named on one line. */
const NAMED = 4;
const LINES_AT_ONCE = 1000;

export interface PlanFlags extends LoadFlags, PlanExperimentFlags {
  readonly scripts?: boolean;
  readonly backend?: string;
}

/** Says what would run, what an earlier result stands for, in an order that is possible, and why. Starts nothing. */
export async function plan(context: Context, [file = '']: readonly string[], flags: PlanFlags): Promise<number> {
  const loaded = await loadWorkflow(file, flags);
  const { graph, origin, experiment } = loaded;
  if (flags.scripts === true) {
    const { planScripts } = await import('./plan-scripts.ts');
    return await planScripts(context, loaded, flags);
  }
  if (flags.backend !== undefined)
    throw new HeddleError('INPUT_INVALID', '--backend changes nothing of what a plan says', {
      hint: 'with --scripts it shows what that target would be given',
    });
  refuseMissingFiles(graph, origin.project);
  await noteImpossible(context, graph, origin.project);
  if (experiment !== undefined) {
    const { planExperimentFile } = await import('./plan-experiment.ts');
    return planExperimentFile(context, { ...loaded, experiment }, flags);
  }
  // What depends on a value, no list of jobs can say.
  const hasControls = graph.definitions.some(({ kind }) => kind === 'control');
  if (hasControls || mayReuse(graph) || flags.cache === 'on')
    return planCached(context, { graph, project: origin.project, flags });
  return planPlain(context, graph);
}

async function noteImpossible(context: Context, graph: Graph, project: string): Promise<void> {
  const { backend } = await readTargets(context, project);
  const note = impossibleHere(graph, backend !== undefined);
  if (note !== '') context.output.say(note);
}

async function planCached(
  context: Context,
  { graph, project, flags }: { readonly graph: Graph; readonly project: string; readonly flags: PlanFlags },
): Promise<number> {
  await using store = await storeIfThere(context);
  const jobs = await planGraph(graph, {
    ...(store === undefined ? {} : { store }),
    ...(flags.cache === undefined ? {} : { cache: flags.cache === 'on' }),
    clock: systemClock,
    directory: storeDirectory(context),
    project,
  });
  await writePlan(context, graph, jobs);
  return 0;
}

/** Writes what becomes of each job. */
export async function writePlan(context: Context, graph: Graph, jobs: readonly PlannedJob[]): Promise<void> {
  const { output } = context;
  if (context.json) {
    const entries = jobs.map(({ index, ...job }) => ({ ...job, after: upstreamNames(graph, index) }));
    return output.json({ name: graph.name, counts: countsOf(jobs), jobs: entries });
  }
  for (let from = 0; from < jobs.length; from += LINES_AT_ONCE) {
    const lines = jobs
      .slice(from, from + LINES_AT_ONCE)
      .map(({ action, job, because }) => printable(`${action.padEnd(7)}  ${job}  ${because}`));
    await output.data(lines.join('\n'));
  }
  const { run, reuse, depends } = countsOf(jobs);
  output.say(`${printable(graph.name)}: ${run} run, ${reuse} reuse, ${depends} depends`);
}

function countsOf(jobs: readonly PlannedJob[]): Readonly<Record<PlannedJob['action'], number>> {
  const counts = { run: 0, reuse: 0, depends: 0 };
  for (const { action } of jobs) counts[action] += 1;
  return counts;
}

/** Nothing may be reused: every job runs. */
async function planPlain(context: Context, graph: Graph): Promise<number> {
  const order = topologicalOrder(graph);
  const { output } = context;
  if (context.json) {
    await output.json({
      name: graph.name,
      jobs: Array.from(order, (index) => ({
        job: textAt(graph.names, index),
        action: 'run',
        because: 'no earlier result',
        after: upstreamNames(graph, index),
      })),
    });
    return 0;
  }
  let lines: string[] = [];
  for (const index of order) {
    const after = upstreamNames(graph, index);
    const some = after.slice(0, NAMED).join(', ') + (after.length > NAMED ? `, and ${after.length - NAMED} more` : '');
    lines.push(printable(`run  ${textAt(graph.names, index)}${after.length === 0 ? '' : `  after ${some}`}`));
    if (lines.length < LINES_AT_ONCE) continue;
    await output.data(lines.join('\n'));
    lines = [];
  }
  if (lines.length > 0) await output.data(lines.join('\n'));
  output.say(`${printable(graph.name)} is valid: ${graphSize(graph, 'job')}, no earlier result`);
  return 0;
}

function upstreamNames(graph: Graph, index: number): readonly string[] {
  const names: string[] = [];
  const end = graph.edgeOffsets[index + 1] as number;
  for (let edge = graph.edgeOffsets[index] as number; edge < end; edge += 1) {
    names.push(textAt(graph.names, graph.edgeFrom[edge] as number));
  }
  return names;
}
