import type { JobId, RunId } from './ids.ts';
import type { Outcome } from './outcome.ts';
import type { Detail, Status } from './status.ts';

/** One step in the life of a job, as it is journalled and told. */
export interface Transition {
  /** Index in the run. */
  readonly job: number;
  readonly from: Status;
  readonly to: Status;
  readonly detail: Detail;
  /** Ordinal of the attempt it belongs to; 0 before the first. */
  readonly fence: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What listeners of a run are told, each after the commit that holds it. */
export type EngineEvent =
  | {
      readonly kind: 'job';
      readonly run: RunId;
      readonly seq: number;
      readonly job: JobId;
      readonly index: number;
      readonly from: Status;
      readonly status: Status;
      readonly detail: Detail;
      readonly fence: number;
      readonly at: number;
      /** With the end of an attempt. */
      readonly outcome?: Outcome;
    }
  | {
      readonly kind: 'run';
      readonly run: RunId;
      readonly seq: number;
      readonly status: Status;
      readonly detail: Detail;
      readonly at: number;
    }
  /** Something people should know that is no change of state: a full disk, a slow store, a late report. */
  | {
      readonly kind: 'notice';
      readonly run?: RunId;
      readonly code: string;
      readonly message: string;
      readonly at: number;
    };
