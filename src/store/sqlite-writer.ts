import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { ClaimAnswer, ExperimentRow, NewRun, OwnerId, RunId, RunPatch, SubmissionRow } from '../model/index.ts';
import { removeBlobs, removeStrays, requireBlob } from './blob-rows.ts';
import {
  alikeFrom,
  fenceOf,
  jobOf,
  type PackedCommit,
  type PackedJobs,
  putJobs,
  ROWS_A_STATEMENT,
  rowValues,
} from './commit-packing.ts';
import { type ConnectionOptions, connectWriter, Statements } from './connection.ts';
import { type GraphPart, graphParts } from './graph-format.ts';
import { insertExperiment, insertRun, refuseBeside } from './run-inserts.ts';
import { isOwnerAlive, type KeptOwner, type OwnerJudge, remedyFor } from './ownership.ts';
import { keptOwner, livingOwner } from './owner-rows.ts';
import { LAST_SEQ, type StoredValueRow, valueColumns } from './rows.ts';
import { migrate, RUN_TABLES } from './schema.ts';
import { isBusy, sqliteCode, storeError, uncertain } from './sqlite-errors.ts';
import { type CommitGround, fittingGround, notYours, runExists, runNotFound, runOwned } from './store-rules.ts';

/** What the writer needs. Plain data: it travels to the writer's thread. */
export interface WriterOptions {
  readonly connection: ConnectionOptions;
  readonly judge: OwnerJudge;
  /** How long others are waited for before `STORE_BUSY`, in milliseconds. */
  readonly busyMs: number;
}

/** Called before a transaction begins and before it commits: where tests let the disk fail or be slow. */
export type WriteHook = (point: 'begin' | 'commit') => void;

/**
 * Some 63 MiB, just below what the WAL may keep on the disk: reading it back after a crash takes some tenths of a second.
 * Every emptying holds up all who wait for their word, and the fewer there are, the fewer pages are written twice.
 */
const PAGES_A_CHECKPOINT = 16_000;

/** After so many rows of one transaction the loop may turn. */
const ROWS_A_TURN = 1000;

/** Keeps what the row said of an earlier attempt. */
const ARCHIVE = `INSERT OR REPLACE INTO attempts
  SELECT run_key, job, fence, attempt, backend, "grant", handle, granted_at, started_at, ended_at, outcome
  FROM jobs WHERE run_key = ? AND job = ? AND fence > 0 AND fence < ?`;

interface Ground extends CommitGround {
  readonly key: number;
  readonly segments: number;
}

/**
 * The one connection of a store that writes. Every method is one transaction and never waits: when another
 * process writes it throws SQLITE_BUSY, having done nothing, and the caller tries again.
 *
 * States: usable, then after an input or output error in a commit broken for good (`STORE_UNCERTAIN`).
 */
export class SqliteWriter {
  readonly db: DatabaseSync;
  readonly #options: WriterOptions;
  readonly #statements: Statements;
  readonly #hook: WriteHook | undefined;
  readonly #putters: Map<number, StatementSync> = new Map();
  #broken: unknown;
  #committing = false;

  /** May throw SQLITE_BUSY. */
  constructor(options: WriterOptions, hook?: WriteHook) {
    this.#options = options;
    this.#hook = hook;
    this.db = connectWriter(options.connection);
    try {
      migrate(this.db, options.connection.path);
    } catch (error) {
      this.db.close();
      throw error;
    }
    this.#statements = new Statements(this.db);
  }

  /** True when it is not known what the last commit did: nothing more is written. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  close(): void {
    this.db.close();
  }

  /**
   * Lets the WAL grow before a commit has to empty it, which takes as long as many commits: all that wait meanwhile are
   * told late. For who empties it by `checkpoint` when nobody waits.
   */
  checkpointRarely(): void {
    this.db.exec(`PRAGMA wal_autocheckpoint = ${PAGES_A_CHECKPOINT}`);
  }

  /** Carries over into the database what no reader holds back. What fails stays in the WAL; a commit will say it. */
  checkpoint(): void {
    try {
      this.db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // As SQLite does after a commit that empties the WAL.
    }
  }

