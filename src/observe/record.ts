import {
  type AttemptRow,
  type Definition,
  type Detail,
  type Graph,
  JOB_HELD,
  type JobRow,
  type Outcome,
  type RunRow,
  type Status,
  type Store,
  textAt,
  type Usage,
} from '../model/index.ts';
import { type AttemptUsage, readUsage, type RunUsage } from './usage-log.ts';

/** What is known of one job of a run; one that has never been granted has no attempt. */
export interface JobRecord {
  readonly index: number;
  readonly name: string;
  readonly definition: Definition | undefined;
  readonly status: Status;
  readonly detail: Detail;
  /** Ordinal of the latest attempt; 0 before the first. */
  readonly fence: number;
  readonly backend: string;
  /** Epoch milliseconds; 0: not yet. */
  readonly grantedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome | undefined;
  readonly usage: JobUsage;
}

/** What the latest attempt used: the system's word where it was given, else what was measured. */
export interface JobUsage {
  readonly maxRssBytes?: number;
  readonly cpuSeconds?: number;
  readonly readBytes?: number;
  readonly writtenBytes?: number;
}

/** Puts what the system said of an attempt and what was measured of it together. */
export function joinUsage(said: Usage | undefined, measured: AttemptUsage | undefined): JobUsage {
  const maxRssBytes = Math.max(said?.maxRssBytes ?? 0, measured?.maxRssBytes ?? 0);
  const waited = said?.userSeconds === undefined ? undefined : said.userSeconds + (said.systemSeconds ?? 0);
  const cpuSeconds = waited ?? measured?.cpuSeconds;
  return {
    ...(maxRssBytes > 0 ? { maxRssBytes } : {}),
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
    ...(measured === undefined ? {} : { readBytes: measured.readBytes, writtenBytes: measured.writtenBytes }),
  };
}

/** The outcome that a row keeps; undefined while there is none. */
export function outcomeIn(row: Pick<JobRow | AttemptRow, 'outcome'>): Outcome | undefined {
  return row.outcome === '' ? undefined : (JSON.parse(row.outcome) as Outcome);
}

/** What was measured of a run, by attempt, and of the run as a whole. */
export interface RunMeasures {
  /** By `job/fence`. */
  readonly attempts: ReadonlyMap<string, AttemptUsage>;
  /** One for each engine that had the run, oldest first. */
  readonly runs: readonly RunUsage[];
}

/** Reads all that was measured of a run. `store` is the store's directory. */
export async function readMeasures(store: string, run: string): Promise<RunMeasures> {
  const attempts = new Map<string, AttemptUsage>();
  const runs: RunUsage[] = [];
  for await (const line of readUsage(store, run)) {
    if (line.kind === 'run') runs.push(line);
    else attempts.set(`${line.job}/${line.fence}`, line);
  }
  return { attempts, runs };
}

/** A run as exports and reports see it. */
export interface RunSource {
  readonly store: Store;
  readonly row: RunRow;
  /** Of the whole run, expansions included. */
  readonly graph: Graph;
  readonly measures: RunMeasures;
}

/** Every job of a run in order of index, those without a row too. */
export async function* jobRecords({ store, row, graph, measures }: RunSource): AsyncGenerator<JobRecord, void> {
  let next = 0;
  const waiting = (index: number): JobRecord => ({
    ...placeOf(graph, index),
    status: row.status === 'created' ? 'created' : 'pending',
    detail: '',
    fence: 0,
    backend: '',
    grantedAt: 0,
    startedAt: 0,
    endedAt: 0,
    outcome: undefined,
    usage: {},
  });
  for await (const rows of store.jobs(row.id)) {
    for (const job of rows) {
      for (; next < job.job; next += 1) yield waiting(next);
      next = job.job + 1;
      if (job.job < graph.size) yield recordOf(graph, job, measures);
    }
  }
  for (; next < graph.size; next += 1) yield waiting(next);
}

function recordOf(graph: Graph, job: JobRow, measures: RunMeasures): JobRecord {
  const outcome = outcomeIn(job);
  const isHeld = job.status === 'pending' && (job.flags & JOB_HELD) !== 0;
  return {
    ...placeOf(graph, job.job),
    status: job.status,
    detail: isHeld ? 'held' : job.detail,
    fence: job.fence,
    backend: job.backend,
    grantedAt: job.grantedAt,
    startedAt: job.startedAt,
    endedAt: job.endedAt,
    outcome,
    usage: joinUsage(outcome?.usage, measures.attempts.get(`${job.job}/${job.fence}`)),
  };
}

function placeOf(graph: Graph, index: number): Pick<JobRecord, 'index' | 'name' | 'definition'> {
  return {
    index,
    name: textAt(graph.names, index),
    definition: graph.definitions[graph.definitionOf[index] as number],
  };
}
