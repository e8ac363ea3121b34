import { hostname } from 'node:os';
import type { SQLOutputValue } from 'node:sqlite';
import pg from 'pg';
import {
  type AttemptRow,
  type ClaimAnswer,
  type ExperimentRow,
  type FinalJobs,
  type Graph,
  isFinal,
  type JobRow,
  type NewRun,
  newOwnerId,
  type OwnerId,
  type OwnerRecord,
  packFinals,
  type RunCommit,
  type RunFilter,
  type RunId,
  type RunRow,
  type Status,
  type Store,
  type SubmissionRow,
  type Transition,
  type Value,
} from '../../../src/model/index.ts';
import { systemRandom } from '../../../src/process/index.ts';
import { GraphAssembly, type GraphPart, graphParts } from '../../../src/store/graph-format.ts';
import { packTransitions, unpackTransitions } from '../../../src/store/journal-format.ts';
import {
  ATTEMPT_COLUMNS,
  attemptOf,
  EXPERIMENT_COLUMNS,
  experimentOf,
  JOB_COLUMNS,
  jobOf,
  LAST_SEQ,
  RUN_COLUMNS,
  runOf,
  submissionOf,
  valueColumns,
  valueOf,
} from '../../../src/store/rows.ts';
import { fittingGround, notYours, runExists, runNotFound, runOwned } from '../../../src/store/store-rules.ts';
import { JOB_RECORD, SCHEMA } from './postgres-schema.ts';

type Row = readonly SQLOutputValue[];
type Client = pg.ClientBase;

const KEY = '(SELECT run_key FROM runs WHERE id = $1)';
const BATCH = 4096;
/** The first half of the key of every owner's advisory lock. */
const LOCKS = 0x4864;

interface Ground {
  readonly key: number;
  readonly owner: OwnerId | '';
  readonly epoch: number;
  readonly seq: number;
  readonly size: number;
  readonly segments: number;
}

/**
 * The contract `Store` over PostgreSQL, as thin as it goes: it proves that the contract asks for nothing only SQLite
 * can do. An owner lives as long as the session that holds its advisory lock.
 */
