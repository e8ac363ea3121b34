import type { Outcome, RetryPolicy } from '../model/index.ts';

/** Whether its policy lets an attempt that ended this way be followed by another: by its cause, or by the code of its error. */
export function isRetried(policy: RetryPolicy, outcome: Outcome): boolean {
  const { retryOn } = policy;
  if (retryOn === undefined) return true;
  if (retryOn.includes(outcome.kind)) return true;
  return outcome.kind === 'error' && outcome.error.code !== undefined && retryOn.includes(outcome.error.code);
}

/** The wait before the attempt after the `failures`-th failure: exponential, capped, with a part left to chance. */
export function retryDelayMs(policy: RetryPolicy, failures: number, chance: number): number {
  // The factor's power may be infinite, and nothing times that is no number.
  if (policy.initialDelayMs === 0) return 0;
  const full = Math.min(policy.maxDelayMs, policy.initialDelayMs * policy.backoffFactor ** (failures - 1));
  return Math.round(full * (1 - policy.jitter * chance));
}
