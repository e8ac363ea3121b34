import type { FailedCause } from './status.ts';

/**
 * How often a job may be tried again. `maxAttempts` counts what the work did (error, exit,
 * signal, timeout, memory, output-missing); `maxLosses` counts what was done to it (lost, preempted).
 */
export interface RetryPolicy {
  /** @default 1 */
  readonly maxAttempts: number;
  /** Milliseconds before the second attempt. @default 0 */
  readonly initialDelayMs: number;
  /** Each further wait is this many times the last. @default 2 */
  readonly backoffFactor: number;
  /** No wait is longer than this. @default 3600000 */
  readonly maxDelayMs: number;
  /** Part of the wait, 0 to 1, that is drawn by chance, so that retries do not march in step. @default 0 */
  readonly jitter: number;
  /** Only these causes and error codes are tried again; all when absent. */
  readonly retryOn?: readonly (FailedCause | (string & {}))[];
  /** @default 5 */
  readonly maxLosses: number;
  /** What the next attempt asks more of; absent: each asks for the same. */
  readonly escalate?: Escalation;
}

/**
 * After an attempt ran out of something the next one asks for that many times as much of it, and of nothing else: memory after
 * the cause `memory`, time after a run timeout. What was lost or preempted, or failed otherwise, asks for the same again.
 * Never for more than the most that is named here, and than any place of the backend has.
 */
export interface Escalation {
  /** Times the memory, above 1. */
  readonly memory?: number;
  /** Times the time that is expected (`resources.time`) and allowed (the run timeout), above 1. */
  readonly time?: number;
  readonly maxMemoryBytes?: number;
  readonly maxTimeMs?: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 1,
  initialDelayMs: 0,
  backoffFactor: 2,
  maxDelayMs: 3_600_000,
  jitter: 0,
  maxLosses: 5,
};

/** Deadlines in milliseconds of the monotonic clock; absent means none. */
export interface Timeouts {
  /** From ready to granted. */
  readonly queueMs?: number;
  /** From granted to active. */
  readonly startMs?: number;
  /** From active to ended. */
  readonly runMs?: number;
  /** Between two signs of life of an active attempt. */
  readonly heartbeatMs?: number;
}

/** From the polite signal to the forced one. */
export const DEFAULT_GRACE_MS = 10_000;

/** What becomes of the rest of a run when a job fails: its dependents are cancelled always. */
export type FailurePolicy =
  /** Everything that does not need the failed job goes on. The default. */
  | 'continue'
  /** Nothing new starts; what runs may end; the rest is cancelled, cause `run-abort`. */
  | 'stop'
  /** What runs is cancelled too. */
  | 'abort';
