import { backup, type DatabaseSync } from 'node:sqlite';
import {
  type AttemptRow,
  type ClaimAnswer,
  type Clock,
  type Graph,
  HeddleError,
  type JobRow,
  type NewRun,
  type OwnerId,
  type OwnerRecord,
  type Random,
  type RunCommit,
  type RunFilter,
  type RunId,
  type RunRow,
  type Status,
  type Store,
  type SubmissionRow,
  type Transition,
  type Value,
} from '../model/index.ts';
import { connectReader } from './connection.ts';
import type { ExclusiveFile } from './exclusive-file.ts';
import { GraphAssembly, type GraphPart, graphParts } from './graph-format.ts';
import { forgetOwner, OwnerLock } from './ownership.ts';
import { MovingPort } from './moving-port.ts';
import { type ReaderMethod, retryBusy, turn, type WriterAnswer, type WriterMethod } from './port.ts';
import { storeError } from './sqlite-errors.ts';
import { SqliteReader } from './sqlite-reader.ts';
import type { SqliteWriter, WriteHook, WriterOptions } from './sqlite-writer.ts';

/** Something people should know of the store. */
export interface StoreNotice {
  readonly code: 'STORE_EXCLUSIVE' | 'STORE_THREAD' | 'STORE_SWEEP';
  readonly message: string;
}

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
const JOBS_A_BATCH = 4096;
const COUNTED_A_BATCH = 32_768;
const VALUES_A_BATCH = 512;
const TRANSITIONS_A_BATCH = 8192;
const SUBMISSIONS_A_BATCH = 4096;
const PARTS_A_READ = 4;
const PARTS_A_WRITE = 2;

/**
 * The store in a directory, kept by SQLite. One connection writes, on this thread or on its own; another reads, so
 * that neither waits for the other. What it owns, it owns until it is disposed or its process is gone.
 */
export class SqliteStore implements Store {
  readonly keepsJobs = true;
  readonly durability: 'normal' | 'full';
  readonly owner: OwnerId;
  readonly directory: string;
  /** Where the owner's socket belongs; nothing of it is made here. */
  readonly socket: string;
  readonly #parts: SqliteStoreParts;
  readonly #reading: { readonly db: DatabaseSync; readonly reader: SqliteReader } | undefined;
  readonly #port: MovingPort;
  #owning: Promise<OwnerLock | undefined> | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #disposing: Promise<void> | undefined;

  private constructor(parts: SqliteStoreParts, port: MovingPort) {
    const { connection, judge } = parts.writer;
    this.#parts = parts;
    this.#port = port;
    this.durability = connection.durability;
    this.owner = judge.self;
    this.directory = parts.directory;
    this.socket = parts.socket;
    if (!connection.exclusive) {
      const db = connectReader(connection.path);
      this.#reading = { db, reader: new SqliteReader(db, judge) };
    }
  }

  /** @internal `openStore` is the way in. */
  static async open(parts: SqliteStoreParts): Promise<SqliteStore> {
    const { writer, clock, random, place, hook } = parts;
    const onMoved = (medianMs: number): void => notify(parts.onNotice, movedNotice(medianMs));
    const opening = { writer, clock, random, begin: place, onMoved, ...(hook === undefined ? {} : { hook }) };
    const port = await MovingPort.open(opening);
    try {
      return new SqliteStore(parts, port);
    } catch (error) {
      await port.close();
      throw storeError(error, 'open', writer.connection.path);
    }
  }

  /** True when this process has the store to itself, since the file system does not carry locks. */
  get isExclusive(): boolean {
    return this.#reading === undefined;
  }

  /** Where commits are made. */
  get writerPlace(): 'main' | 'thread' {
    return this.#port.place;
  }

  async createRun(run: NewRun, graph: Graph): Promise<void> {
    await this.#own();
    const parts = batched(graphParts(graph), PARTS_A_WRITE);
    const first = parts.next();
    let next = parts.next();
    const key = await this.#write('addRun', run, first.done === true ? [] : first.value, next.done === true);
    if (next.done === true) return;
    try {
      for (; next.done !== true; next = parts.next()) {
        await this.#write('addGraphParts', key, next.value);
        await turn(this.#parts.clock);
      }
      await this.#write('publishRun', key);
    } catch (error) {
      // What cannot be removed now is swept by the next who opens the store.
      await this.#remove(key).catch(() => undefined);
      throw error;
    }
  }

  async claimRun(run: RunId): Promise<ClaimAnswer> {
    await this.#own();
    return this.#write('claim', run);
  }

  ownerOf(run: RunId): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    return this.#read('ownerOf', run);
  }

  async releaseRun(run: RunId, epoch: number): Promise<void> {
    await this.#write('release', run, epoch);
  }

  async commit(commits: readonly RunCommit[]): Promise<void> {
    await this.#write('commit', commits);
  }

  run(id: RunId): Promise<RunRow | undefined> {
    return this.#read('run', id);
  }

  runs(filter: RunFilter): Promise<readonly RunRow[]> {
    return this.#read('runs', filter);
  }

