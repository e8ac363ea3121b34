import type { LaunchAnswer } from '../../model/index.ts';
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

/** What became of an order to start that was carried out; undefined where none had to be given. */
export function startAnswer(answer: { readonly code: number; readonly stderr: string } | undefined): LaunchAnswer {
  if (answer === undefined || answer.code === 0) return { kind: 'accepted', handle: '' };
  return { kind: 'unknown', why: `the order to start it ended with ${answer.code}: ${answer.stderr.trim()}` };
}
