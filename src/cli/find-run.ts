import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { jobNotFound, openStoreForReading, ReadLease } from '../jobs/index.ts';
import {
  asRunId,
  type Detail,
  editDistance,
  type Graph,
  graphNames,
  HeddleError,
  isFinal,
  type NameIndex,
  nameIndex,
  nearestName,
  type RunRow,
  type SeenOwner,
  type Status,
  type Store,
  textAt,
} from '../model/index.ts';
import type { Context } from './main.ts';
import { beginReading, readingRun } from './read-leases.ts';

/** Where the store is: `--store`, else `HEDDLE_STORE`, else `.heddle` beside the work. Absolute. */
export function storeDirectory(context: Context): string {
  return resolve(context.store ?? (process.env['HEDDLE_STORE'] || '.heddle'));
}

/** How a command line has to name the store in a hint, so that the hint can be pasted. */
export function storeFlag(context: Context): string {
  return context.store === undefined ? '' : ` --store ${context.store}`;
}

/** Opens the store for looking; a directory that holds none is not made into one. */
export async function openForReading(context: Context): Promise<Store> {
  const directory = storeDirectory(context);
  if (existsSync(directory)) return openedForReading(directory);
  throw new HeddleError('RUN_NOT_FOUND', `there is no store at '${directory}'`, {
    hint: 'go to the folder the run was started in, or name the store: --store DIR or HEDDLE_STORE',
  });
}

async function openedForReading(directory: string): Promise<Store> {
  const store = await openStoreForReading(directory);
  beginReading(store, new ReadLease(directory, store.owner));
  return store;
}

/** As `openForReading`, where there may be no store yet. */
export async function storeIfThere(context: Context): Promise<Store | undefined> {
  const directory = storeDirectory(context);
  return existsSync(directory) ? openedForReading(directory) : undefined;
}

/** What `RUN` or `RUN/JOB` names. A job's id may hold `/` itself: the first one parts the two. */
export function splitTarget(text: string): { readonly run: string; readonly job?: string } {
  const at = text.indexOf('/');
  return at < 0 ? { run: text } : { run: text.slice(0, at), job: text.slice(at + 1) };
}

/** As `splitTarget`, where a job must be named. @throws {HeddleError} INPUT_INVALID */
export function splitJobTarget(text: string, command: string): { readonly run: string; readonly job: string } {
  const { run, job } = splitTarget(text);
  if (job !== undefined && job !== '') return { run, job };
  throw new HeddleError('INPUT_INVALID', `'${text}' names no job`, {
    hint: `write: heddle ${command} RUN/JOB${command === 'why' ? ', or /JOB for a job of the latest run' : ''}`,
  });
}

/** The run that is looked at: before a `/JOB` none is named, and the latest is meant. What steers a run wants its name. */
export function orLatest(run: string | undefined): string | undefined {
  return run === '' ? undefined : run;
}

/** A run as the store has it, and who owns it. */
export interface FoundRun {
  readonly row: RunRow;
  readonly owner: SeenOwner | undefined;
}

/**
 * Finds a run by its id, or by a beginning or an end of it that no other has; without a text the latest, of those
 * `wanted` where given.
 *
 * @throws {HeddleError} RUN_NOT_FOUND, INPUT_INVALID (when several are meant)
 */
export async function findRun(
  store: Store,
  text: string | undefined,
  wanted?: { readonly statuses: readonly Status[]; readonly what: string },
): Promise<FoundRun> {
  const found = text === undefined ? await latest(store, wanted) : await named(store, text);
  readingRun(store, found.id);
  // It may have been removed before we said that we read it.
  const row = await store.run(found.id);
  if (row === undefined)
    throw new HeddleError('RUN_NOT_FOUND', `run ${found.id} has been removed`, {
      hint: "'heddle runs' lists what there is",
    });
  const owner = await store.ownerOf(row.id);
  return { row, owner: owner?.alive === true ? owner : undefined };
}

