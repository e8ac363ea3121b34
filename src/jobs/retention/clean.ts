import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HeddleError, type RunId, type RunRow, type Store } from '../../model/index.ts';
import { intendRemoval, leftRemovals } from './read-lease.ts';
import { candidates, type KeepRules, type KeptBecause } from './rules.ts';
import { namedFiles, sweepScratch } from './scratch.ts';

export interface CleanOptions extends KeepRules {
  /** `runs`: all there is of them. `logs`: what was captured, and files that no result names; records and results stay. */
  readonly what: 'runs' | 'logs';
  /** Says what would go, and removes nothing. */
  readonly dry: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Aborted: no further run is begun. */
  readonly signal?: AbortSignal;
}

/** One run that was, or would be, cleaned. */
export interface CleanedRun {
  readonly run: RunId;
  readonly name: string;
  readonly endedAt: number;
  /** Of files; what a run takes in the database is not counted. */
  readonly bytes: number;
  readonly files: number;
}

export interface CleanReport {
  readonly cleaned: readonly CleanedRun[];
  /** Old enough, and kept. */
  readonly kept: readonly { readonly run: RunId; readonly because: KeptBecause }[];
  readonly bytes: number;
}

/**
 * Lets go of what the rules do not keep. Never of what is unfinished, owned by a living engine, read by somebody, or still
 * needed by the cache or an experiment. Killed at any moment it leaves nothing half: the next one finishes.
 */
export async function clean(store: Store, directory: string, options: CleanOptions): Promise<CleanReport> {
  if (!options.dry) await finishLeft(store, directory);
  const cleaned: CleanedRun[] = [];
  const kept: { run: RunId; because: KeptBecause }[] = [];
  for (const { row, because } of await candidates(store, directory, { ...options, whole: options.what === 'runs' })) {
    if (options.signal?.aborted === true) break;
    const swept = because === undefined ? await cleanRun(store, directory, { row, options }) : because;
    if (typeof swept === 'string') kept.push({ run: row.id, because: swept });
    else if (options.what === 'runs' || swept.files > 0) cleaned.push(swept);
  }
  return { cleaned, kept, bytes: cleaned.reduce((sum, { bytes }) => sum + bytes, 0) };
}

interface OneRun {
  readonly row: RunRow;
  readonly options: CleanOptions;
}

async function cleanRun(store: Store, directory: string, { row, options }: OneRun): Promise<CleanedRun | KeptBecause> {
  const { id: run, name, endedAt } = row;
  const described = { run, name, endedAt };
  const isWhole = options.what === 'runs';
  if (options.dry) {
    const named = isWhole ? new Set<string>() : await namedFiles(store, run, row.size);
    return {
      ...described,
      ...(named === undefined ? NOTHING : await sweepScratch(directory, run, { named, dry: true })),
    };
  }
  const intent = intendRemoval(directory, run);
  if (intent === undefined) return 'read';
  try {
    const swept = isWhole ? await removeRun(store, directory, run) : await removeScratch(store, directory, row);
    intent[Symbol.dispose]();
    return { ...described, ...swept };
  } catch (error) {
    // What failed half-way is finished by the next one, which finds the intent of a process that has ended.
    if (!HeddleError.is(error) || error.code !== 'RUN_OWNED') throw error;
    // Somebody has taken it since it was looked at.
    intent[Symbol.dispose]();
    return 'owned';
  }
}

const NOTHING = { bytes: 0, files: 0 };

/** Its rows go out of sight at once, then its files go: whoever comes in between finds no such run. */
async function removeRun(
  store: Store,
  directory: string,
  run: RunId,
): Promise<{ readonly bytes: number; readonly files: number }> {
  const swept = await sweepScratch(directory, run, { named: new Set(), dry: true });
  await store.deleteRun(run);
  await rm(join(directory, 'work', run), { recursive: true, force: true });
  return swept;
}

/** The run is ours meanwhile, so that nobody retries it; what its results name stays. */
async function removeScratch(
  store: Store,
  directory: string,
  { id: run, size }: RunRow,
): Promise<{ readonly bytes: number; readonly files: number }> {
  const answer = await store.claimRun(run);
  if (answer.kind !== 'claimed') throw new HeddleError('RUN_OWNED', `run ${run} is another's`);
  try {
    const named = await namedFiles(store, run, size);
    return named === undefined ? NOTHING : await sweepScratch(directory, run, { named, dry: false });
  } finally {
    await store.releaseRun(run, answer.epoch);
  }
}

/** Removes the files of runs whose rows a cleaner had removed when it died. */
async function finishLeft(store: Store, directory: string): Promise<void> {
  for (const run of leftRemovals(directory)) {
    if ((await store.run(run)) === undefined) await rm(join(directory, 'work', run), { recursive: true, force: true });
    await rm(join(directory, 'cleaning', run), { force: true });
  }
}