  async graph(run: RunId): Promise<readonly Graph[]> {
    const graphs: Graph[] = [];
    const segments = await this.#read('segments', run);
    for (let segment = 0; segment < segments; segment += 1) graphs.push(await this.#segment(run, segment));
    return graphs;
  }

  async *jobs(run: RunId, from = 0): AsyncGenerator<readonly JobRow[]> {
    for (let next = from; ; ) {
      const rows = await this.#read('jobs', run, next, JOBS_A_BATCH);
      const last = rows.at(-1);
      if (last !== undefined) yield rows;
      if (last === undefined || rows.length < JOBS_A_BATCH) return;
      next = last.job + 1;
      await turn(this.#parts.clock);
    }
  }

  async counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    const counts = new Map<Status, number>();
    const size = (await this.#read('run', run))?.size ?? 0;
    // At least once, for the error of a run that is not there.
    for (let from = 0; from === 0 || from < size; from += COUNTED_A_BATCH) {
      const batch = await this.#read('counts', run, from, from + COUNTED_A_BATCH);
      for (const [status, count] of batch) counts.set(status, (counts.get(status) ?? 0) + count);
      await turn(this.#parts.clock);
    }
    return counts;
  }

  job(run: RunId, index: number): Promise<JobRow | undefined> {
    return this.#read('job', run, index);
  }

  attempts(run: RunId, index: number): Promise<readonly AttemptRow[]> {
    return this.#read('attempts', run, index);
  }

  async values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    if (jobs.length <= VALUES_A_BATCH) return this.#read('values', run, jobs);
    const values: (Value | undefined)[] = [];
    for (let from = 0; from < jobs.length; from += VALUES_A_BATCH) {
      values.push(...(await this.#read('values', run, jobs.slice(from, from + VALUES_A_BATCH))));
      await turn(this.#parts.clock);
    }
    return values;
  }

  async submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    const found: SubmissionRow[] = [];
    for (;;) {
      const batch = await this.#read('submissions', run, found.at(-1)?.id ?? '', SUBMISSIONS_A_BATCH);
      found.push(...batch);
      if (batch.length < SUBMISSIONS_A_BATCH) return found;
      await turn(this.#parts.clock);
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
      const batch = await this.#read('transitions', run, afterSeq + found.length, atOnce);
      for (const transition of batch) found.push(transition);
      if (batch.length < atOnce || found.length >= limit) return found;
      await turn(this.#parts.clock);
    }
  }

  async deleteRun(run: RunId): Promise<void> {
    await this.#own();
    await this.#remove(await this.#write('hideRun', run));
    while (!(await this.#write('vacuumSlice'))) await turn(this.#parts.clock);
  }

  /**
   * Copies the database as it is at this moment to a file, while others read and write.
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
    await this.#sweeping;
    await this.#port.close();
    this.#reading?.db.close();
    const lock = await this.#owning?.catch(() => undefined);
    lock?.release();
    this.#parts.exclusiveFile?.release();
  }

  async #segment(run: RunId, segment: number): Promise<Graph> {
    const trailer = await this.#read('graphTrailer', run, segment);
    const assembly = new GraphAssembly(`${run}, ${segment}`, trailer);
    for (let from = 0; from < trailer.position; ) {
      const parts = await this.#read('graphParts', run, segment, from, PARTS_A_READ);
      for (const part of parts) if (part.position < trailer.position) assembly.add(part);
      const last = parts.at(-1);
      from = last === undefined ? trailer.position : last.position + last.data.length;
      await turn(this.#parts.clock);
    }
    const work = assembly.finish();
    for (;;) {
      const step = work.next();
      if (step.done === true) return step.value;
      await turn(this.#parts.clock);
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
      await this.#write('register', record, clock.now().wall);
    } catch (error) {
      lock?.release();
      throw error;
    }
    this.#sweeping = this.#sweep();
    return lock;
  }

  /** Removes what others began to write or to remove and will not end. */
  async #sweep(): Promise<void> {
    try {
      const { keys, owners } = await this.#write('sweep');
      for (const owner of owners) forgetOwner(this.directory, owner);
      for (const key of keys) await this.#remove(key);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notify(this.#parts.onNotice, {
        code: 'STORE_SWEEP',
        message: `what an earlier crash left could not be removed: ${why}`,
      });
    }
  }

  async #remove(key: number): Promise<void> {
    while (!(await this.#write('removeSlice', key))) await turn(this.#parts.clock);
  }

  #write<Method extends WriterMethod>(
    method: Method,
    ...args: Parameters<SqliteWriter[Method]>
  ): Promise<WriterAnswer<Method>> {
    return this.#port.carry({ target: 'writer', method, args }) as Promise<WriterAnswer<Method>>;
  }

  async #read<Method extends ReaderMethod>(
    method: Method,
    ...args: Parameters<SqliteReader[Method]>
  ): Promise<ReturnType<SqliteReader[Method]>> {
    if (this.#reading === undefined) {
      return (await this.#port.carry({ target: 'reader', method, args })) as ReturnType<SqliteReader[Method]>;
    }
    const { reader } = this.#reading;
    const work = reader[method] as (...args: readonly unknown[]) => ReturnType<SqliteReader[Method]>;
    return retryBusy(() => Reflect.apply(work, reader, args), this.#parts, this.#parts.writer.busyMs);
  }
}

function notify(onNotice: (notice: StoreNotice) => void, notice: StoreNotice): void {
  try {
    onNotice(notice);
  } catch {
    // A listener's error is its own.
  }
}

function movedNotice(medianMs: number): StoreNotice {
  const message = `commits take ${medianMs.toFixed(1)} ms on this disk; they go on in a thread of their own`;
  return { code: 'STORE_THREAD', message };
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
