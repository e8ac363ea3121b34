import type { ExperimentRow, Json, RunId, RunRow, Store } from '../../model/index.ts';
import { canonicalJson } from '../canonical-json.ts';
import { hashOf } from '../canonical.ts';
import type { Metric } from './experiment.ts';
import type { Param } from './param.ts';

/** What an experiment's row keeps as JSON. */
export interface ExperimentSettings {
  /** As data; absent where there are too many points that only a function could tell. */
  readonly space?: Json;
  /** Parameters that are the same for all points. */
  readonly parameters: Readonly<Record<string, Json>>;
  readonly replicas: number;
  /** How many points there are. */
  readonly size: number;
  readonly metric?: Metric;
  /** What it was started from. */
  readonly origin?: Json;
  /** Runs that stand for a point though a newer one is there: of a workflow that was changed, and back again. */
  readonly pinned?: Readonly<Record<string, RunId>>;
}

/** @internal */
export function settingsOf(row: ExperimentRow): ExperimentSettings {
  return { parameters: {}, replicas: 0, size: 0, ...(JSON.parse(row.settings || '{}') as Partial<ExperimentSettings>) };
}

/** Which point it is: a hash of its parameters, 128 bits in hex. The order of their names is no part of it. */
export function pointKey(point: Param): string {
  return hashOf(point).slice(0, 32);
}

/** A point for people: `temperature=0.9 density=0.1`. */
export function pointText(point: Param): string {
  return Object.entries(point)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : canonicalJson(value)}`)
    .join(' ');
}

/** What is to be known of a run to say what becomes of its point. */
export type KnownRun = Pick<RunRow, 'id' | 'status' | 'detail' | 'fingerprint' | 'startedAt' | 'endedAt' | 'owner'>;

const PAGE = 2000;

/** The runs of an experiment by point, newest first. */
export async function readKnownRuns(
  store: Store,
  experiment: string,
): Promise<ReadonlyMap<string, readonly KnownRun[]>> {
  const known = new Map<string, KnownRun[]>();
  for await (const row of runsOf(store, experiment)) {
    const { id, status, detail, fingerprint, startedAt, endedAt, owner } = row;
    const run = { id, status, detail, fingerprint, startedAt, endedAt, owner };
    const there = known.get(row.point);
    if (there === undefined) known.set(row.point, [run]);
    else there.push(run);
  }
  return known;
}

/** The runs of an experiment, newest first, read page by page: their rows may be many. */
export async function* runsOf(store: Store, experiment: string): AsyncGenerator<RunRow> {
  for (let before: RunId | undefined; ; ) {
    const page = await store.runs({ experiment, limit: PAGE, ...(before === undefined ? {} : { before }) });
    yield* page;
    before = page.at(-1)?.id;
    if (page.length < PAGE) return;
  }
}
