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

/** A row of packed ones. */
export function jobAt({ numbers, texts, words }: PackedJobs, row: number): JobRow {
  const n = row * NUMBERS;
  const t = row * TEXTS;
  return {
    job: numbers[n] as number,
    status: words[texts[t] as number] as JobRow['status'],
    detail: words[texts[t + 1] as number] as JobRow['detail'],
    fence: numbers[n + 1] as number,
    charged: numbers[n + 2] as number,
    losses: numbers[n + 3] as number,
    attempt: words[texts[t + 2] as number] as JobRow['attempt'],
    backend: words[texts[t + 3] as number] as string,
    grant: words[texts[t + 4] as number] as string,
    submission: words[texts[t + 5] as number] as JobRow['submission'],
    element: numbers[n + 4] as number,
    handle: words[texts[t + 6] as number] as string,
    grantedAt: numbers[n + 5] as number,
    startedAt: numbers[n + 6] as number,
    endedAt: numbers[n + 7] as number,
    wakeAt: numbers[n + 8] as number,
    flags: numbers[n + 9] as number,
    outcome: words[texts[t + 7] as number] as string,
  };
}
