import type { RunId } from './ids.ts';

/** What a job was made of when it was last ready to start: by this its result is found again. */
export interface FingerprintRow {
  /** Index in the run. */
  readonly job: number;
  /** The job's id, and its task's name. */
  readonly name: string;
  readonly task: string;
  /** sha256 in hex of all components. */
  readonly fingerprint: string;
  /** sha256 in hex of what of them is known before any upstream job has ended: of the code, not of the inputs. */
  readonly base: string;
  /** JSON, an object: text by the name of the component. Empty where the result was reused: then those of its source count. */
  readonly components: string;
  /** The run whose result was reused, and the job's index there; '' and 0 where it ran. */
  readonly fromRun: RunId | '';
  readonly fromJob: number;
  /** Why an earlier result of this fingerprint was not taken, for people; '' where there was none. */
  readonly note: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A result that can be reused: whose it is. */
export interface FoundResult {
  readonly run: RunId;
  readonly job: number;
  readonly name: string;
}

/** A row, and whose it is. `components` is that of the source where the result was reused. */
export interface EarlierRow extends FingerprintRow {
  readonly run: RunId;
}

/** Whose earlier rows are wanted: latest first, at most `limit`. */
export interface EarlierQuery {
  readonly task: string;
  /** Only of jobs with this id. */
  readonly name?: string;
  /** Only older ones: epoch milliseconds. */
  readonly before?: number;
  /** Of this run none. */
  readonly except?: RunId;
  readonly limit: number;
}

/** What a file held when it was last read, by what the file system says of it. */
export interface FileHashRow {
  /** Device and inode. */
  readonly inode: string;
  /** Size, time of modification and time of change: another text, and the file must be read again. */
  readonly state: string;
  readonly sha256: string;
}

/** What the file system said of a job's outputs when they held what its value says. */
export interface OutputState {
  readonly job: number;
  /** Of the row that the job ran under (`FingerprintRow.at`). */
  readonly at: number;
  /** Text; nothing but the keeper reads it. */
  readonly state: string;
}

/**
 * The part of a store that knows what results were made of. What is lost of it costs time, never truth: then a job
 * runs again. Rows go with their run.
 *
 * @throws {HeddleError} as `Store`
 */
export interface FingerprintStore {
  /** Replaces all that is known of these jobs. Not found by `find` until sealed. RUN_NOT_OWNED when the run is another's. */
  put(run: RunId, rows: readonly FingerprintRow[]): Promise<void>;
  /**
   * These jobs are done, and what they were made of was the same at their end: from now on `find` has them. One whose row
   * has another fingerprint by now is left alone.
   */
  seal(run: RunId, jobs: readonly Pick<FingerprintRow, 'job' | 'fingerprint'>[]): Promise<void>;
  /** Further fingerprints under which results of a run are found, for jobs that have been sealed. */
  accept(run: RunId, rows: readonly FingerprintRow[]): Promise<void>;
  /**
   * For each fingerprint the latest sealed job that has it; `skip` so many of the latest. Of the run `except` none.
   */
  find(
    fingerprints: readonly string[],
    options?: { readonly except?: RunId; readonly skip?: number },
  ): Promise<readonly (FoundResult | undefined)[]>;
  /** Rows of these jobs, in the order asked. */
  of(run: RunId, jobs: readonly number[]): Promise<readonly (FingerprintRow | undefined)[]>;
  /** Whether anything is known of any job of a run. */
  has(run: RunId): Promise<boolean>;
  /** How many jobs of a run are done by a result that was reused. */
  countReused(run: RunId): Promise<number>;
  earlier(query: EarlierQuery): Promise<readonly EarlierRow[]>;
  /** The different `base`s under which sealed results of a task are found, latest first; at most 1000. */
  bases(task: string): Promise<readonly string[]>;
  /** Runs that have reused results of this one: what they hold lies among its files. */
  dependents(run: RunId): Promise<readonly RunId[]>;
  /** Keeps states until the job is put again. Of one that was put again since `at` nothing is kept. */
  keepOutputs(run: RunId, states: readonly OutputState[]): Promise<void>;
  /** What was kept of these jobs, in the order asked. */
  outputStates(run: RunId, jobs: readonly number[]): Promise<readonly (string | undefined)[]>;
  /** What a hash of code stands for: JSON, hashes by file and package. */
  putCode(code: readonly { readonly hash: string; readonly files: string }[]): Promise<void>;
  code(hash: string): Promise<string | undefined>;
  /** What is remembered of files, in the order asked. */
  fileHashes(inodes: readonly string[]): Promise<readonly (FileHashRow | undefined)[]>;
  rememberFiles(rows: readonly FileHashRow[]): Promise<void>;
}
