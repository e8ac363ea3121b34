import type { FailurePolicy, Json } from '../../model/index.ts';
import type { Engine } from '../../jobs/index.ts';
import type { Experiment } from '../../workflow/index.ts';
import { assertPointUnchanged, changedBesides, originOf, originsOf } from '../code-origin.ts';
import { stayWithExperiment } from '../experiment-foreground.ts';
import { storeDirectory } from '../find-run.ts';
import type { Loaded } from '../load-workflow.ts';
import type { Context } from '../main.ts';

export interface RunExperimentFlags {
  readonly backend?: string;
  readonly onFailure?: FailurePolicy;
  readonly retryFailed?: boolean;
  readonly rerun?: boolean;
  readonly acceptCode?: boolean;
  readonly param?: readonly string[];
}

/** Reused runs whose code is compared with what it is now. */
const COMPARED = 1000;

/** Runs what an experiment has no result of yet. */
export async function runExperimentFile(
  { context, engine, file }: { readonly context: Context; readonly engine: Engine; readonly file: string },
  { origin, parameters }: Loaded,
  { experiment, flags }: { readonly experiment: Experiment; readonly flags: RunExperimentFlags },
): Promise<number> {
  const store = storeDirectory(context);
  const origins = originsOf(origin, store);
  const given = (flags.param ?? []).map((parameter) => ` -p '${parameter}'`).join('');
  return stayWithExperiment({
    context,
    engine,
    experiment,
    command: `heddle run ${file}${given}${context.store === undefined ? '' : ` --store ${context.store}`}`,
    options: {
      parameters,
      origin: { ...origin, param: flags.param ?? [] } as unknown as Json,
      originOf: (graph) => origins(graph) as unknown as Json,
      mayContinue: async ({ id }) => {
        const row = flags.acceptCode === true ? undefined : await engine.store.run(id);
        if (row !== undefined) assertPointUnchanged(row, store);
      },
      ...(flags.backend === undefined ? {} : { backend: flags.backend }),
      ...(flags.onFailure === undefined ? {} : { onFailure: flags.onFailure }),
      ...(flags.retryFailed === true ? { retryFailed: true } : {}),
      ...(flags.rerun === true ? { rerun: true } : {}),
    },
    staleOf: async (runs) => {
      const changes = new Map<string, readonly string[]>();
      let stale = 0;
      for (const run of runs.slice(0, COMPARED)) {
        const row = await engine.store.run(run);
        const from = row === undefined ? undefined : originOf(row, store);
        if (from === undefined) continue;
        const key = JSON.stringify(from.code);
        const changed = changes.get(key) ?? changedBesides(from);
        changes.set(key, changed);
        if (changed.length > 0) stale += 1;
      }
      if (stale === 0) return undefined;
      const files = [...new Set([...changes.values()].flat())].slice(0, 5).map((line) => line.replace(/\s+/, ' '));
      return `${stale} points were computed by other code (${files.join(', ')}); they are kept, and --rerun computes all anew`;
    },
  });
}
