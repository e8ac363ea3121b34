import { isFinal, type RunId, type RunRow, type Store } from '../../model/index.ts';
import { isRead } from './read-lease.ts';

/** What is kept of finished runs. */
export interface KeepRules {
  /** Runs that ended later than so long ago keep everything. Milliseconds. */
  readonly olderThanMs: number;
  /** So do the newest runs, however old. */
  readonly keep: number;
}

/** What holds where nothing is said: for logs and work directories. Runs, their records and results are kept until somebody removes them. */
export const DEFAULT_RULES: KeepRules = { olderThanMs: 30 * 24 * 3600_000, keep: 50 };

/** Why a run that is old enough is kept all the same. */
export type KeptBecause = 'unfinished' | 'owned' | 'read' | 'experiment' | 'cache';

/** A run that the rules would let go. */
export interface Candidate {
  readonly row: RunRow;
  readonly because?: KeptBecause;
}

/** Runs that are neither young nor among the newest, oldest first, and what holds them. */
export async function candidates(
  store: Store,
  directory: string,
  options: KeepRules & { readonly now: number; readonly whole: boolean },
): Promise<readonly Candidate[]> {
  const rows = (await store.runs({})).slice(options.keep);
  const found: Candidate[] = [];
  for (const row of rows.toReversed()) {
    const ended = row.endedAt || row.createdAt;
    if (options.now - ended < options.olderThanMs) continue;
    const because = await holdOf(store, directory, { row, whole: options.whole });
    found.push(because === undefined ? { row } : { row, because });
  }
  return found;
}

async function holdOf(
  store: Store,
  directory: string,
  { row, whole }: { readonly row: RunRow; readonly whole: boolean },
): Promise<KeptBecause | undefined> {
  if (!isFinal(row.status)) return 'unfinished';
  if ((await store.ownerOf(row.id))?.alive === true) return 'owned';
  if (isRead(directory, row.id)) return 'read';
  // Only files that no result names go then: results of points and of the cache stay what they are.
  if (!whole) return undefined;
  if (row.experiment !== '') return 'experiment';
  return (await isReused(store, row.id)) ? 'cache' : undefined;
}

/** Whether its results are, or may still be, taken instead of running something again. */
async function isReused({ fingerprints }: Store, run: RunId): Promise<boolean> {
  if (fingerprints === undefined) return false;
  return (await fingerprints.has(run)) || (await fingerprints.dependents(run)).length > 0;
}
