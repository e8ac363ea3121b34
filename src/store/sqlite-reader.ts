import type { DatabaseSync } from 'node:sqlite';
import {
  type AttemptRow,
  type ExperimentRow,
  type FinalJobs,
  type JobRow,
  type OwnerId,
  packFinals,
  type RunFilter,
  type RunId,
  type RunRow,
  type SeenOwner,
  type Status,
  type SubmissionRow,
  type Transition,
} from '../model/index.ts';
import { straysAmong } from './blob-rows.ts';
import { type Row, Statements } from './connection.ts';
import type { GraphPart } from './graph-format.ts';
import { unpackTransitions } from './journal-format.ts';
import { keptOwner } from './owner-rows.ts';
import { isOwnerAlive, type OwnerJudge, remedyFor } from './ownership.ts';
import {
  ATTEMPT_COLUMNS,
  attemptOf,
  EXPERIMENT_COLUMNS,
  experimentOf,
  FINAL,
  FINAL_COLUMNS,
  finalOf,
  IS_PLAIN,
  JOB_COLUMNS,
  jobOf,
  plainFinals,
  RUN_COLUMNS,
  runOf,
  type StoredValue,
  statusOf,
  submissionOf,
  valueOf,
} from './rows.ts';
import { corrupt } from './sqlite-errors.ts';
import { runNotFound } from './store-rules.ts';

/**
 * The key of a run, inside the statement that uses it: a run that is being removed is out of sight before its
 * first row goes, so such a statement finds everything or nothing.
 */
const KEY = "(SELECT run_key FROM runs WHERE id = ? AND state = 'ready')";

/**
 * Reads, each in one statement and in a few milliseconds; long listings are asked for in batches, so that no
 * read stays open and holds the WAL back. Throws what SQLite throws, and:
 *
 * @throws {HeddleError} RUN_NOT_FOUND also when the run goes while it is read, STORE_CORRUPT
 */
export class SqliteReader {
  readonly #statements: Statements;
  readonly #judge: OwnerJudge;

  constructor(db: DatabaseSync, judge: OwnerJudge) {
    this.#statements = new Statements(db);
    this.#judge = judge;
  }

  run(id: RunId): RunRow | undefined {
    const row = this.#statements.row(`SELECT ${RUN_COLUMNS} FROM runs WHERE id = ? AND state = 'ready'`, id);
    return row === undefined ? undefined : runOf(row);
  }

  runs(filter: RunFilter): readonly RunRow[] {
    const { statuses, name, experiment, before, limit = -1 } = filter;
    const conditions = ["state = 'ready'"];
    const values: (string | number)[] = [];
    if (statuses !== undefined) {
      conditions.push(`status IN (${statuses.map(() => '?').join(', ')})`);
      values.push(...statuses);
    }
    if (name !== undefined) {
      conditions.push('name = ?');
      values.push(name);
    }
    if (experiment !== undefined) {
      // The second says the same, so that the index of the few that have one is taken.
      conditions.push("experiment = ? AND experiment <> ''");
      values.push(experiment);
    }
    if (before !== undefined) {
      conditions.push('id < ?');
      values.push(before);
    }
    const where = conditions.join(' AND ');
    const sql = `SELECT ${RUN_COLUMNS} FROM runs WHERE ${where} ORDER BY id DESC LIMIT ?`;
    return this.#statements.rows(sql, ...values, limit).map(runOf);
  }

  experiment(name: string): ExperimentRow | undefined {
    const row = this.#statements.row(`SELECT ${EXPERIMENT_COLUMNS} FROM experiments WHERE name = ?`, name);
    return row === undefined ? undefined : experimentOf(row);
  }

  experiments(): readonly ExperimentRow[] {
    return this.#statements.rows(`SELECT ${EXPERIMENT_COLUMNS} FROM experiments ORDER BY name`).map(experimentOf);
  }

