import type { RunAnswer } from '../transport/index.ts';
import type { DepotAnswer } from './depot.ts';

/** An answer that is no success. */
export type DepotFailure = Exclude<DepotAnswer, { readonly kind: 'done' }>;

/** What says that there is no room. GNU tar and busybox tell a write that the disk cut short in words of their own. */
const FULL = /No space left|quota exceeded|Wrote only \d+ of|short write/i;
/** What may go away by itself, or by somebody's tidying up. */
const PASSING = /Resource temporarily|Cannot allocate memory|Input\/output error|Stale file/i;

export function refused(why: string, retryable = false): DepotFailure {
  return { kind: 'refused', why, retryable };
}

/** What a script there that failed means: its last words, and whether later it may go. */
export function refusal(stderr: string, what: string): DepotFailure {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const isFull = FULL.test(stderr);
  const isPassing = isFull || PASSING.test(stderr);
  // tar ends with a word about having failed; what it failed of stands before.
  const telling = lines.findLast((line) => FULL.test(line) || PASSING.test(line)) ?? lines[0];
  const why = `${what}: ${isFull ? 'the disk is full: ' : ''}${telling ?? 'no reason was given'}`;
  return refused(why, isPassing);
}

/** What the way there failed with; undefined when the script ended. */
export function failureOf(answer: RunAnswer): DepotFailure | undefined {
  switch (answer.kind) {
    case 'ended':
      return undefined;
    case 'login':
      return answer;
    case 'unreachable':
      return { kind: 'unreachable', why: answer.why };
  }
}
