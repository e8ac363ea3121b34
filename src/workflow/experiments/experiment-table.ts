import { resolveResult } from '../../jobs/index.ts';
import {
  type Detail,
  type ExperimentRow,
  HeddleError,
  isFinal,
  nearestName,
  type OwnerId,
  type RunId,
  type Status,
  type Store,
} from '../../model/index.ts';
import { pointsOf } from './experiment.ts';
import { type KnownRun, pointKey, readKnownRuns, settingsOf } from './known-runs.ts';
import type { Param } from './param.ts';
import { type Scalar, parameterCell, resultColumns } from './result-columns.ts';
import { spaceFromData } from './space-data.ts';

/** A point and what became of it. */
export interface PointRow {
  readonly parameters: Param;
  readonly status: Status;
  /** Why it is pending, how it runs, or why it did not end well; empty where there is nothing to say. */
  readonly detail: Detail;
  /** Absent: it has not been started. */
  readonly run: RunId | undefined;
  /** What its run returned, as columns; empty until it is done. */
  readonly results: ReadonlyMap<string, Scalar>;
}

/** An experiment as a table: points in the order of its space, parameters and results as columns. */
export interface ExperimentTable {
  readonly name: string;
  /** Names of parameters, then of results, each in order of appearance. */
  readonly parameters: readonly string[];
  readonly results: readonly string[];
  readonly rows: readonly PointRow[];
  /** Points that were run once and are no longer in the space. */
  readonly outside: number;
}

export interface TableOptions {
  /** With what returned, not only how it stands. @default true */
  readonly withResults?: boolean;
}

/**
 * Reads an experiment as a table.
 *
 * @throws {HeddleError} STORE_*
 */
export async function readExperimentTable(
  store: Store,
  row: ExperimentRow,
  { withResults = true }: TableOptions = {},
): Promise<ExperimentTable> {
  const rows: PointRow[] = [];
  const parameters = new Set<string>();
  const results = new Set<string>();
  const known = await readKnownRuns(store, row.name);
  const { pinned = {} } = settingsOf(row);
  let inside = 0;
  const owners = new Map<OwnerId, boolean>();
  for await (const { parameters: point, key } of pointsToShow(store, row)) {
    const runs = known.get(key) ?? [];
    if (runs.length > 0) inside += 1;
    const run = runs.find(({ id }) => id === pinned[key]) ?? runs[0];
    const shown = await rowOf(store, { point, run, owners, withResults });
    for (const name of Object.keys(point)) parameters.add(name);
    for (const name of shown.results.keys()) results.add(name);
    rows.push(shown);
  }
  return { name: row.name, parameters: [...parameters], results: [...results], rows, outside: known.size - inside };
}

interface ShownPoint {
  readonly parameters: Param;
  readonly key: string;
}

/** In the order of the space; where that is not known, in the order they were started. */
async function* pointsToShow(store: Store, row: ExperimentRow): AsyncGenerator<ShownPoint> {
  const { space, parameters, replicas } = settingsOf(row);
  if (space !== undefined) {
    const points = pointsOf({ name: row.name, space: spaceFromData(space), replicas }, parameters);
    for (const point of points) yield { parameters: point, key: pointKey(point) };
    return;
  }
  const started = new Map<string, Param>();
  for (const run of (await store.runs({ experiment: row.name })).toReversed()) {
    const settings = JSON.parse(run.settings || '{}') as { readonly parameters?: Param };
    if (!started.has(run.point)) started.set(run.point, settings.parameters ?? {});
  }
  for (const [key, point] of started) yield { parameters: point, key };
}

interface Reading {
  readonly point: Param;
  readonly run: KnownRun | undefined;
  /** Whether each owner lives, so that each is asked after once. */
  readonly owners: Map<OwnerId, boolean>;
  readonly withResults: boolean;
}

async function rowOf(store: Store, { point, run, owners, withResults }: Reading): Promise<PointRow> {
  const none: ReadonlyMap<string, Scalar> = new Map();
  if (run === undefined) return { parameters: point, status: 'pending', detail: '', run: undefined, results: none };
  const { status, detail } = isFinal(run.status) ? run : await unfinished(store, run, owners);
  const results = status === 'done' && withResults ? resultColumns(await readResult(store, run.id)) : none;
  return { parameters: point, status, detail, run: run.id, results };
}

/** As it is, not as it was left: what nobody runs any more is interrupted. */
async function unfinished(
  store: Store,
  run: KnownRun,
  owners: Map<OwnerId, boolean>,
): Promise<{ readonly status: Status; readonly detail: Detail }> {
  let alive = run.owner !== '' && owners.get(run.owner);
  if (alive === undefined) {
    alive = (await store.ownerOf(run.id))?.alive === true;
    owners.set(run.owner as OwnerId, alive);
  }
  if (alive) return run;
  return { status: 'pending', detail: run.detail === 'paused' ? 'paused' : 'interrupted' };
}

/** What the workflow of a run that is done returned. */
export async function readResult(store: Store, run: RunId): Promise<unknown> {
  return resolveResult(await store.graph(run), (jobs) => store.values(run, jobs));
}

/** What a point has in a column: a result, or else a parameter. */
export function cellOf(row: PointRow, column: string): Scalar | undefined {
  return row.results.has(column) ? row.results.get(column) : parameterCell(row.parameters[column]);
}

/**
 * The row that is best in a column of numbers: the first of those that are equal. Undefined when none has a number there yet.
 *
 * @throws {HeddleError} INPUT_INVALID for a column the table has not
 */
export function bestOf(
  table: ExperimentTable,
  { path, goal }: { readonly path: string; readonly goal: 'min' | 'max' },
): PointRow | undefined {
  const columns = [...table.results, ...table.parameters];
  if (!columns.includes(path) && table.rows.some(({ status }) => status === 'done')) {
    const near = nearestName(path, columns);
    throw new HeddleError('INPUT_INVALID', `experiment '${table.name}' has no column '${path}'`, {
      hint:
        near === undefined ? `it has ${columns.join(', ')}` : `did you mean '${near}'? It has ${columns.join(', ')}`,
    });
  }
  let best: { readonly row: PointRow; readonly value: number } | undefined;
  for (const row of table.rows) {
    const value = row.status === 'done' ? cellOf(row, path) : undefined;
    if (typeof value !== 'number' || Number.isNaN(value)) continue;
    if (best === undefined || (goal === 'min' ? value < best.value : value > best.value)) best = { row, value };
  }
  return best?.row;
}
