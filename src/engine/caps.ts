import { type Definition, HeddleError } from '../model/index.ts';
import type { RunState } from './run-state.ts';

/**
 * How many jobs of one name in a run may hold a grant at a time. Whose queue has a cap waits in it while that is reached,
 * and is not passed over by those who go before it: nothing is kept for it, since it is not capacity that it waits for.
 */
export interface CapState {
  readonly name: string;
  limit: number;
  /** Grants that jobs of this name hold now. */
  held: number;
}

/** @throws {HeddleError} INPUT_INVALID for a cap that would let nothing run */
export function refuseCap({ cap }: Definition): void {
  if (cap === undefined || (Number.isSafeInteger(cap.limit) && cap.limit > 0)) return;
  throw new HeddleError('INPUT_INVALID', `a cap is a whole number from 1 on: "${cap.name}" was given ${cap.limit}`, {
    hint: 'leave it out where there is none',
  });
}

/** The cap of a definition, as the run counts it. Of several limits for one name the least counts. */
export function capOf(run: RunState, { cap }: Definition): CapState | undefined {
  if (cap === undefined) return undefined;
  const known = run.caps.get(cap.name);
  if (known === undefined) {
    const made: CapState = { name: cap.name, limit: cap.limit, held: 0 };
    run.caps.set(cap.name, made);
    return made;
  }
  known.limit = Math.min(known.limit, cap.limit);
  return known;
}

/** As many as may run of that name do. */
export function isReached(cap: CapState | undefined): boolean {
  return cap !== undefined && cap.held >= cap.limit;
}

/** A job of a run was granted something (1), or what it held was given back (-1). */
export function countHeld(run: RunState, job: number, by: 1 | -1): void {
  if (run.caps.size === 0) return;
  const { cap } = run.queueOf(job);
  if (cap !== undefined) cap.held += by;
}
