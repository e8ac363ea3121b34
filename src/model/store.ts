import type { Transition } from './event.ts';
import type { FingerprintStore } from './fingerprint-rows.ts';
import type { Graph } from './graph.ts';
import type { AttemptId, OwnerId, RunId, SubmissionId } from './ids.ts';
import type { Outcome } from './outcome.ts';
import { type Detail, isFinal, STATUSES, type Status } from './status.ts';
import type { Value } from './value.ts';

/** `memory`: nothing survives. `normal`: survives a killed process. `full`: survives power loss. */
export type Durability = 'memory' | 'normal' | 'full';

/** A run as it is kept. Times are epoch milliseconds, 0: not yet. */
export interface RunRow {
  readonly id: RunId;
  readonly name: string;
  readonly status: Status;
  readonly detail: Detail;
  /** Number of jobs, expansions included. */
  readonly size: number;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Of the graph: equal graphs have equal ones. */
  readonly fingerprint: string;
  /** JSON: what the run was started with (parameters, source file, backend, settings). */
  readonly settings: string;
  /** Who may write it; empty: nobody. */
  readonly owner: OwnerId | '';
  /** Grows by one each time it changes hands. */
  readonly epoch: number;
  /** Last sequence number of its journal. */
  readonly seq: number;
  /** The experiment it is a point of; empty: none. */
  readonly experiment: string;
  /** Which point: the hash of its parameters. Empty: none. */
  readonly point: string;
}

/** An experiment as it is kept: what its runs have in common. */
export interface ExperimentRow {
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** What somebody asked of all its points: those that are to come heed it too. */
  readonly wish: '' | 'paused' | 'cancelled';
  /** JSON: its space, its metric, and what it was started from. */
  readonly settings: string;
}

/** What of a run a commit may change. */
export interface RunPatch {
  readonly status?: Status;
  readonly detail?: Detail;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly settings?: string;
}

/**
 * The latest state of a job that has left its first one. A job without a row has never been
 * granted, held, or ended: what it waits for is derived from the graph. A row that says `created` is of a node that will
 * never be a job: no branch chose it, or what it needs.
 */
export interface JobRow {
  /** Index in the run. */
  readonly job: number;
  readonly status: Status;
  readonly detail: Detail;
  /** Ordinal of the latest attempt; 0 before the first. */
  readonly fence: number;
  /** Attempts counted against `maxAttempts`, and against `maxLosses`. */
  readonly charged: number;
  readonly losses: number;
  /** Of the latest attempt; empty before the first. */
  readonly attempt: AttemptId | '';
  readonly backend: string;
  /** JSON of its `Grant`; empty when it holds nothing. */
  readonly grant: string;
  readonly submission: SubmissionId | '';
  readonly element: number;
  readonly handle: string;
  readonly grantedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Wall clock of a dated wake-up (backoff, next look at an unreachable place); 0: none. */
  readonly wakeAt: number;
  /** Bits: `JOB_HELD`, `JOB_CANCEL_REQUESTED`, `JOB_STOP_REQUESTED`. */
  readonly flags: number;
  /** JSON of the latest attempt's outcome, without its value; empty while there is none. */
  readonly outcome: string;
}

/**
 * What recovery needs of jobs that have ended, column by column: entry i of each is of one job. In memory it costs
 * some 20 bytes a job, and no object.
 */
export interface FinalJobs {
  /** Indices in the run. */
  readonly jobs: Uint32Array;
  /** Positions in `STATUSES`. */
  readonly statuses: Uint8Array;
  readonly details: readonly Detail[];
  readonly fences: Uint32Array;
  readonly charged: Uint32Array;
  readonly losses: Uint32Array;
  /** By index: JSON of the outcomes of those that failed. */
  readonly outcomes: ReadonlyMap<number, string>;
}

export const JOB_HELD = 1;
/** A cancel was asked for while its attempt lived: recovery cancels again, never retries. */
export const JOB_CANCEL_REQUESTED = 2;
/** Its attempt was asked to end because the engine stops: whatever end it then has charges nothing. */
export const JOB_STOP_REQUESTED = 128;

