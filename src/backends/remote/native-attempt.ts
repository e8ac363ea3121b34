import type { SubmissionId } from '../../model/index.ts';
import type { NativeJob } from '../scheduler/index.ts';
import type { ExitRecord } from '../workdir/index.ts';
import type { RemoteAttempt } from './remote-attempt.ts';

/** An attempt that is an element of a native job. */
export interface NativeAttempt extends RemoteAttempt {
  readonly submission: SubmissionId;
  readonly marker: string;
  /** Its index in the native job. */
  readonly native: number;
  /** `line`: not submitted yet; `asked`: whether it was taken nobody knows; `taken`: the system has it. */
  stage: 'line' | 'asked' | 'taken';
  /** When it came to be so, on the monotonic clock: what was seen before says nothing of it. */
  since: number;
  /** The system's name of its native job, and of itself. */
  jobId: string | undefined;
  elementId: string | undefined;
  /** Looks in a row in which the system said it was over, or nothing. */
  doubts: number;
  /** How it ended by its own record, while the system's word on that is waited for. */
  record: ExitRecord | undefined;
  /** Looks since. */
  recordLooks: number;
  /** Why it does not begin, as people were told last. */
  told: string;
  /** Why it can never begin. */
  never: string | undefined;
  /** When the system was asked last to end it, on the monotonic clock. */
  cancelSentAt: number | undefined;
  /** How often the system had begun it anew at the last look. */
  restarts: number;
}

/** What the last answer of the system says of one element, in terms of what is to be done. */
export type Word =
  /** Nothing that counts. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'waits'; readonly why: string }
  | { readonly kind: 'runs' }
  /** It waits to be begun anew. */
  | { readonly kind: 'restarts' }
  | { readonly kind: 'never'; readonly why: string }
  /** It is over, or not known to the system. */
  | { readonly kind: 'over' };

/** What an answer is worth. */
export interface WordContext {
  /** When the question was asked, on the monotonic clock. */
  readonly askedAt: number;
  /** Who is not listed is not known to the system. */
  readonly isWhole: boolean;
  /** So long a submission whose answer was lost may still arrive. */
  readonly settleMs: number;
}

/** Reads the system's word on an element. Pure: what is to be believed when is the caller's. */
export function wordOf(attempt: NativeAttempt, job: NativeJob | undefined, context: WordContext): Word {
  if (context.askedAt < attempt.since) return { kind: 'nothing' };
  if (job === undefined) {
    if (!context.isWhole) return { kind: 'nothing' };
    const mayArrive = attempt.stage === 'asked' && context.askedAt - attempt.since < context.settleMs;
    return mayArrive ? { kind: 'nothing' } : { kind: 'over' };
  }
  switch (job.standing) {
    case 'ended':
      return { kind: 'over' };
    case 'never':
      return { kind: 'never', why: job.reason === '' ? job.state : job.reason };
    case 'held':
      return { kind: 'waits', why: `held (${[job.state, job.reason].filter(Boolean).join(', ')})` };
    case 'waiting':
      return (job.restarts ?? 0) > attempt.restarts ? { kind: 'restarts' } : { kind: 'waits', why: '' };
    case 'running':
    case 'suspended':
      return { kind: 'runs' };
  }
}

/** One element of one native job, in what the system lists. */
export function standingKey(of: { readonly marker: string }, element: number): string {
  return `${of.marker} ${element}`;
}