export class PostgresStore implements Store {
  readonly durability = 'full';
  readonly keepsJobs = true;
  readonly owner: OwnerId = newOwnerId(systemRandom);
  readonly #pool: pg.Pool;
  readonly #session: pg.PoolClient;
  /** Writes go one after another, in the order they came. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(pool: pg.Pool, session: pg.PoolClient) {
    this.#pool = pool;
    this.#session = session;
  }

  /** `schema` is made when it is not there. */
  static async open(connectionString: string, schema: string): Promise<PostgresStore> {
    const types = new pg.TypeOverrides();
    types.setTypeParser(pg.types.builtins.INT8, Number);
    const pool = new pg.Pool({ connectionString, max: 4, types, options: `-c search_path=${schema}` });
    const session = await pool.connect();
    const store = new PostgresStore(pool, session);
    await session.query('SELECT pg_advisory_lock($1, 0)', [LOCKS]);
    const there = await store.#rows('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
    if (there.length === 0) await session.query(`CREATE SCHEMA ${schema}; ${SCHEMA}`);
    await session.query('SELECT pg_advisory_unlock($1, 0)', [LOCKS]);
    const added = await store.#rows('INSERT INTO owners (owner, host, pid) VALUES ($1, $2, $3) RETURNING lock', [
      store.owner,
      hostname(),
      process.pid,
    ]);
    await session.query('SELECT pg_advisory_lock($1, $2)', [LOCKS, added[0]?.[0]]);
    return store;
  }

  async createRun(run: NewRun, graph: Graph): Promise<void> {
    await this.#write(async (client) => {
      const { id, name, status, detail, size, createdAt, startedAt, endedAt, fingerprint, settings } = run;
      const { experiment, point } = run;
      const added = await client.query({
        text: `INSERT INTO runs (id, name, status, detail, size, created_at, started_at, ended_at, fingerprint, settings,
          owner, experiment, point, epoch, segments) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, 1)
          ON CONFLICT DO NOTHING RETURNING run_key`,
        values: [
          ...[id, name, status, detail, size, createdAt, startedAt, endedAt, fingerprint, settings, this.owner],
          ...[experiment, point],
        ],
        rowMode: 'array',
      });
      const key = (added.rows as number[][])[0]?.[0];
      if (key === undefined) throw runExists(id);
      await putGraph(client, { key, segment: 0 }, graph);
    });
  }

  claimRun(run: RunId): Promise<ClaimAnswer> {
    return this.#write(async (client) => {
      const ground = await groundOf(client, run);
      if (ground === undefined) return { kind: 'not-found' };
      if (ground.owner === this.owner) return { kind: 'claimed', epoch: ground.epoch };
      const owner = await this.#ownerRecord(ground.owner);
      if (owner?.alive === true) return { kind: 'owned', owner: owner.owner, host: owner.host, pid: owner.pid };
      const epoch = ground.epoch + 1;
      await client.query('UPDATE runs SET owner = $2, epoch = $3 WHERE run_key = $1', [ground.key, this.owner, epoch]);
      return { kind: 'claimed', epoch };
    });
  }

  async ownerOf(run: RunId): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    const row = await this.run(run);
    if (row === undefined) throw runNotFound(run);
    return row.owner === '' ? undefined : this.#ownerRecord(row.owner);
  }

  releaseRun(run: RunId, epoch: number): Promise<void> {
    return this.#write(async (client) => {
      const ground = await groundOf(client, run);
      if (ground === undefined) throw runNotFound(run);
      if (ground.owner !== this.owner || ground.epoch !== epoch) throw notYours(run, this.owner, epoch);
      await client.query("UPDATE runs SET owner = '' WHERE run_key = $1", [ground.key]);
    });
  }

  commit(commits: readonly RunCommit[]): Promise<void> {
    return this.#write(async (client) => {
      for (const commit of commits) {
        const ground = fittingGround(commit, await groundOf(client, commit.run));
        await putCommit(client, ground, commit);
      }
    });
  }

  async run(id: RunId): Promise<RunRow | undefined> {
    const [row] = await this.#rows(`SELECT ${RUN_COLUMNS} FROM runs WHERE id = $1`, [id]);
    return row === undefined ? undefined : runOf(row);
  }

  async runs({ statuses, name, experiment, before, limit }: RunFilter): Promise<readonly RunRow[]> {
    const sql = `SELECT ${RUN_COLUMNS} FROM runs WHERE ($1::text[] IS NULL OR status = ANY($1))
      AND ($2::text IS NULL OR name = $2) AND ($3::text IS NULL OR id < $3)
      AND ($5::text IS NULL OR experiment = $5) ORDER BY id DESC LIMIT $4`;
    const values = [statuses ?? null, name ?? null, before ?? null, limit ?? null, experiment ?? null];
    const rows = await this.#rows(sql, values);
    return rows.map(runOf);
  }

  async graph(run: RunId): Promise<readonly Graph[]> {
    const sql = `SELECT segment, position, data, crc FROM graphs WHERE run_key = ${KEY} ORDER BY segment, position`;
    const segments = new Map<number, GraphPart[]>();
    for (const [segment, position, data, crc] of await this.#ofRun(run, sql)) {
      const parts = segments.get(segment as number) ?? [];
      parts.push({ position: position as number, data: data as Uint8Array, crc: crc as number });
      segments.set(segment as number, parts);
    }
    return [...segments].map(([segment, parts]) => assembled(`${run}, ${segment}`, parts));
  }

  async *jobs(run: RunId, from = 0): AsyncGenerator<readonly JobRow[]> {
    const sql = `SELECT ${JOB_COLUMNS} FROM jobs WHERE run_key = ${KEY} AND job >= $2 ORDER BY job LIMIT ${BATCH}`;
    for (let next = from; ; ) {
      const rows = (await this.#ofRun(run, sql, [next])).map(jobOf);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows;
      if (rows.length < BATCH) return;
      next = last.job + 1;
    }
  }

  async *finals(run: RunId): AsyncGenerator<FinalJobs> {
    for await (const rows of this.jobs(run)) yield packFinals(rows);
  }

  async *unfinished(run: RunId): AsyncGenerator<readonly JobRow[]> {
    for await (const rows of this.jobs(run)) yield rows.filter((row) => !isFinal(row.status));
  }

  async counts(run: RunId): Promise<ReadonlyMap<Status, number>> {
    const rows = await this.#ofRun(run, `SELECT status, count(*) FROM jobs WHERE run_key = ${KEY} GROUP BY status`);
    return new Map(rows.map((row) => [row[0] as Status, row[1] as number]));
  }

  async job(run: RunId, index: number): Promise<JobRow | undefined> {
    const sql = `SELECT ${JOB_COLUMNS} FROM jobs WHERE run_key = ${KEY} AND job = $2`;
    const [row] = await this.#ofRun(run, sql, [index]);
    return row === undefined ? undefined : jobOf(row);
  }

  async attempts(run: RunId, index: number): Promise<readonly AttemptRow[]> {
    const sql = `SELECT ${ATTEMPT_COLUMNS} FROM attempts WHERE run_key = ${KEY} AND job = $2 ORDER BY fence`;
    return (await this.#ofRun(run, sql, [index])).map(attemptOf);
  }

  async values(run: RunId, jobs: readonly number[]): Promise<readonly (Value | undefined)[]> {
    const sql = `SELECT job, codec, body, bytes, inner_codec, size FROM vals WHERE run_key = ${KEY} AND job = ANY($2)`;
    const found = new Map<number, Value>();
    for (const [job, codec, body, bytes, inner, size] of await this.#ofRun(run, sql, [jobs])) {
      // Large ones are columns like the others here: none lies in a file.
      found.set(
        job as number,
        valueOf([job, codec, body ?? bytes, inner, size] as Parameters<typeof valueOf>[0]) as Value,
      );
    }
    return jobs.map((job) => found.get(job));
  }

  async submissions(run: RunId): Promise<readonly SubmissionRow[]> {
    const sql = `SELECT id, backend, handle, at FROM submissions WHERE run_key = ${KEY} ORDER BY id`;
    return (await this.#ofRun(run, sql)).map(submissionOf);
  }

  async transitions(
    run: RunId,
    afterSeq: number,
    limit: number,
  ): Promise<readonly (Transition & { readonly seq: number })[]> {
    const sql = `SELECT first_seq, count, data FROM journal
      WHERE run_key = ${KEY} AND first_seq + count > $2 + 1 AND first_seq <= $2 + $3 ORDER BY first_seq`;
    const found: (Transition & { readonly seq: number })[] = [];
    for (const row of await this.#ofRun(run, sql, [afterSeq, limit])) {
      const [firstSeq, count, data] = row as [number, number, Uint8Array];
      found.push(...unpackTransitions({ run, firstSeq, count, data }, afterSeq, limit - found.length));
    }
    return found;
  }

  putExperiment({ name, createdAt, updatedAt, wish, settings }: ExperimentRow): Promise<void> {
    return this.#write(async (client) => {
      await client.query(
        `INSERT INTO experiments VALUES ($1, $2, $3, $4, $5)
          ON CONFLICT (name) DO UPDATE SET created_at = $2, updated_at = $3, wish = $4, settings = $5`,
        [name, createdAt, updatedAt, wish, settings],
      );
    });
  }

  async experiment(name: string): Promise<ExperimentRow | undefined> {
    const [row] = await this.#rows(`SELECT ${EXPERIMENT_COLUMNS} FROM experiments WHERE name = $1`, [name]);
    return row === undefined ? undefined : experimentOf(row);
  }

  async experiments(): Promise<readonly ExperimentRow[]> {
    return (await this.#rows(`SELECT ${EXPERIMENT_COLUMNS} FROM experiments ORDER BY name`, [])).map(experimentOf);
  }

  deleteRun(run: RunId): Promise<void> {
    return this.#write(async (client) => {
      const ground = await groundOf(client, run);
      if (ground === undefined) throw runNotFound(run);
      const owner = await this.#ownerRecord(ground.owner);
      if (owner?.alive === true) throw runOwned(run, owner.owner);
      await client.query('DELETE FROM runs WHERE run_key = $1', [ground.key]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#pool.ending) return;
    await this.#last;
    // Said aloud: the server notices a closed connection only some time later.
    await this.#session.query('SELECT pg_advisory_unlock_all()');
    this.#session.release();
    await this.#pool.end();
  }

  async #ownerRecord(owner: OwnerId | ''): Promise<(OwnerRecord & { readonly alive: boolean }) | undefined> {
    const sql = `SELECT host, pid, EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = $2
      AND objid = lock AND granted) FROM owners WHERE owner = $1`;
    const [row] = await this.#rows(sql, [owner, LOCKS]);
    if (row === undefined || owner === '') return undefined;
    const [host, pid, alive] = row as unknown as [string, number, boolean];
    return { owner, host, pid, socket: '', alive };
  }

  async #rows(text: string, values: readonly unknown[]): Promise<Row[]> {
    return (await this.#pool.query({ text, values: [...values], rowMode: 'array' })).rows as Row[];
  }

  /** Rows of a run; none at all: is it there? */
  async #ofRun(run: RunId, text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const rows = await this.#rows(text, [run, ...values]);
    if (rows.length === 0 && (await this.run(run)) === undefined) throw runNotFound(run);
    return rows;
  }

  #write<Answer>(work: (client: Client) => Promise<Answer>): Promise<Answer> {
    const done = this.#last.then(() => this.#transaction(work));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #transaction<Answer>(work: (client: Client) => Promise<Answer>): Promise<Answer> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      const answer = await work(client);
      await client.query('COMMIT');
      return answer;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }
}