  ownerOf(run: RunId): SeenOwner | undefined {
    const named = this.#statements.row("SELECT owner FROM runs WHERE id = ? AND state = 'ready'", run);
    if (named === undefined) throw runNotFound(run);
    const owner = named[0] as OwnerId | '';
    if (owner === '') return undefined;
    const row = this.#statements.row('SELECT owner, host, pid, socket, boot FROM owners WHERE owner = ?', owner);
    if (row === undefined) return { owner, host: '', pid: 0, socket: '', alive: false };
    const kept = keptOwner(row);
    const { host, pid, socket } = kept;
    const alive = isOwnerAlive(kept, this.#judge);
    return { owner, host, pid, socket, alive, ...(alive ? remedyFor(kept, this.#judge) : {}) };
  }

  /** Rows from an index on, at most `limit`. */
  jobs(run: RunId, from: number, limit: number): readonly JobRow[] {
    const sql = `SELECT ${JOB_COLUMNS} FROM jobs WHERE run_key = ${KEY} AND job >= ? ORDER BY job LIMIT ?`;
    const rows = this.#statements.rows(sql, run, from, limit);
    if (rows.length < limit) this.#requireRun(run);
    return rows.map(jobOf);
  }

  /** After the last job that has a row. */
  jobsEnd(run: RunId): number {
    const row = this.#statements.row(`SELECT job + 1 FROM jobs WHERE run_key = ${KEY} ORDER BY job DESC LIMIT 1`, run);
    if (row === undefined) this.#requireRun(run);
    return row === undefined ? 0 : (row[0] as number);
  }

  /**
   * Those that have ended among the jobs from `from` on and below `end`, in two parts. Most ended well at their first
   * attempt: an index says all of these, and costs a third of what columns do.
   */
  finals(run: RunId, from: number, end: number): readonly FinalJobs[] {
    const among = `FROM jobs WHERE run_key = ${KEY} AND job >= ? AND job < ?`;
    const plain = this.#statements.rows(`SELECT job ${among} AND ${IS_PLAIN}`, run, from, end);
    const others = this.#statements.rows(
      `SELECT ${FINAL_COLUMNS} ${among} AND status IN ${FINAL} AND NOT (${IS_PLAIN})`,
      run,
      from,
      end,
    );
    if (plain.length + others.length === 0) this.#requireRun(run);
    return [plainFinals(plain), packFinals(others.map(finalOf))];
  }

  /** Rows of those that have not ended among the jobs from `from` on and below `end`, at most `limit`. */
  unfinished(
    run: RunId,
    { from, end, limit }: { readonly from: number; readonly end: number; readonly limit: number },
  ): readonly JobRow[] {
    const sql = `SELECT ${JOB_COLUMNS} FROM jobs
      WHERE run_key = ${KEY} AND job >= ? AND job < ? AND status NOT IN ${FINAL} ORDER BY job LIMIT ?`;
    const rows = this.#statements.rows(sql, run, from, end, limit);
    if (rows.length === 0) this.#requireRun(run);
    return rows.map(jobOf);
  }

  /** Jobs by status among those with an index from `from` on and below `end`. */
  counts(run: RunId, from: number, end: number): readonly (readonly [Status, number])[] {
    const sql = `SELECT status, count(*) FROM jobs WHERE run_key = ${KEY} AND job >= ? AND job < ? GROUP BY status`;
    const rows = this.#statements.rows(sql, run, from, end);
    if (rows.length === 0) this.#requireRun(run);
    return rows.map((row) => [statusOf(row[0], `of ${run} from job ${from}`), row[1] as number]);
  }

  job(run: RunId, index: number): JobRow | undefined {
    const row = this.#statements.row(`SELECT ${JOB_COLUMNS} FROM jobs WHERE run_key = ${KEY} AND job = ?`, run, index);
    if (row === undefined) this.#requireRun(run);
    return row === undefined ? undefined : jobOf(row);
  }

  attempts(run: RunId, index: number): readonly AttemptRow[] {
    const sql = `SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE run_key = ${KEY} AND job = ? ORDER BY fence`;
    const rows = this.#statements.rows(sql, run, index);
    if (rows.length === 0) this.#requireRun(run);
    return rows.map(attemptOf);
  }

  values(run: RunId, jobs: readonly number[]): readonly (StoredValue | undefined)[] {
    const sql = `SELECT job, codec, body, inner_codec, size FROM vals WHERE run_key = ${KEY} AND job`;
    if (isDense(jobs)) return this.#valuesBetween(`${sql} BETWEEN ? AND ?`, run, jobs);
    const found = jobs.map((job) => {
      const row = this.#statements.row(`${sql} = ?`, run, job);
      return row === undefined ? undefined : valueOf(row);
    });
    if (found.includes(undefined)) this.#requireRun(run);
    return found;
  }

  /** Of jobs that lie together, in one go: a fifth of what each alone would take. */
  #valuesBetween(sql: string, run: RunId, jobs: readonly number[]): readonly (StoredValue | undefined)[] {
    const values = new Map<number, StoredValue>();
    for (const row of this.#statements.rows(sql, run, jobs[0] as number, jobs.at(-1) as number))
      values.set(Number(row[0]), valueOf(row));
    if (values.size === 0) this.#requireRun(run);
    return jobs.map((job) => values.get(job));
  }

  /** Submissions whose id follows `after`, at most `limit`. */
  submissions(run: RunId, after: string, limit: number): readonly SubmissionRow[] {
    const sql = `SELECT id, backend, handle, at FROM submissions WHERE run_key = ${KEY} AND id > ? ORDER BY id LIMIT ?`;
    const rows = this.#statements.rows(sql, run, after, limit);
    if (rows.length < limit) this.#requireRun(run);
    return rows.map(submissionOf);
  }

  transitions(run: RunId, afterSeq: number, limit: number): readonly (Transition & { readonly seq: number })[] {
    const sql = `SELECT first_seq, count, data FROM journal WHERE run_key = ${KEY} AND first_seq >= coalesce((
      SELECT max(first_seq) FROM journal WHERE run_key = ${KEY} AND first_seq <= ?), 1) ORDER BY first_seq`;
    const found: (Transition & { readonly seq: number })[] = [];
    const rows = this.#statements.get(sql).iterate(run, run, afterSeq + 1);
    let next: number | undefined;
    for (const row of rows as Iterable<unknown> as Iterable<Row>) {
      const [firstSeq, count, data] = row as [number, number, Uint8Array];
      if (next !== undefined && firstSeq !== next) throw corrupt('journal', `(${run}, ${next})`, 'the row is missing');
      next = firstSeq + count;
      found.push(...unpackTransitions({ run, firstSeq, count, data }, afterSeq, limit - found.length));
      if (found.length >= limit) break;
    }
    if (found.length < limit) this.#requireRun(run);
    return found;
  }

  /** How many segments the graph has. */
  segments(run: RunId): number {
    const row = this.#statements.row("SELECT segments FROM runs WHERE id = ? AND state = 'ready'", run);
    if (row === undefined) throw runNotFound(run);
    return row[0] as number;
  }

  /** The part of a segment that says where the others are: the last. */
  graphTrailer(run: RunId, segment: number): GraphPart {
    const sql = `SELECT position, data, crc FROM graphs
      WHERE run_key = ${KEY} AND segment = ? ORDER BY position DESC LIMIT 1`;
    const row = this.#statements.row(sql, run, segment);
    if (row !== undefined) return partOf(row);
    this.#requireRun(run);
    throw corrupt('graphs', `(${run}, ${segment})`, 'the segment is missing');
  }

  /** Parts of a segment from a position on, at most `limit`. */
  graphParts(run: RunId, segment: number, from: number, limit: number): readonly GraphPart[] {
    const sql = `SELECT position, data, crc FROM graphs
      WHERE run_key = ${KEY} AND segment = ? AND position >= ? ORDER BY position LIMIT ?`;
    const rows = this.#statements.rows(sql, run, segment, from, limit);
    if (rows.length === 0) this.#requireRun(run);
    return rows.map(partOf);
  }

  /** Of these files below `blobs/`, those that nobody names or writes. */
  strays(names: readonly string[]): readonly string[] {
    return straysAmong(this.#statements, this.#judge, names);
  }

  #requireRun(run: RunId): void {
    const there = this.#statements.row("SELECT 1 FROM runs WHERE id = ? AND state = 'ready'", run);
    if (there === undefined) throw runNotFound(run);
  }
}

/** A part from a row of `position, data, crc`. */
function partOf(row: Row): GraphPart {
  const [position, data, crc] = row as [number, Uint8Array, number];
  return { position, data, crc };
}

/** In order, and hardly any left out in between. */
/** Whether jobs lie together, in order: a range of them is quicker than each alone. */
export function isDense(jobs: readonly number[]): boolean {
  if (jobs.length < 16 || (jobs.at(-1) as number) - (jobs[0] as number) > jobs.length * 1.25) return false;
  return jobs.every((job, i) => i === 0 || job > (jobs[i - 1] as number));
}
