import type { JobRow } from '../model/index.ts';
import { packTransitions } from './journal-format.ts';
import type { StoredCommit } from './rows.ts';

/** What of a row is a number, in order. */
const NUMBERS = 10;
/** What of it is text, in order. */
const TEXTS = 8;

/**
 * Rows of jobs, column by column in two buffers that travel to another thread without being copied. Text stands once
 * in `words`, since most rows of a commit say the same: one status, one backend, one grant.
 */
export interface PackedJobs {
  readonly length: number;
  /** Per row: job, fence, charged, losses, element, grantedAt, startedAt, endedAt, wakeAt, flags. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Per row, positions in `words`: status, detail, attempt, backend, grant, submission, handle, outcome. */
  readonly texts: Uint32Array<ArrayBuffer>;
  readonly words: readonly string[];
}

/** Transitions as the journal keeps them. */
export interface PackedTransitions {
  readonly length: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** A commit as it is handed to where it is written: what there may be thousands of is packed. */
export interface PackedCommit extends Omit<StoredCommit, 'jobs' | 'transitions'> {
  readonly jobs: PackedJobs;
  readonly transitions: PackedTransitions;
}

/** Packs a commit. Whoever packed it may change its rows afterwards. */
export function packCommit(commit: StoredCommit): PackedCommit {
  const { jobs, transitions, ...rest } = commit;
  const { length } = transitions;
  return { ...rest, jobs: packJobs(jobs), transitions: { length, data: packTransitions(transitions) } };
}

/** What of packed commits moves to another thread instead of being copied. */
export function buffersOf(commits: readonly PackedCommit[]): ArrayBuffer[] {
  return commits.flatMap(({ jobs, transitions }) => [jobs.numbers.buffer, jobs.texts.buffer, transitions.data.buffer]);
}

function packJobs(rows: readonly JobRow[]): PackedJobs {
  const { length } = rows;
  const numbers = new Float64Array(length * NUMBERS);
  const texts = new Uint32Array(length * TEXTS);
  const words: string[] = [];
  const known = new Map<string, number>();
  const place = (word: string): number => {
    const found = known.get(word);
    if (found !== undefined) return found;
    known.set(word, words.length);
    return words.push(word) - 1;
  };
  let n = 0;
  let t = 0;
  for (const row of rows) {
    numbers[n] = row.job;
    numbers[n + 1] = row.fence;
    numbers[n + 2] = row.charged;
    numbers[n + 3] = row.losses;
    numbers[n + 4] = row.element;
    numbers[n + 5] = row.grantedAt;
    numbers[n + 6] = row.startedAt;
    numbers[n + 7] = row.endedAt;
    numbers[n + 8] = row.wakeAt;
    numbers[n + 9] = row.flags;
    n += NUMBERS;
    texts[t] = place(row.status);
    texts[t + 1] = place(row.detail);
    // Random: it stands in one row only.
    texts[t + 2] = row.attempt === '' ? place('') : words.push(row.attempt) - 1;
    texts[t + 3] = place(row.backend);
    texts[t + 4] = place(row.grant);
    texts[t + 5] = place(row.submission);
    texts[t + 6] = place(row.handle);
    texts[t + 7] = place(row.outcome);
    t += TEXTS;
  }
  return { length, numbers, texts, words };
}

/** Rows go into the table so many by one statement: calls of it cost as much as what they do. */
export const ROWS_A_STATEMENT = [16, 4, 1] as const;

/** Columns that rows of one statement have in common, as places in `numbers` and in `texts`. */
const COMMON_NUMBERS = [1, 2, 3, 8, 9] as const;
const COMMON_TEXTS = [0, 1, 3, 4, 5, 6, 7] as const;

/**
 * Writes rows whatever was there. First the values they have in common: key, fence, charged, losses, wake_at, flags,
 * status, detail, backend, grant, submission, handle, outcome; then of each job, element, granted_at, started_at,
 * ended_at, attempt.
 */
export function putJobs(rows: number): string {
  const values = Array.from({ length: rows }, (_, row) => {
    const [job, element, granted, started, ended, attempt] = Array.from(
      { length: 6 },
      (_each, i) => `?${14 + row * 6 + i}`,
    );
    return `(?1, ${job}, ?7, ?8, ?2, ?3, ?4, ${attempt}, ?9, ?10, ?11, ${element}, ?12, ${granted}, ${started}, ${ended}, ?5, ?6, ?13)`;
  });
  return `INSERT OR REPLACE INTO jobs VALUES ${values.join(', ')}`;
}

/** What `putJobs` binds for `size` rows from `from` on. */
export function rowValues(
  key: number,
  { numbers, texts, words }: PackedJobs,
  { from, size }: { readonly from: number; readonly size: number },
): (number | string)[] {
  const values: (number | string)[] = [key];
  for (const column of COMMON_NUMBERS) values.push(numbers[from * NUMBERS + column] as number);
  for (const column of COMMON_TEXTS) values.push(words[texts[from * TEXTS + column] as number] as string);
  for (let row = from; row < from + size; row += 1) {
    const n = row * NUMBERS;
    values.push(
      numbers[n] as number,
      numbers[n + 4] as number,
      numbers[n + 5] as number,
      numbers[n + 6] as number,
      numbers[n + 7] as number,
      words[texts[row * TEXTS + 2] as number] as string,
    );
  }
  return values;
}

/** How many rows from `from` on, at most `most`, have in common what those of one statement must. */
export function alikeFrom({ length, numbers, texts }: PackedJobs, from: number, most: number): number {
  const end = Math.min(length, from + most);
  for (let row = from + 1; row < end; row += 1) {
    for (const column of COMMON_NUMBERS) {
      if (numbers[row * NUMBERS + column] !== numbers[from * NUMBERS + column]) return row - from;
    }
    for (const column of COMMON_TEXTS) {
      if (texts[row * TEXTS + column] !== texts[from * TEXTS + column]) return row - from;
    }
  }
  return end - from;
}

export function jobOf({ numbers }: PackedJobs, row: number): number {
  return numbers[row * NUMBERS] as number;
}

export function fenceOf({ numbers }: PackedJobs, row: number): number {
  return numbers[row * NUMBERS + 1] as number;
}