/** A run's row, locked until the transaction ends. */
async function groundOf(client: Client, run: RunId): Promise<Ground | undefined> {
  await client.query('SELECT 1 FROM runs WHERE id = $1 FOR UPDATE', [run]);
  const text = `SELECT run_key, owner, epoch, ${LAST_SEQ}, size, segments FROM runs WHERE id = $1`;
  const [row] = (await client.query({ text, values: [run], rowMode: 'array' })).rows as unknown[][];
  if (row === undefined) return undefined;
  const [key, owner, epoch, seq, size, segments] = row as [number, OwnerId | '', number, number, number, number];
  return { key, owner, epoch, seq, size, segments };
}

async function putCommit(client: Client, ground: Ground, commit: RunCommit): Promise<void> {
  const { key } = ground;
  const { status = null, detail = null, startedAt = null, endedAt = null, settings = null } = commit.patch ?? {};
  const grown = commit.segments.reduce((sum, segment) => sum + segment.size, 0);
  await client.query(
    `UPDATE runs SET status = coalesce($2, status), detail = coalesce($3, detail), started_at = coalesce($4, started_at),
      ended_at = coalesce($5, ended_at), settings = coalesce($6, settings), size = size + $7, segments = segments + $8
      WHERE run_key = $1`,
    [key, status, detail, startedAt, endedAt, settings, grown, commit.segments.length],
  );
  for (const wave of waves(commit.jobs)) await putJobs(client, key, wave);
  for (const { job, value } of commit.values) {
    const [codec, body, inner, size] = valueColumns(value);
    const [text, bytes] = typeof body === 'string' ? [body, null] : [null, body];
    await client.query(
      `INSERT INTO vals VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run_key, job) DO UPDATE SET
        codec = $3, body = $4, bytes = $5, inner_codec = $6, size = $7`,
      [key, job, codec, text, bytes, inner, size],
    );
  }
  for (const { id, backend, handle, at } of commit.submissions) {
    const put =
      'INSERT INTO submissions VALUES ($1, $2, $3, $4, $5) ON CONFLICT (run_key, id) DO UPDATE SET handle = $4';
    await client.query(put, [key, id, backend, handle, at]);
  }
  if (commit.transitions.length > 0) {
    const packed = packTransitions(commit.transitions);
    await client.query('INSERT INTO journal VALUES ($1, $2, $3, $4)', [
      key,
      commit.firstSeq,
      commit.transitions.length,
      packed,
    ]);
  }
  for (const [i, segment] of commit.segments.entries()) {
    await putGraph(client, { key, segment: ground.segments + i }, segment);
  }
}

