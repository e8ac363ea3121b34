import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import {
  type AttemptRow,
  asAttemptId,
  asOwnerId,
  asRunId,
  asSubmissionId,
  CANCELLED_CAUSES,
  type Detail,
  type ExperimentRow,
  FAILED_CAUSES,
  FINAL_STATUSES,
  type FinalJob,
  type FinalJobs,
  type JobRow,
  PENDING_REASONS,
  PHASES,
  RUN_PENDING_REASONS,
  type RunCommit,
  type RunRow,
  STATUSES,
  type Status,
  type SubmissionRow,
  type Value,
} from '../model/index.ts';
import { isBlobName } from './blob-names.ts';
import type { Row } from './connection.ts';
import { corrupt } from './sqlite-errors.ts';

const DETAILS = ['', ...PENDING_REASONS, ...PHASES, ...FAILED_CAUSES, ...CANCELLED_CAUSES, ...RUN_PENDING_REASONS];

/** Looking a word up also makes a million equal strings into one. */
const statusWords = new Map<SQLOutputValue, Status>(STATUSES.map((word) => [word, word]));
const detailWords = new Map<SQLOutputValue, Detail>(DETAILS.map((word) => [word, word as Detail]));

function wordOf<Word>(words: ReadonlyMap<SQLOutputValue, Word>, found: SQLOutputValue | undefined, where: Place): Word {
  const word = found === undefined ? undefined : words.get(found);
  if (word === undefined) throw corrupt(where.table, where.key, `unknown word '${String(found)}'`);
  return word;
}

interface Place {
  readonly table: string;
  readonly key: string;
}

/** The last sequence number of a run, in a query over `runs`. */
export const LAST_SEQ =
  'coalesce((SELECT first_seq + count - 1 FROM journal WHERE journal.run_key = runs.run_key ORDER BY first_seq DESC LIMIT 1), 0)';

export const RUN_COLUMNS: string = `id, name, status, detail, size, created_at, started_at, ended_at, fingerprint, settings, owner, epoch, ${LAST_SEQ}, experiment, point`;

/** A run from a row of `RUN_COLUMNS`. */
export function runOf(row: Row): RunRow {
  const where = { table: 'runs', key: String(row[0]) };
  return {
    id: asRunId(row[0] as string),
    name: row[1] as string,
    status: wordOf(statusWords, row[2], where),
    detail: wordOf(detailWords, row[3], where),
    size: row[4] as number,
    createdAt: row[5] as number,
    startedAt: row[6] as number,
    endedAt: row[7] as number,
    fingerprint: row[8] as string,
    settings: row[9] as string,
    owner: row[10] === '' ? '' : asOwnerId(row[10] as string),
    epoch: row[11] as number,
    seq: row[12] as number,
    experiment: row[13] as string,
    point: row[14] as string,
  };
}

export const EXPERIMENT_COLUMNS = 'name, created_at, updated_at, wish, settings';

const WISHES: ReadonlyMap<SQLOutputValue, ExperimentRow['wish']> = new Map(
  (['', 'paused', 'cancelled'] as const).map((word) => [word, word]),
);

/** An experiment from a row of `EXPERIMENT_COLUMNS`. */
export function experimentOf(row: Row): ExperimentRow {
  return {
    name: row[0] as string,
    createdAt: row[1] as number,
    updatedAt: row[2] as number,
    wish: wordOf(WISHES, row[3], { table: 'experiments', key: String(row[0]) }),
    settings: row[4] as string,
  };
}

export const JOB_COLUMNS =
  'job, status, detail, fence, charged, losses, attempt, backend, "grant", submission, element, handle, granted_at, started_at, ended_at, wake_at, flags, outcome';

/** A job from a row of `JOB_COLUMNS`. */
export function jobOf(row: Row): JobRow {
  const status = statusWords.get(row[1] as string);
  const detail = detailWords.get(row[2] as string);
  if (status === undefined || detail === undefined) throw unknownWord(row);
  return {
    job: row[0] as number,
    status,
    detail,
    fence: row[3] as number,
    charged: row[4] as number,
    losses: row[5] as number,
    attempt: row[6] as JobRow['attempt'],
    backend: row[7] as string,
    grant: row[8] as string,
    submission: row[9] as JobRow['submission'],
    element: row[10] as number,
    handle: row[11] as string,
    grantedAt: row[12] as number,
    startedAt: row[13] as number,
    endedAt: row[14] as number,
    wakeAt: row[15] as number,
    flags: row[16] as number,
    outcome: row[17] as string,
  };
}