async function latest(
  store: Store,
  wanted?: { readonly statuses: readonly Status[]; readonly what: string },
): Promise<RunRow> {
  const [row] = await store.runs({ limit: 1, ...(wanted === undefined ? {} : { statuses: wanted.statuses }) });
  if (row !== undefined) return row;
  throw new HeddleError('RUN_NOT_FOUND', `there is ${wanted?.what ?? 'no run'} in this store`, {
    hint: "'heddle runs' lists what there is",
  });
}

async function named(store: Store, text: string): Promise<RunRow> {
  const exact = await store.run(asRunId(text));
  if (exact !== undefined) return exact;
  const rows = await store.runs({});
  const begins = rows.filter((row) => row.id.startsWith(text) || row.id.startsWith(`r-${text}`));
  const ends = rows.filter((row) => row.id.endsWith(text));
  const matches = text === '' ? [] : begins.length > 0 ? begins : ends;
  if (matches.length === 1) return matches[0] as RunRow;
  if (matches.length > 1) {
    throw new HeddleError('INPUT_INVALID', `'${text}' is the beginning of ${matches.length} runs`, {
      hint: `write more of it: ${matches
        .slice(0, 3)
        .map((row) => row.id)
        .join(', ')}${matches.length > 3 ? ', ...' : ''}`,
    });
  }
  if ((await store.experiment(text)) !== undefined) {
    throw new HeddleError('INPUT_INVALID', `'${text}' is an experiment, and this looks at one run`, {
      hint: `name the run of one of its points: 'heddle show ${text}' lists them`,
    });
  }
  throw new HeddleError(
    'RUN_NOT_FOUND',
    `there is no run${text.startsWith('r-') ? '' : ' and no experiment'} '${text}' in this store`,
    { hint: nearRun(text, rows) },
  );
}

function nearRun(text: string, rows: readonly RunRow[]): string {
  const near = rows.find((row) => editDistance(text, row.id, 3) <= 3) ?? rows.find((row) => row.name === text);
  return near === undefined ? "'heddle runs' lists what there is" : `did you mean '${near.id}' (${near.name})?`;
}

/** A run's status as it is, not as it was left: one that nobody runs any more is interrupted. */
export function statusOf({ row, owner }: FoundRun): { readonly status: Status; readonly detail: Detail } {
  if (isFinal(row.status) || owner !== undefined) return { status: row.status, detail: row.detail };
  return { status: 'pending', detail: row.detail === 'paused' ? 'paused' : 'interrupted' };
}

/** Names and indices of a run's jobs, expansions included. */
export class RunJobs {
  readonly graphs: readonly Graph[];
  readonly #run: RunRow;
  readonly #indices = new Map<Graph, NameIndex>();

  constructor(run: RunRow, graphs: readonly Graph[]) {
    this.#run = run;
    this.graphs = graphs;
  }

  static async read(store: Store, run: RunRow): Promise<RunJobs> {
    return new RunJobs(run, await store.graph(run.id));
  }

  nameOf(index: number): string {
    const graph = this.segmentOf(index);
    return textAt(graph.names, index - graph.base);
  }

  /** The part of the graph that holds a job. */
  segmentOf(index: number): Graph {
    const graph = this.graphs.findLast((segment) => segment.base <= index);
    if (graph === undefined)
      throw new HeddleError('STORE_CORRUPT', `run '${this.#run.id}' has no graph for job ${index}`);
    return graph;
  }

  /** @throws {HeddleError} JOB_NOT_FOUND, with the nearest name there is */
  indexOf(job: string): number {
    for (const graph of this.graphs) {
      let index = this.#indices.get(graph);
      if (index === undefined) {
        index = nameIndex(graph);
        this.#indices.set(graph, index);
      }
      const at = index.indexOf(job);
      if (at !== undefined) return graph.base + at;
    }
    throw jobNotFound(this.#run.id, job, this.#near(job));
  }

  #near(job: string): string | undefined {
    for (const graph of this.graphs) {
      for (const name of graphNames(graph)) if (job !== '' && name.startsWith(job)) return name;
    }
    return nearestName(
      job,
      this.graphs.flatMap((graph) => [...graphNames(graph)]),
    );
  }
}
