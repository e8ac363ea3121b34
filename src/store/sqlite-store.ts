import { backup } from 'node:sqlite';
import {
  type AttemptRow,
  type ClaimAnswer,
  type Clock,
  type ExperimentRow,
  type FinalJobs,
  type Graph,
  HeddleError,
  type JobRow,
  type NewRun,
  type OwnerId,
  type Random,
  type RunCommit,
  type RunFilter,
  type RunId,
  type RunRow,
  type SeenOwner,
  type Status,
  type Store,
  type SubmissionRow,
  type Transition,
  type Value,
} from '../model/index.ts';
import { BlobFiles, damagedBlob, hasLargeValues } from './blob-files.ts';
import { blobPath } from './blob-names.ts';
import { packCommit } from './commit-packing.ts';
import { connectReader } from './connection.ts';
import type { ExclusiveFile } from './exclusive-file.ts';
import { SqliteFingerprints } from './sqlite-fingerprints.ts';
import { type GraphPart, graphParts } from './graph-format.ts';
import { readSegment } from './graph-reading.ts';
import { readCounts, readFinals, readJobs, readUnfinished } from './job-reading.ts';
import { OwnerLock } from './ownership.ts';
import { MovingPort } from './moving-port.ts';
import { MOVED, notify, type StoreNotice } from './store-notice.ts';
import type { BlobRef, StoredCommit, StoredValue } from './rows.ts';
import { storeError } from './sqlite-errors.ts';
import type { WriteHook, WriterOptions } from './sqlite-writer.ts';
import { StoreAccess } from './store-access.ts';
import { removeRows, sweep } from './sweeping.ts';

/** Everything an open store is made from. @internal */
export interface SqliteStoreParts {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: WriterOptions;
  readonly socket: string;
  /** `auto` begins on the main thread. */
  readonly place: 'auto' | 'main' | 'thread';
  readonly exclusiveFile: ExclusiveFile | undefined;
  readonly onNotice: (notice: StoreNotice) => void;
  readonly hook?: WriteHook;
}

/** Rows a batch: some milliseconds of the loop. */
const VALUES_A_BATCH = 512;
const TRANSITIONS_A_BATCH = 8192;
const SUBMISSIONS_A_BATCH = 4096;
const PARTS_A_WRITE = 2;
/**
 * One is being written, others gather for the next transaction, so that deciding and writing go on side by side: half as
 * many steps a second again. Where each is synced to the disk no more than one waits: a slow one holds up the word of all
 * that ended meanwhile, and these are to be fewer than one in a hundred.
 */
const COMMITS_AHEAD = { normal: 3, full: 2 } as const;
/** Runs of so many jobs have their writes on a thread from the first on. */
const LARGE_RUN = 5000;

/**
 * The store in a directory, kept by SQLite. One connection writes, on this thread or on its own; another reads, so
 * that neither waits for the other. What it owns, it owns until it is disposed or its process is gone.
 */
export class SqliteStore implements Store {
  readonly keepsJobs = true;
  readonly durability: 'normal' | 'full';
  readonly owner: OwnerId;
  readonly directory: string;
  readonly fingerprints: SqliteFingerprints;
  /** Where the owner's socket belongs; nothing of it is made here. */
  readonly socket: string;
  readonly #parts: SqliteStoreParts;
  readonly #access: StoreAccess;
  readonly #blobs: BlobFiles;
  /** Settles when the commits before have been handed on: those behind large values wait for them. */
  #filing: Promise<void> | undefined;
  #owning: Promise<OwnerLock | undefined> | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #disposing: Promise<void> | undefined;

