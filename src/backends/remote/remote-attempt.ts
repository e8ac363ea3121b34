import type {
  AttemptId,
  AttemptLimits,
  AttemptOrder,
  BackendEvent,
  RecoverAnswer,
  RecoverQuery,
  Redactor,
} from '../../model/index.ts';
import type { CommandWork } from '../workdir/index.ts';

/** An attempt whose work directory is the business of a target, from its launch or adoption until its end is told. */
export interface RemoteAttempt {
  readonly attempt: AttemptId;
  readonly fence: number;
  readonly work: CommandWork;
  readonly limits: AttemptLimits;
  readonly redactor: Redactor | undefined;
  /** Its directory here, and over there. */
  readonly here: string;
  readonly there: string;
  /** Its body has been seen to run. */
  isActive: boolean;
  /** It was told to be unreachable, and nothing else since. */
  isSilent: boolean;
  /** Its end is known, and is being brought here and judged. */
  isEnding: boolean;
  /** It has ended and said nothing: nothing of that is to be brought. */
  isMute: boolean;
  /** How far the clock over there is ahead of ours, in milliseconds, where that was measured. */
  skewMs: number;
  /** It was asked to end; `sentAt`: when that was passed on, on the monotonic clock. */
  cancelling: { graceMs: number; sentAt?: number } | undefined;
}

export type Ended = Extract<BackendEvent, { readonly kind: 'ended' }>;

export function remoteAttempt(of: AttemptOrder | RecoverQuery, work: CommandWork, there: string): RemoteAttempt {
  const { attempt, fence, limits, redactor, directory } = of;
  return {
    attempt,
    fence,
    work,
    limits,
    redactor,
    here: directory,
    there,
    isActive: false,
    isSilent: false,
    isEnding: false,
    isMute: false,
    skewMs: 0,
    cancelling: undefined,
  };
}

/** An end that was reported, told again to who asks. */
export function endedAnswer({ outcome, startedAt, endedAt }: Ended): RecoverAnswer {
  return {
    kind: 'ended',
    outcome,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
  };
}
