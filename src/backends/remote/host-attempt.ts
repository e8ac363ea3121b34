import type { RemoteAttempt } from './remote-attempt.ts';

/** An attempt on one machine. */
export interface HostAttempt extends RemoteAttempt {
  /** When it was handed over, on the monotonic clock. */
  since: number;
  /** Looks in a row that found nobody at work on it. */
  doubts: number;
  /** Its time to end politely has passed. */
  isForced: boolean;
}

export function hostAttempt(of: RemoteAttempt, since: number): HostAttempt {
  return { ...of, since, doubts: 0, isForced: false };
}
