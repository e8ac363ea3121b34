import { HeddleError } from '../../model/index.ts';
import { Engine } from '../../jobs/index.ts';
import { backendsIn } from '../backends-in.ts';
import { completeOrigin } from '../code-origin.ts';
import { storeDirectory } from '../find-run.ts';
import { stayWith } from '../foreground.ts';
import { type LoadFlags, loadWorkflow } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { refuseMissingFiles } from '../missing-files.ts';
import { observersOf, type ObserverFlags } from '../observers.ts';
import { outputLogger } from '../output-logger.ts';
import { type ResourceFlags, resourcesOf } from '../resource-flags.ts';
import { readTargets } from '../targets.ts';
import { graphFingerprint } from '../../workflow/index.ts';
import type { RunExperimentFlags } from './run-experiment.ts';

interface RunFlags extends LoadFlags, ObserverFlags, RunExperimentFlags, ResourceFlags {
  readonly jobs?: number;
  readonly name?: string;
  readonly durability?: 'normal' | 'full';
  readonly cache?: 'on' | 'off';
}

/** Hashing a larger graph would keep it from starting for seconds. */
const FINGERPRINTED = 200_000;

/** Runs a workflow to its end. */
export async function run(context: Context, [file = '']: readonly string[], flags: RunFlags): Promise<number> {
  const loaded = await loadWorkflow(file, flags);
  const { graph, parameters, origin, experiment } = loaded;
  refuseMissingFiles(graph, origin.project);
  const targets = await readTargets(context, origin.project);
  const backend = flags.backend ?? targets.backend;
  const jobs = flags.jobs ?? targets.config.values.jobs;
  await using engine = await Engine.open({
    store: storeDirectory(context),
    logger: outputLogger(context.output),
    project: origin.project,
    observers: observersOf(flags),
    backends: await targets.backends([...backendsIn(graph), ...(backend === undefined ? [] : [backend])]),
    ...(flags.durability === undefined ? {} : { durability: flags.durability }),
    ...(jobs === undefined ? {} : { slots: jobs }),
    ...resourcesOf(flags),
  });
  if (experiment !== undefined) {
    const { runExperimentFile } = await import('./run-experiment.ts');
    return await runExperimentFile({ context, engine, file }, loaded, {
      experiment,
      flags: { ...flags, ...(backend === undefined ? {} : { backend }) },
    });
  }
  refuseExperimentFlags(flags);
  if (graph.size === 0) context.output.say('the workflow has no tasks: there is nothing to do');
  const handle = await engine.run(graph, {
    parameters,
    ...(graph.size > FINGERPRINTED ? {} : { fingerprint: graphFingerprint(graph) }),
    origin: { ...completeOrigin(origin, graph, storeDirectory(context)) },
    ...(backend === undefined ? {} : { backend }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.onFailure === undefined ? {} : { onFailure: flags.onFailure }),
    ...(flags.cache === undefined ? {} : { cache: flags.cache === 'on' }),
  });
  return await stayWith({ context, engine, handle, graphs: [graph] });
}

function refuseExperimentFlags(flags: RunFlags): void {
  const flag = flags.retryFailed === true ? '--retry-failed' : flags.rerun === true ? '--rerun' : undefined;
  if (flag === undefined) return;
  throw new HeddleError('INPUT_INVALID', `${flag} is for experiments, and this is a workflow`, {
    hint: "each heddle run of it is a new run; 'heddle retry RUN' runs again what failed in one",
  });
}
