/** The six words for a job and for a run. There is no seventh. */
export const STATUSES = ['created', 'pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type Status = (typeof STATUSES)[number];

/** The statuses that end a job. */
export const FINAL_STATUSES = ['done', 'failed', 'cancelled'] as const;
export type FinalStatus = (typeof FINAL_STATUSES)[number];

/** Why a job is `pending`. */
export const PENDING_REASONS = [
  'blocked',
  'condition',
  'time',
  'queued',
  'reserved',
  'paused',
  'held',
  'backoff',
  'interrupted',
  'login',
] as const;
export type PendingReason = (typeof PENDING_REASONS)[number];

/** Where in its attempt a `running` job is. */
export const PHASES = [
  'staging-in',
  'starting',
  'active',
  'ready',
  'streaming',
  'staging-out',
  'cancelling',
  'unreachable',
] as const;
export type Phase = (typeof PHASES)[number];

/** Why a job is `failed`. */
export const FAILED_CAUSES = [
  'error',
  'exit',
  'signal',
  'timeout',
  'memory',
  'lost',
  'preempted',
  'output-missing',
  'unsatisfiable',
] as const;
export type FailedCause = (typeof FAILED_CAUSES)[number];

/** Why a job is `cancelled`. */
export const CANCELLED_CAUSES = ['user', 'upstream', 'run-abort'] as const;
export type CancelledCause = (typeof CANCELLED_CAUSES)[number];

/** Why a run is `pending`. */
export const RUN_PENDING_REASONS = ['paused', 'interrupted', 'validating'] as const;
export type RunPendingReason = (typeof RUN_PENDING_REASONS)[number];

/** Any of the finer words beside a status; the empty one where none is needed. */
export type Detail = PendingReason | Phase | FailedCause | CancelledCause | RunPendingReason | '';

/** Says whether a status ends a job or a run. */
export function isFinal(status: Status): status is FinalStatus {
  return status === 'done' || status === 'failed' || status === 'cancelled';
}

/**
 * Which status may follow which. `pending -> done` is what needs no attempt: an earlier result, a choice that was made. `running -> pending` is a retry, the granted successor
 * of a lost attempt, or a shutdown; a final job goes back to `pending` by rerun only.
 */
export const TRANSITIONS: Readonly<Record<Status, readonly Status[]>> = {
  created: ['pending', 'cancelled'],
  pending: ['running', 'done', 'cancelled', 'failed'],
  running: ['done', 'failed', 'cancelled', 'pending'],
  done: ['pending'],
  failed: ['pending'],
  cancelled: ['pending'],
};

/** The words that may stand beside each status. */
export const DETAILS_OF: Readonly<Record<Status, readonly Detail[]>> = {
  created: [''],
  pending: PENDING_REASONS,
  running: PHASES,
  done: [''],
  failed: FAILED_CAUSES,
  cancelled: CANCELLED_CAUSES,
};

/** Which final statuses an `order` edge or a condition accepts, as bits: done 1, failed 2, cancelled 4. */
export type AcceptMask = number;
export const ACCEPT_DONE = 1;
export const ACCEPT_FAILED = 2;
export const ACCEPT_CANCELLED = 4;
export const ACCEPT_ALL: AcceptMask = 7;

/** Turns a list of final statuses into bits. */
export function acceptMask(statuses: readonly FinalStatus[]): AcceptMask {
  let mask = 0;
  for (const status of statuses) mask |= acceptBit(status);
  return mask;
}

/** The bit of one status; 0 for one that is not final. */
export function acceptBit(status: Status): AcceptMask {
  if (status === 'done') return ACCEPT_DONE;
  if (status === 'failed') return ACCEPT_FAILED;
  return status === 'cancelled' ? ACCEPT_CANCELLED : 0;
}