  /** Makes an owner known. Its lock is held already. */
  register(owner: KeptOwner, at: number): void {
    this.transaction(() => {
      const { owner: id, host, boot, pid, socket } = owner;
      this.#statements
        .get('INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?, ?, ?)')
        .run(id, host, boot, pid, socket, at);
    });
  }

  /** Adds a run with the first parts of its graph; it is seen at once when these are all. Returns its key. */
  addRun(run: NewRun, parts: readonly GraphPart[], areAll: boolean): number {
    return this.transaction(() => {
      if (this.#statements.row('SELECT 1 FROM runs WHERE id = ?', run.id) !== undefined) throw runExists(run.id);
      refuseBeside(this.#statements, run);
      const state = areAll ? 'ready' : 'writing';
      const key = insertRun(this.#statements, run, { state, owner: this.#self });
      this.#putParts(key, 0, parts);
      return key;
    });
  }

  /** Adds parts of a graph to a run that is not seen yet. */
  addGraphParts(key: number, parts: readonly GraphPart[]): void {
    this.transaction(() => this.#putParts(key, 0, parts));
  }

  /** Lets a run be seen whose graph is written. */
  publishRun(key: number): void {
    this.transaction(() => this.#statements.get("UPDATE runs SET state = 'ready' WHERE run_key = ?").run(key));
  }

  putExperiment(experiment: ExperimentRow): void {
    this.transaction(() => insertExperiment(this.#statements, experiment));
  }

  claim(run: RunId): ClaimAnswer {
    return this.transaction((): ClaimAnswer => {
      const ground = this.#ground(run);
      if (ground === undefined) return { kind: 'not-found' };
      if (ground.owner === this.#self) return { kind: 'claimed', epoch: ground.epoch };
      const owner = ground.owner === '' ? undefined : this.#ownerAlive(ground.owner);
      if (owner !== undefined) return this.#owned(owner);
      const epoch = ground.epoch + 1;
      this.#statements.get('UPDATE runs SET owner = ?, epoch = ? WHERE run_key = ?').run(this.#self, epoch, ground.key);
      return { kind: 'claimed', epoch };
    });
  }

  release(run: RunId, epoch: number): void {
    this.transaction(() => {
      const ground = this.#ground(run);
      if (ground === undefined) throw runNotFound(run);
      if (ground.owner !== this.#self || ground.epoch !== epoch) throw notYours(run, this.#self, epoch);
      this.#statements.get("UPDATE runs SET owner = '' WHERE run_key = ?").run(ground.key);
    });
  }

  /** Writes commits in one transaction; yields now and then where it is long, so that the loop may turn. */
  *commit(commits: readonly PackedCommit[]): Generator<undefined, void> {
    this.#begin();
    try {
      for (const commit of commits) {
        const ground = fittingGround(commit, this.#ground(commit.run));
        yield* this.#write(ground, commit);
      }
      this.#end();
    } catch (error) {
      throw this.#abandoned(error);
    }
  }

  /** Takes a run out of sight, to be removed slice by slice; returns its key. */
  hideRun(run: RunId): number {
    return this.transaction(() => {
      const ground = this.#ground(run);
      if (ground === undefined) throw runNotFound(run);
      const owner = ground.owner === '' ? undefined : this.#ownerAlive(ground.owner);
      if (owner !== undefined) throw runOwned(run, owner.owner, remedyFor(owner, this.#options.judge).remedy);
      this.#statements
        .get("UPDATE runs SET state = 'deleting', owner = ? WHERE run_key = ?")
        .run(this.#self, ground.key);
      return ground.key;
    });
  }

  /** Removes some rows of a run that is out of sight; true when there was nothing left and its own row is gone. */
  removeSlice(key: number): boolean {
    return this.transaction(() => {
      if (removeBlobs(this.#statements, this.#options.judge.directory, key)) return false;
      for (const { name, key: columns, slice } of RUN_TABLES) {
        const found = `SELECT ${columns} FROM ${name} WHERE run_key = ? LIMIT ${slice}`;
        const removed = this.#statements
          .get(`DELETE FROM ${name} WHERE run_key = ? AND (${columns}) IN (${found})`)
          .run(key, key);
        if (Number(removed.changes) > 0) return false;
      }
      this.#statements.get("DELETE FROM runs WHERE run_key = ? AND state <> 'ready'").run(key);
      return true;
    });
  }

  /** Removes what of these files below `blobs/` nobody names and nobody is writing. */
  removeStrays(names: readonly string[]): void {
    this.transaction(() => removeStrays(this.#statements, this.#options.judge, names));
  }

  /** Gives some free pages back to the disk; true when few are left and will be used again. */
  vacuumSlice(): boolean {
    return this.transaction(() => {
      const free = this.#pragma('freelist_count');
      if (free < 1000 || free * 4 < this.#pragma('page_count')) return true;
      this.db.exec('PRAGMA incremental_vacuum(500)');
      return false;
    });
  }

  /**
   * What nobody will finish: keys of runs whose writing or removal was broken off, and owners that are gone and
   * own nothing; these are forgotten at once.
   */
  sweep(): { readonly keys: readonly number[]; readonly owners: readonly KeptOwner[] } {
    return this.transaction(() => {
      const hidden = this.#statements.rows("SELECT run_key, owner FROM runs WHERE state <> 'ready'");
      const keys = hidden
        .filter((row) => this.#ownerAlive(row[1] as OwnerId) === undefined)
        .map((row) => row[0] as number);
      for (const key of keys) this.#statements.get('UPDATE runs SET owner = ? WHERE run_key = ?').run(this.#self, key);
      const idle = this.#statements
        .rows('SELECT owner, host, pid, socket, boot FROM owners WHERE owner NOT IN (SELECT owner FROM runs)')
        .map(keptOwner);
      const owners = idle.filter((owner) => !isOwnerAlive(owner, this.#options.judge));
      for (const { owner } of owners) this.#statements.get('DELETE FROM owners WHERE owner = ?').run(owner);
      return { keys, owners };
    });
  }

  get #self(): OwnerId {
    return this.#options.judge.self;
  }

  #pragma(name: string): number {
    return Number(this.#statements.row(`PRAGMA ${name}`)?.[0]);
  }

  #ground(run: RunId): Ground | undefined {
    const sql = `SELECT run_key, owner, epoch, ${LAST_SEQ}, size, segments FROM runs WHERE id = ? AND state = 'ready'`;
    const row = this.#statements.row(sql, run);
    if (row === undefined) return undefined;
    const [key, owner, epoch, seq, size, segments] = row as [number, OwnerId | '', number, number, number, number];
    return { key, owner, epoch, seq, size, segments };
  }

  #owned(owner: KeptOwner): ClaimAnswer {
    const { host, pid } = owner;
    return { kind: 'owned', owner: owner.owner, host, pid, ...remedyFor(owner, this.#options.judge) };
  }

  #ownerAlive(owner: OwnerId): KeptOwner | undefined {
    return livingOwner(this.#statements, this.#options.judge, owner);
  }

  *#write(ground: Ground, commit: PackedCommit): Generator<undefined, void> {
    const { key } = ground;
    if (commit.patch !== undefined) this.#patch(key, commit.patch);
    const { jobs, values, submissions, firstSeq, transitions } = commit;
    yield* this.#putJobs(key, jobs);
    yield* inTurns(values.length, (i) => this.#putValue(key, values[i] as StoredValueRow));
    yield* inTurns(submissions.length, (i) => this.#putSubmission(key, submissions[i] as SubmissionRow));
    if (transitions.length > 0) {
      this.#statements
        .get('INSERT INTO journal VALUES (?, ?, ?, ?)')
        .run(key, firstSeq, transitions.length, transitions.data);
    }
    let segment = ground.segments;
    let size = ground.size;
    for (const graph of commit.segments) {
      for (const part of graphParts(graph)) {
        this.#putParts(key, segment, [part]);
        if (part.position > 0) yield;
      }
      segment += 1;
      size += graph.size;
    }
    if (segment > ground.segments) {
      this.#statements.get('UPDATE runs SET size = ?, segments = ? WHERE run_key = ?').run(size, segment, key);
    }
  }

  #patch(key: number, patch: RunPatch): void {
    const { status = null, detail = null, startedAt = null, endedAt = null, settings = null } = patch;
    this.#statements
      .get(`UPDATE runs SET status = coalesce(?, status), detail = coalesce(?, detail), started_at = coalesce(?, started_at),
        ended_at = coalesce(?, ended_at), settings = coalesce(?, settings) WHERE run_key = ?`)
      .run(status, detail, startedAt, endedAt, settings, key);
  }

  *#putJobs(key: number, jobs: PackedJobs): Generator<undefined, void> {
    for (let from = 0; from < jobs.length; ) {
      const fence = fenceOf(jobs, from);
      if (fence > 1) this.#statements.get(ARCHIVE).run(key, jobOf(jobs, from), fence);
      const count = fence > 1 ? 1 : alikeFrom(jobs, from, ROWS_A_STATEMENT[0]);
      const size = ROWS_A_STATEMENT.find((rows) => rows <= count) ?? 1;
      this.#putter(size).run(...rowValues(key, jobs, { from, size }));
      if (Math.floor((from + size) / ROWS_A_TURN) > Math.floor(from / ROWS_A_TURN)) yield;
      from += size;
    }
  }

  #putter(rows: number): StatementSync {
    const known = this.#putters.get(rows);
    if (known !== undefined) return known;
    const statement = this.#statements.get(putJobs(rows));
    this.#putters.set(rows, statement);
    return statement;
  }

  #putValue(key: number, row: StoredValueRow): void {
    if (row.value.codec === 'file') requireBlob(this.#options.judge.directory, row.value);
    this.#statements
      .get(`INSERT INTO vals VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET codec = excluded.codec,
        body = excluded.body, inner_codec = excluded.inner_codec, size = excluded.size`)
      .run(key, row.job, ...valueColumns(row.value));
  }

  #putSubmission(key: number, row: SubmissionRow): void {
    this.#statements
      .get(`INSERT INTO submissions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET backend = excluded.backend,
        handle = excluded.handle, at = excluded.at`)
      .run(key, row.id, row.backend, row.handle, row.at);
  }

  #putParts(key: number, segment: number, parts: readonly GraphPart[]): void {
    const put = this.#statements.get('INSERT INTO graphs VALUES (?, ?, ?, ?, ?)');
    for (const { position, crc, data } of parts) put.run(key, segment, position, crc, data);
  }

  /** Everything, or nothing. */
  transaction<Answer>(work: () => Answer): Answer {
    this.#begin();
    try {
      const answer = work();
      this.#end();
      return answer;
    } catch (error) {
      throw this.#abandoned(error);
    }
  }

  #begin(): void {
    if (this.#broken !== undefined) throw uncertain(this.#options.connection.path, this.#broken);
    try {
      this.#hook?.('begin');
      this.db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      throw this.#abandoned(error);
    }
  }

  #end(): void {
    this.#committing = true;
    this.#hook?.('commit');
    this.db.exec('COMMIT');
    this.#committing = false;
  }

  /** Undoes what was begun; what cannot be undone for certain ends the writer. Returns what to throw. */
  #abandoned(error: unknown): unknown {
    const inCommit = this.#committing;
    this.#committing = false;
    try {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
    } catch (rollback) {
      this.#broken = rollback;
    }
    if (inCommit && ((sqliteCode(error) ?? 0) & 0xff) === 10) this.#broken = error;
    if (this.#broken !== undefined) return uncertain(this.#options.connection.path, error);
    return isBusy(error) ? error : storeError(error, inCommit ? 'commit' : 'work', this.#options.connection.path);
  }
}

function* inTurns(count: number, each: (i: number) => void): Generator<undefined, void> {
  for (let i = 0; i < count; i += 1) {
    each(i);
    if ((i + 1) % ROWS_A_TURN === 0) yield;
  }
}