/** The value of a job that is done. One a job: a later attempt's replaces it. */
export interface ValueRow {
  readonly job: number;
  readonly value: Value;
}

/** What the outside world was given. Journalled before it is made. */
export interface SubmissionRow {
  readonly id: SubmissionId;
  readonly backend: string;
  /** The native id, once it is known. */
  readonly handle: string;
  readonly at: number;
}

/** All that changes of one run in one commit. */
export interface RunCommit {
  readonly run: RunId;
  /** Asserted: the commit fails with `RUN_NOT_OWNED` when the run has changed hands; its `details.run` says which, always. */
  readonly owner: OwnerId;
  readonly epoch: number;
  readonly patch?: RunPatch;
  readonly jobs: readonly JobRow[];
  readonly values: readonly ValueRow[];
  /** New, or with a handle that became known. */
  readonly submissions: readonly SubmissionRow[];
  /** Sequence number of the first transition; they follow without gaps. */
  readonly firstSeq: number;
  readonly transitions: readonly Transition[];
  /** Segments appended to the graph. */
  readonly segments: readonly Graph[];
}

/** An earlier attempt of a job: what its row said when the next one was granted. */
export interface AttemptRow {
  readonly job: number;
  readonly fence: number;
  readonly attempt: AttemptId;
  readonly backend: string;
  readonly grant: string;
  readonly handle: string;
  readonly grantedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: string;
}

export interface RunFilter {
  readonly statuses?: readonly Status[];
  readonly name?: string;
  /** Only points of this experiment. */
  readonly experiment?: string;
  /** Newest first; at most so many. */
  readonly limit?: number;
  /** Only runs older than this one. */
  readonly before?: RunId;
}

/** How a claim of a run went. */
export type ClaimAnswer =
  | { readonly kind: 'claimed'; readonly epoch: number }
  /** Its owner lives. */
  | {
      readonly kind: 'owned';
      readonly owner: OwnerId;
      readonly host: string;
      readonly pid: number;
      readonly remedy?: string;
    }
  | { readonly kind: 'not-found' };

/**
 * Where state and results survive. Every method may take its time; none blocks for long. A rejected
 * `commit` changed nothing, but for `STORE_UNCERTAIN`, after which the writer must read before it writes again.
 *
 * @throws {HeddleError} STORE_FULL, STORE_BUSY (may be tried again), STORE_IO, STORE_UNCERTAIN, RUN_NOT_OWNED, STORE_NEWER, STORE_CORRUPT
 */
export interface Store extends AsyncDisposable {
  readonly durability: Durability;
  /** False when only values are kept and nothing of jobs: the engine then spares itself their rows. */
  readonly keepsJobs: boolean;
  /** Who this opening of the store is, for ownership. */
  readonly owner: OwnerId;
  /** What results were made of; absent: nothing is reused. */
  readonly fingerprints?: FingerprintStore;

  /** Adds a run with its graph, owned by this opening, epoch 1. Either all of it is there afterwards, or nothing. */
  createRun(run: NewRun, graph: Graph): Promise<void>;
  /** Takes a run over when nobody lives who owns it, or when it is this opening's already. */
  claimRun(run: RunId): Promise<ClaimAnswer>;
  /** Who owns a run and whether it lives; undefined when nobody does. */
  ownerOf(run: RunId): Promise<SeenOwner | undefined>;
  /** Gives a run up, so that another may claim it. */
  releaseRun(run: RunId, epoch: number): Promise<void>;
  /**
   * How many commits may be handed over before the first of them is answered. More than one is a promise: they are
   * carried out in order, and where one is rejected, so is each that was handed over behind it before that was heard.
   *
   * @default 1
   */
  readonly commitsAhead?: number;
  /** One transaction. */
  commit(commits: readonly RunCommit[]): Promise<void>;
  /** The same where nothing has to be waited for; throws what `commit` would reject with. */
  commitNow?(commits: readonly RunCommit[]): void;

