import { isFinal } from '../../model/index.ts';
import type { KnownRun } from './known-runs.ts';

/** What is to be done about a point. */
export type PointDecision =
  /** A run of the same graph is done. */
  | { readonly action: 'reuse'; readonly run: KnownRun; readonly isNewest: boolean }
  /** An unfinished run goes on, unless another process has it. */
  | { readonly action: 'continue'; readonly run: KnownRun }
  /** It failed or was cancelled, and that was asked to be tried again. */
  | { readonly action: 'retry'; readonly run: KnownRun }
  /** It failed or was cancelled, and stays so. */
  | { readonly action: 'leave'; readonly run: KnownRun }
  /** `isChanged`: it has a result by another graph. */
  | { readonly action: 'start'; readonly isChanged: boolean };

/** What there is to decide by. */
export interface DecisionGround {
  /** Of the graph the workflow makes of the point now. */
  readonly fingerprint: string;
  /** Its runs, newest first, without those in `fresh`. */
  readonly known: readonly KnownRun[];
  /** Runs of it that others have begun since this experiment was started: no `rerun` makes these anew. */
  readonly fresh?: readonly KnownRun[];
  readonly retryFailed?: boolean | undefined;
  readonly rerun?: boolean | undefined;
}

/** Decides about one point, for who runs it and who only says what would be run: so both say the same. */
export function decidePoint({ fingerprint, known, fresh = [], retryFailed, rerun }: DecisionGround): PointDecision {
  const runs = [...fresh, ...known];
  const same = (rerun === true ? fresh : runs).filter((run) => run.fingerprint === fingerprint);
  const done = same.find(({ status }) => status === 'done');
  if (done !== undefined) return { action: 'reuse', run: done, isNewest: done === runs[0] };
  const [latest] = same;
  if (latest === undefined)
    return { action: 'start', isChanged: rerun !== true && runs.some(({ status }) => status === 'done') };
  if (!isFinal(latest.status)) return { action: 'continue', run: latest };
  return { action: retryFailed === true ? 'retry' : 'leave', run: latest };
}
