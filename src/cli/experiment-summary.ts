import { isFinal, type RunRow, STATUSES, type Status, type Store } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { settingsOf } from '../workflow/index.ts';
import { countsText } from './progress.ts';
import { formatDuration, formatTime } from './units.ts';

/** An experiment on one line: points by the status of their newest run. */
export interface ExperimentSummary {
  readonly name: string;
  readonly status: Status;
  readonly detail: '' | 'paused' | 'interrupted';
  readonly counts: Readonly<Record<Status, number>>;
  readonly runs: number;
  readonly startedAt: number;
  /** 0 while it goes on. */
  readonly endedAt: number;
}

/** Sums up the runs of one experiment, newest first, at least one. */
export async function summarizeExperiment(store: Store, rows: readonly RunRow[]): Promise<ExperimentSummary> {
  const name = rows[0]?.experiment ?? '';
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>;
  const seen = new Set<string>();
  const living = new Map<string, boolean>();
  for (const row of rows) {
    if (seen.has(row.point)) continue;
    seen.add(row.point);
    counts[isFinal(row.status) ? row.status : (await isAlive(store, row, living)) ? 'running' : 'pending'] += 1;
  }
  const experiment = await store.experiment(name);
  const size = experiment === undefined ? 0 : settingsOf(experiment).size;
  counts.pending += Math.max(0, size - seen.size);
  const { status, detail } = statusOf(counts, experiment?.wish);
  return {
    ...{ name, status, detail, counts, runs: rows.length },
    startedAt: rows.reduce((first, row) => Math.min(first, row.startedAt), Infinity),
    endedAt: isFinal(status) ? rows.reduce((last, row) => Math.max(last, row.endedAt), 0) : 0,
  };
}

async function isAlive(store: Store, row: RunRow, living: Map<string, boolean>): Promise<boolean> {
  const known = row.owner === '' ? false : living.get(row.owner);
  if (known !== undefined) return known;
  const alive = (await store.ownerOf(row.id))?.alive === true;
  living.set(row.owner, alive);
  return alive;
}

function statusOf(
  counts: Readonly<Record<Status, number>>,
  wish: '' | 'paused' | 'cancelled' | undefined,
): Pick<ExperimentSummary, 'status' | 'detail'> {
  if (counts.running > 0) return { status: 'running', detail: wish === 'paused' ? 'paused' : '' };
  if (counts.pending > 0 && wish === 'cancelled') return { status: 'cancelled', detail: '' };
  if (counts.pending > 0) return { status: 'pending', detail: wish === 'paused' ? 'paused' : 'interrupted' };
  if (counts.failed > 0) return { status: 'failed', detail: '' };
  return { status: counts.cancelled > 0 ? 'cancelled' : 'done', detail: '' };
}

/** As a row of `heddle runs`. */
export function experimentCells(summary: ExperimentSummary): readonly string[] {
  const { name, status, detail, counts, startedAt, endedAt } = summary;
  const took = formatDuration((endedAt || systemClock.now().wall) - startedAt);
  const points = STATUSES.reduce((sum, each) => sum + counts[each], 0);
  return [
    'experiment',
    name,
    detail === '' ? status : `${status} (${detail})`,
    `${points} points: ${countsText(counts)}`,
    formatTime(startedAt),
    took,
  ];
}

/** As `heddle runs --json` gives it. */
export function experimentJson(summary: ExperimentSummary): Readonly<Record<string, unknown>> {
  const { name, status, detail, counts, runs, startedAt, endedAt } = summary;
  return {
    experiment: name,
    status,
    reason: detail,
    counts,
    runs,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: endedAt === 0 ? null : new Date(endedAt).toISOString(),
  };
}
