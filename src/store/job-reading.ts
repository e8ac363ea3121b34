import type { FinalJobs, JobRow, RunId, Status } from '../model/index.ts';
import type { StoreAccess } from './store-access.ts';

/** Rows a batch: some milliseconds of the loop. */
const ROWS_A_BATCH = 4096;
/** So many jobs are looked at in one statement: as long again. */
const FINALS_A_LOOK = 16_384;
const JOBS_A_LOOK = 32_768;

/** Rows from an index on, in order. */
export async function* readJobs(access: StoreAccess, run: RunId, from: number): AsyncGenerator<readonly JobRow[]> {
  for (let next = from; ; ) {
    const rows = await access.read('jobs', run, next, ROWS_A_BATCH);
    const last = rows.at(-1);
    if (last !== undefined) yield rows;
    if (last === undefined || rows.length < ROWS_A_BATCH) return;
    next = last.job + 1;
    await access.turn();
  }
}

export async function* readFinals(access: StoreAccess, run: RunId): AsyncGenerator<FinalJobs> {
  const end = await access.read('jobsEnd', run);
  for (let from = 0; from < end; from += FINALS_A_LOOK) {
    const found = await access.read('finals', run, from, from + FINALS_A_LOOK);
    for (const finals of found) if (finals.jobs.length > 0) yield finals;
    await access.turn();
  }
}

export async function* readUnfinished(access: StoreAccess, run: RunId): AsyncGenerator<readonly JobRow[]> {
  const end = await access.read('jobsEnd', run);
  for (let from = 0; from < end; ) {
    const lookEnd = from + JOBS_A_LOOK;
    const rows = await access.read('unfinished', run, { from, end: lookEnd, limit: ROWS_A_BATCH });
    const last = rows.at(-1);
    if (last !== undefined) yield rows;
    from = last !== undefined && rows.length === ROWS_A_BATCH ? last.job + 1 : lookEnd;
    await access.turn();
  }
}

export async function readCounts(access: StoreAccess, run: RunId): Promise<ReadonlyMap<Status, number>> {
  const counts = new Map<Status, number>();
  const end = await access.read('jobsEnd', run);
  for (let from = 0; from < end; from += JOBS_A_LOOK) {
    for (const [status, count] of await access.read('counts', run, from, from + JOBS_A_LOOK)) {
      counts.set(status, (counts.get(status) ?? 0) + count);
    }
    await access.turn();
  }
  return counts;
}
