import type { RunAnswer } from '../transport/index.ts';
import type { DepotAnswer } from './depot.ts';

/** An answer that is no success. */
export type DepotFailure = Exclude<DepotAnswer, { readonly kind: 'done' }>;

/** What may go away by itself, or by somebody's tidying up. */
const PASSING =
  /No space left|quota exceeded|Resource temporarily|Cannot allocate memory|Input\/output error|Stale file/i;

export function refused(why: string, retryable = false): DepotFailure {
  return { kind: 'refused', why, retryable };
}

/** What a script there that failed means: its last words, and whether later it may go. */
export function refusal(stderr: string, what: string): DepotFailure {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // tar ends with a word about having failed; what it failed of stands before.
  const telling = lines.findLast((line) => PASSING.test(line)) ?? lines.find((line) => !/^\W*$/.test(line));
  return refused(`${what}: ${telling ?? 'no reason was given'}`, PASSING.test(stderr));
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
