import type { Engine, RunOptions } from '../../jobs/index.ts';
import type { Detail, FailurePolicy, Graph, Json, RunId, Status } from '../../model/index.ts';
import type { KnownRun } from './known-runs.ts';
import type { Param } from './param.ts';

/** What became of a point, as it does. */
export interface PointEvent {
  readonly kind: 'reused' | 'started' | 'resumed' | 'retried' | 'ended' | 'elsewhere' | 'refused';
  readonly parameters: Param;
  /** Absent where no run could be started. */
  readonly run: RunId | undefined;
  readonly status: Status;
  readonly detail: Detail;
  /** Of what failed: the first cause, for people. */
  readonly cause?: string;
  /** There was a run of this point by another graph: the workflow was changed. */
  readonly isChanged?: boolean;
}

/** How an experiment is run. */
export interface RunExperimentOptions extends Pick<RunOptions, 'backend'> {
  /** Given to every point beside its own. */
  readonly parameters?: Readonly<Record<string, Json>>;
  /** Runs again what failed or was cancelled, in the same run, keeping what was done. @default false */
  readonly retryFailed?: boolean;
  /** Runs every point anew, whatever is there. @default false */
  readonly rerun?: boolean;
  /** What becomes of the rest of a point's run when one of its jobs fails. */
  readonly onFailure?: FailurePolicy;
  /** What is kept with the run of each point: where it comes from. */
  readonly originOf?: (graph: Graph) => Json;
  /** What is kept with the experiment. */
  readonly origin?: Json;
  /** Asked before an unfinished or failed run goes on; throws when it may not. */
  readonly mayContinue?: (run: KnownRun) => void | Promise<void>;
  readonly onPoint?: (event: PointEvent) => void;
}

/** Numbers of points. */
export interface ExperimentCounts {
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly running: number;
  readonly pending: number;
}

/** An experiment as its engine sees it now. */
export interface ExperimentView {
  readonly name: string;
  readonly status: Status;
  readonly detail: '' | 'interrupted' | 'paused';
  readonly size: number;
  readonly counts: ExperimentCounts;
  /** Points that were done before and not run again. */
  readonly reused: number;
  /** Points that failed or were cancelled before, and were left so. */
  readonly left: number;
  /** Points that had a result by another graph: the workflow has changed since. */
  readonly changed: number;
  /** Points that another process runs. */
  readonly elsewhere: number;
  /** Those processes. */
  readonly elsewherePids: readonly number[];
}

/** What there is to run an experiment with. @internal */
export interface ExperimentPlace {
  readonly engine: Engine;
  readonly options: RunExperimentOptions;
}
