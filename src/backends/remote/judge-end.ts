import type { FileHasher } from '../../files/index.ts';
import type { Outcome } from '../../model/index.ts';
import type { NativeJob } from '../scheduler/index.ts';
import {
  badEnd,
  CaptureGuard,
  collectOrError,
  EMPTY_VALUE,
  type ExitRecord,
  judgeContained,
  redactCapture,
  stderrTail,
  WRAPPER_EXIT,
} from '../workdir/index.ts';
import type { RemoteAttempt } from './remote-attempt.ts';

export interface JudgePlaces {
  readonly hasher: FileHasher;
  readonly store: string;
  readonly project: string;
}

export const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };

/**
 * Judges an attempt by its record, whose files are here. What the system did to it (`word`: it ran out of time, took too much
 * memory, had to make room) is why it ended badly; how, the record says.
 */
export async function judgeRecord(
  attempt: RemoteAttempt,
  record: ExitRecord,
  { word, places }: { readonly word: Outcome | undefined; readonly places: JudgePlaces },
): Promise<Outcome> {
  const { here, limits, redactor, work, cancelling } = attempt;
  new CaptureGuard(here, limits.outputBytes, 0).finish();
  if (redactor !== undefined) await redactCapture(here, redactor);
  // Told to end, it may have done so with good manners: that proves no work done.
  if (cancelling?.sentAt !== undefined) return CANCELLED;
  if (record.status !== 0) {
    // A node that is taken down asks its jobs to end: their records say only that.
    if (word?.kind === 'lost' || isCause(word)) return word;
    return judgeContained(here, attempt.attempt) ?? badEnd(record.status, stderrTail(here));
  }
  if (work.outputs.length === 0) return { kind: 'ok', value: EMPTY_VALUE };
  const { hasher, store, project } = places;
  return collectOrError({ directory: here, outputs: work.outputs, store, project, tag: attempt.attempt, hasher });
}

/** Ends that a batch system makes, and whoever died of them can't tell from others. */
function isCause(word: Outcome | undefined): word is Outcome {
  const kind = word?.kind;
  return kind === 'timeout' || kind === 'memory' || kind === 'preempted' || kind === 'cancelled';
}

/** Exits that are no job's: the wrapper did not run it. */
const NOT_RUN: ReadonlySet<number> = new Set(Object.values(WRAPPER_EXIT));

/**
 * How an attempt ended that left no record and is fenced, by the system's word; undefined where that is no end of the work
 * either: it is lost.
 */
export function judgeWord(job: NativeJob | undefined): Outcome | undefined {
  if (job === undefined) return undefined;
  if ((job.restarts ?? 0) > 0 && !isCause(job.outcome))
    return {
      kind: 'preempted',
      why: `the system began it anew (${[job.state, job.reason].filter(Boolean).join(', ')})`,
    };
  const { outcome } = job;
  switch (outcome?.kind) {
    case undefined:
    // It ended well, and nothing that it did is here.
    case 'ok':
      return undefined;
    case 'exit':
      return NOT_RUN.has(outcome.code) || outcome.code === 0 ? undefined : outcome;
    default:
      return outcome;
  }
}