  run(id: RunId): Promise<RunRow | undefined>;
  runs(filter: RunFilter): Promise<readonly RunRow[]>;
  /** The sealed template first, then expansions in order. */
  graph(run: RunId): Promise<readonly Graph[]>;
  /** Rows in order of index, in batches of thousands; only those from `from` on. */
  jobs(run: RunId, from?: number): AsyncIterable<readonly JobRow[]>;
  /** Jobs that have ended, in what recovery needs of them: several times cheaper than their rows. In batches, in no order. */
  finals(run: RunId): AsyncIterable<FinalJobs>;
  /** Rows of jobs that have not ended, in order of index, in batches of thousands. */
  unfinished(run: RunId): AsyncIterable<readonly JobRow[]>;
  /** How many jobs have a row with each status. */
  counts(run: RunId): Promise<ReadonlyMap<Status, number>>;
  job(run: RunId, index: number): Promise<JobRow | undefined>;
  /** Earlier attempts of a job, oldest first. */
  attempts(run: RunId, index: number): Promise<readonly AttemptRow[]>;
  /** Values of these jobs, in the order asked; undefined where there is none. */
  values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]>;
  submissions(run: RunId): Promise<readonly SubmissionRow[]>;
  /** Transitions after a sequence number, oldest first, at most `limit`. */
  transitions(run: RunId, afterSeq: number, limit: number): Promise<readonly (Transition & { readonly seq: number })[]>;
  /** Adds an experiment, or replaces the one of that name. */
  putExperiment(experiment: ExperimentRow): Promise<void>;
  experiment(name: string): Promise<ExperimentRow | undefined>;
  /** In order of their names. */
  experiments(): Promise<readonly ExperimentRow[]>;
  /** Removes a run and all it has. Refused while it is owned by a living engine. */
  deleteRun(run: RunId): Promise<void>;
}

export type NewRun = Omit<RunRow, 'owner' | 'epoch' | 'seq'> & {
  /**
   * The runs of its point that are known of. With any other there it is refused (STATE_CONFLICT, `details.taken` names the other), so
   * that of two processes that start a point at one moment only one does.
   */
  readonly beside?: readonly RunId[];
};

/** Who owns a run is alive or not: what a store needs to know to hand a run over. */
export interface OwnerRecord {
  readonly owner: OwnerId;
  readonly host: string;
  readonly pid: number;
  /** Path of the socket through which others steer its runs; empty when there is none. */
  readonly socket: string;
}

/** An owner as others see it. */
export interface SeenOwner extends OwnerRecord {
  readonly alive: boolean;
  /**
   * What frees its runs when it is gone for good, for people: only there when nobody here can know that it is, since
   * it was on another machine.
   */
  readonly remedy?: string;
}

/** The outcome as a row keeps it: its value lives apart. */
export function outcomeJson(outcome: Outcome): string {
  if (outcome.kind !== 'ok') return JSON.stringify(outcome);
  return outcome.usage === undefined ? '{"kind":"ok"}' : JSON.stringify({ kind: 'ok', usage: outcome.usage });
}

/** What `FinalJobs` has of one job. */
export type FinalJob = Pick<JobRow, 'job' | 'status' | 'detail' | 'fence' | 'charged' | 'losses' | 'outcome'>;

/** Packs those of these jobs that have ended into columns. */
export function packFinals(rows: readonly FinalJob[]): FinalJobs {
  const finals = rows.filter((row) => isFinal(row.status));
  return {
    jobs: Uint32Array.from(finals, (row) => row.job),
    statuses: Uint8Array.from(finals, (row) => STATUSES.indexOf(row.status)),
    details: finals.map((row) => row.detail),
    fences: Uint32Array.from(finals, (row) => row.fence),
    charged: Uint32Array.from(finals, (row) => row.charged),
    losses: Uint32Array.from(finals, (row) => row.losses),
    outcomes: new Map(
      finals.filter((row) => row.status === 'failed' && row.outcome !== '').map((row) => [row.job, row.outcome]),
    ),
  };
}