  private constructor(parts: SqliteStoreParts, access: StoreAccess) {
    const { connection, judge } = parts.writer;
    this.#parts = parts;
    this.#access = access;
    this.fingerprints = new SqliteFingerprints(access);
    this.durability = connection.durability;
    this.owner = judge.self;
    this.directory = parts.directory;
    this.socket = parts.socket;
    this.#blobs = new BlobFiles(parts.directory, {
      owner: this.owner,
      durability: this.durability,
      clock: parts.clock,
    });
  }

  /** @internal `openStore` is the way in. */
  static async open(parts: SqliteStoreParts): Promise<SqliteStore> {
    const { writer, clock, random, place, hook } = parts;
    const onMoved = (): void => notify(parts.onNotice, MOVED);
    const opening = { writer, clock, random, begin: place, onMoved, ...(hook === undefined ? {} : { hook }) };
    const port = await MovingPort.open(opening);
    try {
      return new SqliteStore(parts, new StoreAccess(parts, port));
    } catch (error) {
      await port.close();
      throw storeError(error, 'open', writer.connection.path);
    }
  }

  /** True when this process has the store to itself, since the file system does not carry locks. */
  get isExclusive(): boolean {
    return this.#parts.writer.connection.exclusive;
  }

  /** Where commits are made. */
  get writerPlace(): 'main' | 'thread' {
    return this.#access.place;
  }

  /** On the main thread a commit holds the loop: to hand over more than one would gain nothing. */
  get commitsAhead(): number {
    return this.#access.place === 'thread' ? COMMITS_AHEAD[this.durability] : 1;
  }

  async createRun(run: NewRun, graph: Graph): Promise<void> {
    if (graph.size >= LARGE_RUN) void this.#access.expectMuch();
    await this.#own();
    const parts = batched(graphParts(graph), PARTS_A_WRITE);
    const first = parts.next();
    let next = parts.next();
    const key = await this.#access.write('addRun', run, first.done === true ? [] : first.value, next.done === true);
    if (next.done === true) return;
    try {
      for (; next.done !== true; next = parts.next()) {
        await this.#access.write('addGraphParts', key, next.value);
        await this.#access.turn();
      }
      await this.#access.write('publishRun', key);
    } catch (error) {
      // What cannot be removed now is swept by the next who opens the store.
      await removeRows(this.#access, key).catch(() => undefined);
      throw error;
    }
  }

  async claimRun(run: RunId): Promise<ClaimAnswer> {
    await this.#own();
    return this.#access.write('claim', run);
  }

  ownerOf(run: RunId): Promise<SeenOwner | undefined> {
    return this.#access.read('ownerOf', run);
  }

  async releaseRun(run: RunId, epoch: number): Promise<void> {
    await this.#access.write('release', run, epoch);
  }

  async commit(commits: readonly RunCommit[]): Promise<void> {
    if (this.#filing === undefined && !hasLargeValues(commits) && !bringsMuch(commits)) return this.#write(commits);
    return this.#commitInTurn(commits);
  }

  run(id: RunId): Promise<RunRow | undefined> {
    return this.#access.read('run', id);
  }

  runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return this.#access.read('runs', filter);
  }

  async graph(run: RunId): Promise<readonly Graph[]> {
    const graphs: Graph[] = [];
    const segments = await this.#access.read('segments', run);
    for (let segment = 0; segment < segments; segment += 1) graphs.push(await readSegment(this.#access, run, segment));
    return graphs;
  }

  jobs(run: RunId, from = 0): AsyncIterable<readonly JobRow[]> {
    return readJobs(this.#access, run, from);
  }

  finals(run: RunId): AsyncIterable<FinalJobs> {
    return readFinals(this.#access, run);
  }

  unfinished(run: RunId): AsyncIterable<readonly JobRow[]> {
    return readUnfinished(this.#access, run);
  }

  counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    return readCounts(this.#access, run);
  }

  job(run: RunId, index: number): Promise<JobRow | undefined> {
    return this.#access.read('job', run, index);
  }

  attempts(run: RunId, index: number): Promise<readonly AttemptRow[]> {
    return this.#access.read('attempts', run, index);
  }

  async values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    const values: (Value | undefined)[] = [];
    for (let from = 0; from < jobs.length; from += VALUES_A_BATCH) {
      if (from > 0) await this.#access.turn();
      const batch = jobs.slice(from, from + VALUES_A_BATCH);
      for (const [i, value] of (await this.#access.read('values', run, batch)).entries()) {
        values.push(value?.codec === 'file' ? await this.#whole(run, batch[i] as number, value) : value);
      }
    }
    return values;
  }

  async submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    const found: SubmissionRow[] = [];
    for (;;) {
      const batch = await this.#access.read('submissions', run, found.at(-1)?.id ?? '', SUBMISSIONS_A_BATCH);
      found.push(...batch);
      if (batch.length < SUBMISSIONS_A_BATCH) return found;
      await this.#access.turn();
    }
  }

  async transitions(
    run: RunId,
    afterSeq: number,
    limit: number,
  ): Promise<readonly (Transition & { readonly seq: number })[]> {
    const found: (Transition & { readonly seq: number })[] = [];
    for (let wanted = limit; ; wanted = limit - found.length) {
      const atOnce = Math.min(wanted, TRANSITIONS_A_BATCH);
      const batch = await this.#access.read('transitions', run, afterSeq + found.length, atOnce);
      for (const transition of batch) found.push(transition);
      if (batch.length < atOnce || found.length >= limit) return found;
      await this.#access.turn();
    }
  }

  async putExperiment(experiment: ExperimentRow): Promise<void> {
    await this.#access.write('putExperiment', experiment);
  }

  experiment(name: string): Promise<ExperimentRow | undefined> {
    return this.#access.read('experiment', name);
  }

  experiments(): Promise<readonly ExperimentRow[]> {
    return this.#access.read('experiments');
  }

  async deleteRun(run: RunId): Promise<void> {
    await this.#own();
    await removeRows(this.#access, await this.#access.write('hideRun', run));
    while (!(await this.#access.write('vacuumSlice'))) await this.#access.turn();
  }

  /**
   * Copies the database as it is at this moment to a file, while others read and write. Values above 256 KiB are
   * not in it: they lie in `blobs/`, by their hash, and are to be copied after it.
   *
   * @throws {HeddleError} STORE_LOCKED in exclusive mode, where no second connection can be had
   */
  async backup(path: string): Promise<void> {
    if (this.isExclusive) {
      throw new HeddleError('STORE_LOCKED', 'a store in exclusive mode cannot be copied while it is open', {
        hint: 'close it, then copy its directory',
      });
    }
    const db = connectReader(this.#parts.writer.connection.path);
    try {
      // All pages in one step, off this thread: a copy in several begins again with every commit in between.
      await backup(db, path, { rate: 0x7fffffff });
    } finally {
      db.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  async #dispose(): Promise<void> {
    while (this.#filing !== undefined) await this.#filing;
    await this.#sweeping;
    await this.#access.close();
    const lock = await this.#owning?.catch(() => undefined);
    lock?.release();
    this.#parts.exclusiveFile?.release();
  }

  /** Commits keep their order: behind one that brings much to write the others wait. */
  async #commitInTurn(commits: readonly RunCommit[]): Promise<void> {
    const before = this.#filing;
    const { promise: handedOn, resolve: handOn } = Promise.withResolvers<void>();
    this.#filing = handedOn;
    let written: Promise<undefined> | undefined;
    try {
      await before;
      // What this opening is about to name must not look like something left behind.
      await this.#sweeping;
      const filed: readonly StoredCommit[] = await this.#blobs.file(commits);
      // The end of a transaction writes its pages in one go: that of a hundred thousand jobs takes some 50 ms.
      if (bringsMuch(commits)) await this.#access.expectMuch();
      written = this.#write(filed);
    } finally {
      if (this.#filing === handedOn) this.#filing = undefined;
      handOn();
    }
    await written;
  }

  #write(commits: readonly StoredCommit[]): Promise<undefined> {
    return this.#access.write('commit', commits.map(packCommit));
  }

  /** The value that lies in a file. */
  async #whole(run: RunId, job: number, ref: BlobRef): Promise<Value | undefined> {
    for (let found: StoredValue | undefined = ref; ; ) {
      if (found?.codec !== 'file') return found;
      const value = await this.#blobs.read(found);
      if (value !== undefined) return value;
      // It may have been removed or replaced since its row was read.
      const [again] = await this.#access.read('values', run, [job]);
      if (again?.codec === 'file' && again.sha256 === found.sha256) {
        throw damagedBlob(blobPath(this.directory, found.sha256), `of job ${job} of run ${run} is missing`);
      }
      found = again;
    }
  }

  /** Becomes an owner, once: readers leave no trace in the store. */
  async #own(): Promise<void> {
    this.#owning ??= this.#becomeOwner().catch((error: unknown) => {
      this.#owning = undefined;
      throw error;
    });
    await this.#owning;
  }

  async #becomeOwner(): Promise<OwnerLock | undefined> {
    const { directory, clock, socket, writer } = this.#parts;
    const { host } = writer.judge;
    // The lock first: an owner that is known and not locked is taken for dead.
    const lock = this.isExclusive ? undefined : new OwnerLock(directory, this.owner);
    try {
      const record = { owner: this.owner, host: host.name, boot: host.boot, pid: process.pid, socket };
      await this.#access.write('register', record, clock.now().wall);
    } catch (error) {
      lock?.release();
      throw error;
    }
    this.#sweeping = this.#sweep();
    return lock;
  }

  async #sweep(): Promise<void> {
    try {
      await sweep(this.#access, this.directory, this.#blobs);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notify(this.#parts.onNotice, {
        code: 'STORE_SWEEP',
        message: `what an earlier crash left could not be removed: ${why}`,
      });
    }
  }
}

/** Whether so many jobs are appended that their commit would hold the loop for long. */
function bringsMuch(commits: readonly RunCommit[]): boolean {
  return commits.some(({ segments }) => segments.some(({ size }) => size >= LARGE_RUN));
}

function* batched(parts: Iterable<GraphPart>, size: number): Generator<GraphPart[]> {
  let batch: GraphPart[] = [];
  for (const part of parts) {
    batch.push(part);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
