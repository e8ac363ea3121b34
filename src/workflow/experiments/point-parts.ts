import type { RunHandle } from '../../jobs/index.ts';
import { type Detail, type Graph, HeddleError, type RunId, type Status } from '../../model/index.ts';
import type { RunExperimentOptions } from './experiment-options.ts';
import type { KnownRun } from './known-runs.ts';
import type { Param } from './param.ts';

/** What is known of a point that has been looked at. */
export interface PointState {
  readonly status: Status;
  readonly detail: Detail;
  readonly run: RunId | undefined;
}

/** A point that runs. */
export interface OpenPoint {
  readonly handle: RunHandle;
  readonly parameters: Param;
  readonly size: number;
}

/** A point that is to be started. */
export interface NewPoint {
  readonly graph: Graph;
  readonly fingerprint: string;
  readonly isChanged: boolean;
  readonly fresh: readonly KnownRun[];
  readonly beside: readonly RunId[];
}

/** How the run of each point is started. */
export function runSettings(options: RunExperimentOptions, graph: Graph): object {
  const { backend, onFailure, originOf } = options;
  return {
    ...(backend === undefined ? {} : { backend }),
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(originOf === undefined ? {} : { origin: originOf(graph) }),
  };
}

/** What is wrong with this point and says nothing of the others. */
export function isOfThePoint(error: unknown): boolean {
  return HeddleError.is(error) && ['RESOURCES_IMPOSSIBLE', 'GRAPH_INVALID', 'VALUE_INVALID'].includes(error.code);
}
