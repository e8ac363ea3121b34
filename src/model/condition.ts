import type { AcceptMask } from './status.ts';

/**
 * A gate before a job may start, as data. An index (what is waited for) only wakes the job;
 * truth is evaluated again when the job would be granted. A condition never changes after
 * it was made.
 */
export type Condition =
  /** The named jobs of the same run ended with an accepted status: all of them, or any. */
  | {
      readonly kind: 'after';
      readonly jobs: readonly string[];
      readonly accept: AcceptMask;
      readonly mode: 'all' | 'any';
    }
  /** Wall-clock now is strictly after a point (epoch milliseconds). */
  | { readonly kind: 'after-time'; readonly at: number }
  /** Wall-clock now is strictly before a point: a deadline; once passed, it can never become true. */
  | { readonly kind: 'before-time'; readonly at: number }
  /** The time of day is at or after (before: strictly before) so many seconds after midnight; local time, or that of a zone. */
  | { readonly kind: 'after-clock' | 'before-clock'; readonly seconds: number; readonly timeZone?: string }
  /** The day of the week is this one or a later (earlier) one; Monday is 0; local time, or that of a zone. */
  | { readonly kind: 'after-weekday' | 'before-weekday'; readonly day: number; readonly timeZone?: string }
  | { readonly kind: 'all'; readonly conditions: readonly Condition[] }
  | { readonly kind: 'any'; readonly conditions: readonly Condition[] }
  /** User code, looked at every `everyMs` by the engine's shell under this name; its word holds until the next look. */
  | { readonly kind: 'custom'; readonly name: string; readonly everyMs: number };
