import type { Core } from './core.ts';
import { fitsPool } from './places.ts';
import type { ReadyQueue } from './ready-queue.ts';

/** What there is in all is being kept for somebody. */
export function isPoolKept({ pool, backends }: Core): boolean {
  return pool !== undefined && [...backends.values()].some(({ reservation }) => reservation?.pool === true);
}

/** The totals leave room for it, and none is being kept for another. */
export function mayTakeOfPool({ pool, backends }: Core, queue: ReadyQueue): boolean {
  if (pool === undefined) return true;
  for (const { reservation } of backends.values())
    if (reservation?.pool === true && reservation.queue !== queue) return false;
  return fitsPool(pool, queue.request);
}
