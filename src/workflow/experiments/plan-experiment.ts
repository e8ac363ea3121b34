import { portableGraph } from '../../calls/index.ts';
import { asError, type Graph, type RunId, type Store } from '../../model/index.ts';
import { graphFingerprint } from '../fingerprint.ts';
import { type Experiment, pointsOf } from './experiment.ts';
import type { RunExperimentOptions } from './experiment-options.ts';
import { pointKey, readKnownRuns } from './known-runs.ts';
import type { Param } from './param.ts';
import { decidePoint, type PointDecision } from './point-decision.ts';
import { otherOwner } from './points-elsewhere.ts';

/** What would become of a point. `elsewhere`: another process runs it. `refuse`: its workflow can't be built. */
export interface PlannedPoint {
  readonly action: 'run' | 'continue' | 'retry' | 'done' | 'left' | 'elsewhere' | 'refuse';
  readonly parameters: Param;
  /** The run it has; absent where there is none that counts. */
  readonly run: RunId | undefined;
  /** Why, for people; empty where the action says it all. */
  readonly because: string;
  /** Of its workflow, where that is what would run. */
  readonly graph?: Graph;
}

/** As `runExperiment` is asked, and where. */
export interface PlanExperimentOptions extends Pick<RunExperimentOptions, 'parameters'> {
  readonly retryFailed?: boolean | undefined;
  readonly rerun?: boolean | undefined;
  readonly project: string;
  /** Absent: there is none yet. */
  readonly store?: Store;
}

/**
 * Says of each point what `runExperiment` would do now, by the same decision, in the order of the space. Starts and writes nothing.
 * Points come one by one; of each no more than its key is kept.
 *
 * @throws {HeddleError} INPUT_INVALID for an empty space, PARAMETER_INVALID, FILE_NOT_FOUND, STORE_*
 */
export async function* planExperiment(
  experiment: Experiment,
  options: PlanExperimentOptions,
): AsyncGenerator<PlannedPoint, void> {
  const { store, project, parameters = {}, retryFailed, rerun } = options;
  const space = pointsOf(experiment, parameters);
  space.assertNotEmpty();
  const runs = store === undefined ? undefined : await readKnownRuns(store, experiment.name);
  const seen = new Set<string>();
  for (const point of space) {
    const key = pointKey(point);
    if (seen.has(key)) continue;
    seen.add(key);
    let graph: Graph;
    try {
      graph = portableGraph(experiment.workflow.build(point), project);
    } catch (error) {
      yield { action: 'refuse', parameters: point, run: undefined, because: asError(error).message };
      continue;
    }
    const known = runs?.get(key) ?? [];
    const decision = decidePoint({ fingerprint: graphFingerprint(graph), known, retryFailed, rerun });
    yield { parameters: point, ...(await plannedOf(decision, store, graph)) };
  }
}

async function plannedOf(
  decision: PointDecision,
  store: Store | undefined,
  graph: Graph,
): Promise<Omit<PlannedPoint, 'parameters'>> {
  if (decision.action === 'start')
    return { action: 'run', run: undefined, because: decision.isChanged ? 'the workflow was changed' : '', graph };
  const { run } = decision;
  if (decision.action === 'reuse') return { action: 'done', run: run.id, because: '' };
  const other = store === undefined ? undefined : await otherOwner(store, run.id);
  if (other !== undefined) return { action: 'elsewhere', run: run.id, because: `process ${other.pid} runs it` };
  if (decision.action === 'leave') return { action: 'left', run: run.id, because: run.status };
  return { action: decision.action, run: run.id, because: decision.action === 'retry' ? run.status : '', graph };
}