/** The statuses that end a job, in a query. */
export const FINAL: string = `(${FINAL_STATUSES.map((status) => `'${status}'`).join(', ')})`;

/** A job that ended well at its first attempt, in a query over `jobs`. */
export const IS_PLAIN = "status = 'done' AND detail = '' AND fence = 1 AND charged = 0 AND losses = 0";

export const FINAL_COLUMNS =
  "job, status, detail, fence, charged, losses, CASE WHEN status = 'failed' THEN outcome ELSE '' END";

/** A job that has ended from a row of `FINAL_COLUMNS`. */
export function finalOf(row: Row): FinalJob {
  const status = statusWords.get(row[1] as string);
  const detail = detailWords.get(row[2] as string);
  if (status === undefined || detail === undefined) throw unknownWord(row);
  return {
    job: row[0] as number,
    status,
    detail,
    fence: row[3] as number,
    charged: row[4] as number,
    losses: row[5] as number,
    outcome: row[6] as string,
  };
}

/** Jobs that are `IS_PLAIN`, from rows of their index. */
export function plainFinals(rows: readonly Row[]): FinalJobs {
  const { length } = rows;
  return {
    jobs: Uint32Array.from(rows, (row) => row[0] as number),
    statuses: new Uint8Array(length).fill(STATUSES.indexOf('done')),
    details: Array.from<Detail>({ length }).fill(''),
    fences: new Uint32Array(length).fill(1),
    charged: new Uint32Array(length),
    losses: new Uint32Array(length),
    outcomes: new Map(),
  };
}

function unknownWord(row: Row): Error {
  return corrupt('jobs', `job ${String(row[0])}`, `unknown words '${String(row[1])}', '${String(row[2])}'`);
}

export const ATTEMPT_COLUMNS =
  'job, fence, attempt, backend, "grant", handle, granted_at, started_at, ended_at, outcome';

/** An earlier attempt from a row of `ATTEMPT_COLUMNS`. */
export function attemptOf(row: Row): AttemptRow {
  return {
    job: row[0] as number,
    fence: row[1] as number,
    attempt: asAttemptId(row[2] as string),
    backend: row[3] as string,
    grant: row[4] as string,
    handle: row[5] as string,
    grantedAt: row[6] as number,
    startedAt: row[7] as number,
    endedAt: row[8] as number,
    outcome: row[9] as string,
  };
}

/** A submission from a row of `id, backend, handle, at`. */
export function submissionOf(row: Row): SubmissionRow {
  return {
    id: asSubmissionId(row[0] as string),
    backend: row[1] as string,
    handle: row[2] as string,
    at: row[3] as number,
  };
}

/** A status from a row of a count. */
export function statusOf(found: SQLOutputValue | undefined, key: string): Status {
  return wordOf(statusWords, found, { table: 'jobs', key });
}

/** Stands in a row for a value that is kept in a file. */
export interface BlobRef {
  readonly codec: 'file';
  readonly inner: Value['codec'];
  readonly sha256: string;
  readonly size: number;
}

/** A value as a row has it. */
export type StoredValue = Value | BlobRef;

export interface StoredValueRow {
  readonly job: number;
  readonly value: StoredValue;
}

/** A commit whose large values are in files. */
export interface StoredCommit extends Omit<RunCommit, 'values'> {
  readonly values: readonly StoredValueRow[];
}

/** A value as the columns `codec, body, inner_codec, size`. */
export function valueColumns(value: StoredValue): readonly [string, SQLInputValue, string, number] {
  switch (value.codec) {
    case 'json':
      return ['json', value.json, '', 0];
    case 'v8':
      return ['v8', value.bytes, '', 0];
    case 'file':
      return ['file', value.sha256, value.inner, value.size];
  }
}

/** A value from a row of `job, codec, body, inner_codec, size`. */
export function valueOf(row: Row): StoredValue {
  const [job, codec, body, inner, size] = row;
  if (codec === 'json' && typeof body === 'string') return { codec, json: body };
  if (codec === 'v8' && body instanceof Uint8Array) return { codec, bytes: body };
  if (codec === 'file' && typeof body === 'string' && (inner === 'json' || inner === 'v8')) {
    // It becomes a path.
    if (isBlobName(body)) return { codec, inner, sha256: body, size: size as number };
  }
  throw corrupt('vals', `job ${String(job)}`, `no value of codec '${String(codec)}'`);
}
