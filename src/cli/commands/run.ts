import type { FailurePolicy } from '../../model/index.ts';
import { Engine } from '../../jobs/index.ts';
import { completeOrigin } from '../code-origin.ts';
import { storeDirectory } from '../find-run.ts';
import { stayWith } from '../foreground.ts';
import { type LoadFlags, loadWorkflow } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { observersOf, type ObserverFlags } from '../observers.ts';
import { outputLogger } from '../output-logger.ts';
import { graphFingerprint } from '../../workflow/index.ts';

interface RunFlags extends LoadFlags, ObserverFlags {
  readonly backend?: string;
  readonly jobs?: number;
  readonly name?: string;
  readonly onFailure?: FailurePolicy;
  readonly durability?: 'normal' | 'full';
}

/** Hashing a larger graph would keep it from starting for seconds. */
const FINGERPRINTED = 200_000;

/** Runs a workflow to its end. */
export async function run(context: Context, [file = '']: readonly string[], flags: RunFlags): Promise<number> {
  const { graph, parameters, origin } = await loadWorkflow(file, flags);
  await using engine = await Engine.open({
    store: storeDirectory(context),
    logger: outputLogger(context.output),
    project: origin.project,
    observers: observersOf(flags),
    ...(flags.durability === undefined ? {} : { durability: flags.durability }),
    ...(flags.jobs === undefined ? {} : { slots: flags.jobs }),
  });
  const handle = await engine.run(graph, {
    parameters,
    ...(graph.size > FINGERPRINTED ? {} : { fingerprint: graphFingerprint(graph) }),
    origin: { ...completeOrigin(origin, graph, storeDirectory(context)) },
    ...(flags.backend === undefined ? {} : { backend: flags.backend }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.onFailure === undefined ? {} : { onFailure: flags.onFailure }),
  });
  return await stayWith({ context, engine, handle, graphs: [graph] });
}
