import type { Outcome } from '../../../src/model/index.ts';

/** States of an element whose processes may still be alive. */
const LIVE: ReadonlySet<string> = new Set([
  'PENDING',
  'CONFIGURING',
  'RUNNING',
  'SUSPENDED',
  'STOPPED',
  'COMPLETING',
  'STAGE_OUT',
  'SIGNALING',
  'REQUEUED',
  'REQUEUE_HOLD',
  'REQUEUE_FED',
  'RESIZING',
  'SPECIAL_EXIT',
]);

/** Says whether an element may still run. */
export function isLive(state: string): boolean {
  return LIVE.has(state);
}

/**
 * How an attempt ended that left no record of its own, by the scheduler's word; undefined where the scheduler's word
 * is no end of the work either (its node was lost, it ended before the wrapper could write).
 */
export function outcomeOfState(state: string, reason: string): Outcome | undefined {
  switch (state) {
    case 'TIMEOUT':
    case 'DEADLINE':
      return { kind: 'timeout', timeout: 'run' };
    case 'OUT_OF_MEMORY':
      return { kind: 'memory', note: reason };
    case 'PREEMPTED':
      return { kind: 'preempted', why: reason };
    case 'CANCELLED':
      return { kind: 'cancelled', by: 'user' };
    default:
      return undefined;
  }
}
