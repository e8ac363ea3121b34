import { existsSync } from 'node:fs';
import { type Counts } from '../../engine/index.ts';
import { openStoreForReading } from '../../jobs/index.ts';
import { type RunRow, STATUSES, type Status, type Store } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { type FoundRun, statusOf, storeDirectory } from '../find-run.ts';
import type { Context } from '../main.ts';
import { renderTable } from '../output.ts';
import { countsText } from '../progress.ts';
import { formatDuration, formatTime } from '../units.ts';

/** Lists the runs of the store, newest first. */
export async function runs(context: Context): Promise<number> {
  const directory = storeDirectory(context);
  if (!existsSync(directory)) {
    if (context.json) await context.output.json([]);
    else context.output.say(`no runs yet at '${directory}'`);
    return 0;
  }
  await using store = await openStoreForReading(directory);
  const rows = await store.runs({});
  const summaries = [];
  for (const row of rows) summaries.push(await summarize(store, row));
  if (context.json) {
    await context.output.json(summaries.map(({ found, counts }) => runJson(found, counts)));
    return 0;
  }
  const table = renderTable(
    [
      { title: 'RUN' },
      { title: 'NAME' },
      { title: 'STATUS' },
      { title: 'JOBS' },
      { title: 'STARTED' },
      { title: 'TOOK', align: 'right' },
    ],
    summaries.map(({ found, counts }) => [
      found.row.id,
      found.row.name,
      statusText(found),
      countsText(counts),
      formatTime(found.row.startedAt || found.row.createdAt),
      tookText(found.row),
    ]),
  );
  await context.output.data(table);
  return 0;
}

async function summarize(store: Store, row: RunRow): Promise<{ readonly found: FoundRun; readonly counts: Counts }> {
  const owner = await store.ownerOf(row.id);
  return { found: { row, owner: owner?.alive === true ? owner : undefined }, counts: await countsOf(store, row) };
}

/** How many jobs have each status; those without a row have not left their first one. */
export async function countsOf(store: Store, row: RunRow): Promise<Counts> {
  // A run is done when every job is: no need to count a million rows.
  const stored = row.status === 'done' ? new Map<Status, number>([['done', row.size]]) : await store.counts(row.id);
  const counts = Object.fromEntries(STATUSES.map((status) => [status, stored.get(status) ?? 0])) as Record<
    Status,
    number
  >;
  const known = STATUSES.reduce((sum, status) => sum + counts[status], 0);
  return { ...counts, pending: counts.pending + Math.max(0, row.size - known) };
}

export function statusText(found: FoundRun): string {
  const { status, detail } = statusOf(found);
  return detail === '' ? status : `${status} (${detail})`;
}

function tookText(row: RunRow): string {
  if (row.startedAt === 0) return '-';
  return formatDuration((row.endedAt || systemClock.now().wall) - row.startedAt);
}

/** A run as listings and `show --json` give it. */
export function runJson(found: FoundRun, counts: Counts): Readonly<Record<string, unknown>> {
  const { row, owner } = found;
  const { status, detail } = statusOf(found);
  const settings = JSON.parse(row.settings || '{}') as Record<string, unknown>;
  return {
    run: row.id,
    name: row.name,
    status,
    reason: detail,
    size: row.size,
    counts,
    createdAt: isoTime(row.createdAt),
    startedAt: isoTime(row.startedAt),
    endedAt: isoTime(row.endedAt),
    fingerprint: row.fingerprint,
    parameters: settings['parameters'] ?? null,
    backend: settings['backend'] ?? null,
    owner: owner === undefined ? null : { host: owner.host, pid: owner.pid },
  };
}

/** Null where it has not happened. */
export function isoTime(epochMs: number): string | null {
  return epochMs === 0 ? null : new Date(epochMs).toISOString();
}