/** Rows in groups in which no job comes twice: one statement may touch a row but once. */
function waves(rows: readonly JobRow[]): readonly (readonly JobRow[])[] {
  const found: JobRow[][] = [];
  let seen = new Set<number>();
  for (const row of rows) {
    if (seen.has(row.job) || found.length === 0) {
      found.push([]);
      seen = new Set();
    }
    seen.add(row.job);
    found.at(-1)?.push(row);
  }
  return found;
}

async function putJobs(client: Client, key: number, rows: readonly JobRow[]): Promise<void> {
  const records = `jsonb_to_recordset($2::jsonb) AS new (${JOB_RECORD})`;
  const values = [key, JSON.stringify(rows)];
  await client.query(
    `INSERT INTO attempts SELECT old.run_key, old.job, old.fence, old.attempt, old.backend, old."grant", old.handle,
      old.granted_at, old.started_at, old.ended_at, old.outcome
      FROM jobs old JOIN ${records} ON new.job = old.job
      WHERE old.run_key = $1 AND old.fence > 0 AND new.fence > old.fence`,
    values,
  );
  const columns = JOB_COLUMNS.split(', ').slice(1);
  await client.query(
    `INSERT INTO jobs SELECT $1, new.* FROM ${records} ON CONFLICT (run_key, job) DO UPDATE SET
      ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    values,
  );
}

async function putGraph(
  client: Client,
  { key, segment }: { readonly key: number; readonly segment: number },
  graph: Graph,
): Promise<void> {
  for (const { position, crc, data } of graphParts(graph)) {
    await client.query('INSERT INTO graphs VALUES ($1, $2, $3, $4, $5)', [key, segment, position, crc, data]);
  }
}

function assembled(key: string, parts: readonly GraphPart[]): Graph {
  const assembly = new GraphAssembly(key, parts.at(-1) as GraphPart);
  for (const part of parts.slice(0, -1)) assembly.add(part);
  const work = assembly.finish();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
