import type { AttemptId, AttemptOrder, LoginNeed, SubmissionId } from '../../model/index.ts';
import type { CommandWork } from '../workdir/index.ts';
import type { RemoteAttempt } from './remote-attempt.ts';

/** What became of a wish to a target's files. */
export type SiteAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly why: string; readonly retryable: boolean }
  | { readonly kind: 'unreachable'; readonly why: string }
  | { readonly kind: 'login'; readonly need: LoginNeed };

export type SiteFailure = Exclude<SiteAnswer, { readonly kind: 'done' }>;

/** What an attempt's directory says of it. */
export type Trace =
  /** Its exit record lies in its directory here. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'claimed'; readonly startedAt: number | undefined }
  | { readonly kind: 'none' };

/** What is brought of an ended attempt: what it said, and its outputs where it ended well. */
export interface Leavings {
  readonly attempt: RemoteAttempt;
  readonly hasOutputs: boolean;
}

/** One of a batch that can't be prepared, whatever is done: its own fault. */
export interface Unfit {
  readonly order: AttemptOrder;
  readonly why: string;
}

/** What is prepared together: attempts, and files of their submission's home. */
export interface Preparation {
  readonly orders: readonly { readonly order: AttemptOrder; readonly work: CommandWork }[];
  readonly home: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

/**
 * Where the work directories of a target lie: on a disk that is here too, or in a depot of the target's own. It brings there
 * what attempts need, tells what their directories say, and brings here what they left.
 */
export interface Site {
  /** Finds its root, makes what all attempts share. May be asked again after a failure. */
  open(): Promise<SiteAnswer>;
  /** Where the home of a submission, and an attempt's own directory, are over there. */
  homeOf(submission: SubmissionId): string;
  directoryOf(directory: string): string;
  /** Directory over there in which the wrapper leaves a mark for each attempt that has ended, named by its id. */
  readonly marks: string;
  /** The wrapper, over there. */
  readonly wrapper: string;
  /** Makes the directories of attempts ready, and writes files into the home of their submission. */
  prepare(preparation: Preparation): Promise<{ readonly answer: SiteAnswer; readonly unfit: readonly Unfit[] }>;
  /** Shell text whose output `ended` reads; empty where nothing need be run. */
  lookText(): string;
  /** Whose exit records have come since: they lie in their directories here now. */
  ended(said: string, find: (attempt: AttemptId) => RemoteAttempt | undefined): Promise<readonly RemoteAttempt[]>;
  /** What the directories say, in the order asked; with `fence` nothing starts there or is published from then on. */
  traces(
    attempts: readonly RemoteAttempt[],
    how: { readonly fence: boolean },
  ): Promise<{ readonly kind: 'done'; readonly traces: readonly Trace[] } | SiteFailure>;
  /** Brings here what ended attempts said and left. `spoilt`: what came is not what lies there, however often it is asked for. */
  bring(
    leavings: readonly Leavings[],
  ): Promise<{ readonly answer: SiteAnswer; readonly spoilt: readonly RemoteAttempt[] }>;
  /** The ends of these are committed, or they never were: what lies over there may go. */
  release(attempts: readonly string[]): void;
  close(): Promise<void>;
}
