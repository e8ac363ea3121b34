import { existsSync } from 'node:fs';
import { openStoreForReading } from '../../jobs/index.ts';
import { HeddleError, type RunRow, STATUSES, type Status, type Store } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { type FoundRun, statusOf, storeDirectory } from '../find-run.ts';
import type { Context } from '../main.ts';
import { type Column, renderTable } from '../output.ts';
import { countsText, type RunCounts } from '../progress.ts';
import { formatDuration, formatTime } from '../units.ts';
import { experimentCells, experimentJson, type ExperimentSummary, summarizeExperiment } from '../experiment-summary.ts';

/** Lists the runs of the store, newest first; an experiment is one line, or with its name its runs are the lines. */
export async function runs(context: Context, [experiment]: readonly string[] = []): Promise<number> {
  const directory = storeDirectory(context);
  if (!existsSync(directory)) {
    if (context.json) await context.output.json([]);
    else context.output.say(`no runs yet at '${directory}'`);
    return 0;
  }
  await using store = await openStoreForReading(directory);
  const entries = experiment === undefined ? await everything(store) : await runsOfExperiment(store, experiment);
  if (context.json) {
    await context.output.json(
      entries.map((entry) => ('found' in entry ? runJson(entry.found, entry.counts) : experimentJson(entry))),
    );
    return 0;
  }
  const columns: readonly Column[] = [
    { title: 'RUN' },
    { title: 'NAME' },
    { title: 'STATUS' },
    { title: 'JOBS' },
    { title: 'STARTED' },
    { title: 'TOOK', align: 'right' },
  ];
  await context.output.data(
    renderTable(
      columns,
      entries.map((entry) => ('found' in entry ? runCells(entry) : experimentCells(entry))),
    ),
  );
  return 0;
}

interface RunSummary {
  readonly found: FoundRun;
  readonly counts: RunCounts;
}

function runCells({ found, counts }: RunSummary): readonly string[] {
  const { row } = found;
  const started = formatTime(row.startedAt || row.createdAt);
  return [row.id, row.name, statusText(found), countsText(counts), started, tookText(row)];
}

/** Runs and experiments, an experiment where its newest run would stand. */
async function everything(store: Store): Promise<readonly (RunSummary | ExperimentSummary)[]> {
  const entries: (RunSummary | ExperimentSummary)[] = [];
  const points = new Map<string, RunRow[]>();
  const rows = await store.runs({});
  for (const row of rows) {
    if (row.experiment === '') continue;
    const there = points.get(row.experiment);
    if (there === undefined) points.set(row.experiment, [row]);
    else there.push(row);
  }
  for (const row of rows) {
    const own = points.get(row.experiment);
    if (row.experiment === '') entries.push(await summarize(store, row));
    else if (own?.[0] === row) entries.push(await summarizeExperiment(store, own));
  }
  return entries;
}

async function runsOfExperiment(store: Store, experiment: string): Promise<readonly RunSummary[]> {
  const rows = await store.runs({ experiment });
  if (rows.length === 0)
    throw new HeddleError('RUN_NOT_FOUND', `there is no experiment '${experiment}' in this store`, {
      hint: "'heddle runs' lists what there is",
    });
  const summaries: RunSummary[] = [];
  for (const row of rows) summaries.push(await summarize(store, row));
  return summaries;
}

async function summarize(store: Store, row: RunRow): Promise<RunSummary> {
  const owner = await store.ownerOf(row.id);
  return { found: { row, owner: owner?.alive === true ? owner : undefined }, counts: await countsOf(store, row) };
}

/** Above this a run that is done is taken at its word: counting a million rows would hold the listing up. */
const COUNTED_JOBS = 200_000;

/**
 * How many jobs have each status, and how many nodes no branch chose: those have a row that is `created` still. What
 * has no row has not left its first status.
 */
export async function countsOf(store: Store, row: RunRow): Promise<RunCounts> {
  const isTaken = row.status === 'done' && row.size > COUNTED_JOBS;
  const stored = isTaken ? new Map<Status, number>([['done', row.size]]) : await store.counts(row.id);
  const counts = Object.fromEntries(STATUSES.map((status) => [status, stored.get(status) ?? 0])) as Record<
    Status,
    number
  >;
  const known = STATUSES.reduce((sum, status) => sum + counts[status], 0);
  const { created: chosenByNone } = counts;
  const rest = Math.max(0, row.size - known);
  const isDone = row.status === 'done';
  const skipped = chosenByNone + (isDone ? rest : 0);
  const all = { ...counts, created: 0, pending: counts.pending + (isDone ? 0 : rest) };
  return skipped === 0 ? all : { ...all, skipped };
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
export function runJson(found: FoundRun, counts: RunCounts): Readonly<Record<string, unknown>> {
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
