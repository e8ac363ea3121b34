import type { DatabaseSync } from 'node:sqlite';
import {
  asRunId,
  type EarlierQuery,
  type EarlierRow,
  type FileHashRow,
  type FingerprintRow,
  type FoundResult,
  type OutputState,
  type OwnerId,
  type RunId,
} from '../model/index.ts';
import { type Row, Statements } from './connection.ts';
import { isDense } from './sqlite-reader.ts';
import type { SqliteWriter } from './sqlite-writer.ts';
import { notYours, runNotFound } from './store-rules.ts';

/** The part of the writer that keeps what results were made of. Each method is one transaction. */
export class FingerprintWriter {
  readonly #writer: SqliteWriter;
  readonly #self: OwnerId;
  readonly #statements: Statements;

  constructor(writer: SqliteWriter, self: OwnerId) {
    this.#writer = writer;
    this.#self = self;
    this.#statements = new Statements(writer.db);
  }

  put(run: RunId, rows: readonly FingerprintRow[]): void {
    this.#writer.transaction(() => {
      const { key, owner, epoch } = this.#run(run);
      if (owner !== this.#self) throw notYours(run, this.#self, epoch);
      const remove = this.#statements.get('DELETE FROM fingerprints WHERE run_key = ? AND job = ? AND variant > 0');
      const forget = this.#statements.get('DELETE FROM output_states WHERE run_key = ? AND job = ?');
      for (const row of rows) {
        remove.run(key, row.job);
        forget.run(key, row.job);
        this.#insert(key, row, { variant: 0, sealed: 0 });
      }
    });
  }

  seal(run: RunId, jobs: readonly Pick<FingerprintRow, 'job' | 'fingerprint'>[]): void {
    this.#writer.transaction(() => {
      const { key } = this.#run(run);
      const seal = this.#statements.get(
        'UPDATE fingerprints SET sealed = 1 WHERE run_key = ? AND job = ? AND variant = 0 AND fingerprint = ?',
      );
      for (const { job, fingerprint } of jobs) seal.run(key, job, fingerprint);
    });
  }

  accept(run: RunId, rows: readonly FingerprintRow[]): void {
    this.#writer.transaction(() => {
      const { key } = this.#run(run);
      const last = 'SELECT max(variant) FROM fingerprints WHERE run_key = ? AND job = ?';
      for (const row of rows) {
        const variant = Number(this.#statements.row(last, key, row.job)?.[0] ?? 0) + 1;
        this.#insert(key, row, { variant, sealed: 1 });
      }
    });
  }

  keepOutputs(run: RunId, states: readonly OutputState[]): void {
    this.#writer.transaction(() => {
      const { key } = this.#run(run);
      const keep = this.#statements.get(`INSERT OR REPLACE INTO output_states
        SELECT run_key, job, ? FROM fingerprints WHERE run_key = ? AND job = ? AND variant = 0 AND at = ?`);
      for (const { job, at, state } of states) keep.run(state, key, job, at);
    });
  }

  putCode(code: readonly { readonly hash: string; readonly files: string }[]): void {
    this.#writer.transaction(() => {
      const put = this.#statements.get('INSERT OR IGNORE INTO code VALUES (?, ?)');
      for (const { hash, files } of code) put.run(hash, files);
    });
  }

  rememberFiles(rows: readonly FileHashRow[]): void {
    this.#writer.transaction(() => {
      const put = this.#statements.get('INSERT OR REPLACE INTO file_hashes VALUES (?, ?, ?)');
      for (const { inode, state, sha256 } of rows) put.run(inode, state, sha256);
    });
  }

  #insert(key: number, row: FingerprintRow, how: { readonly variant: number; readonly sealed: 0 | 1 }): void {
    const { job, fingerprint, name, task, base, components, fromRun, fromJob, note, at } = row;
    const { variant, sealed } = how;
    this.#statements
      .get('INSERT OR REPLACE INTO fingerprints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(key, job, variant, fingerprint, sealed, name, task, base, components, fromRun, fromJob, note, at);
  }

  #run(run: RunId): { readonly key: number; readonly owner: string; readonly epoch: number } {
    const row = this.#statements.row("SELECT run_key, owner, epoch FROM runs WHERE id = ? AND state = 'ready'", run);
    if (row === undefined) throw runNotFound(run);
    return { key: Number(row[0]), owner: String(row[1]), epoch: Number(row[2]) };
  }
}

/** Rows of a reused result take their components from its source, while that is there. */
const COLUMNS = `f.job, f.name, f.task, f.fingerprint, f.base,
  CASE WHEN f.from_run = '' THEN f.components ELSE coalesce((SELECT s.components FROM fingerprints s
    JOIN runs o ON o.run_key = s.run_key WHERE o.id = f.from_run AND s.job = f.from_job AND s.fingerprint = f.fingerprint
    LIMIT 1), f.components) END,
  f.from_run, f.from_job, f.note, f.at`;

const BASES = 1000;

/** Reads what results were made of, each in one statement or some alike. */
export class FingerprintReader {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#statements = new Statements(db);
  }

  /** Asked for each of a hundred thousand jobs: answered from the index alone. */
  find(fingerprints: readonly string[], except: string, skip: number): readonly (FoundResult | undefined)[] {
    const latest = this.#statements.get(`SELECT run_key, job, name FROM fingerprints INDEXED BY fingerprints_sealed
      WHERE fingerprint = ? AND sealed = 1 ORDER BY run_key DESC, job DESC`);
    const first = this.#statements.get(`SELECT run_key, job, name FROM fingerprints INDEXED BY fingerprints_sealed
      WHERE fingerprint = ? AND sealed = 1 ORDER BY run_key DESC, job DESC LIMIT 1`);
    const runs = new Map<number, RunId | ''>();
    return this.#atOnce(() =>
      fingerprints.map((fingerprint) => {
        let left = skip;
        if (skip === 0) {
          const row = first.get(fingerprint) as Row | undefined;
          if (row === undefined) return undefined;
          const run = runs.get(row[0] as number) ?? '';
          if (run !== '' && run !== except) return { run, job: row[1] as number, name: row[2] as string };
        }
        for (const row of latest.iterate(fingerprint) as unknown as Iterable<Row>) {
          const key = Number(row[0]);
          let run = runs.get(key);
          if (run === undefined) runs.set(key, (run = this.#readyRun(key)));
          if (run === '' || run === except) continue;
          if (left === 0) return { run, job: Number(row[1]), name: String(row[2]) };
          left -= 1;
        }
        return undefined;
      }),
    );
  }

  /** Many reads in one transaction: one each would take three times as long. */
  #atOnce<Answer>(read: () => Answer): Answer {
    // Where there is only one connection the writer may be at one.
    if (this.#db.isTransaction) return read();
    this.#db.exec('BEGIN');
    try {
      return read();
    } finally {
      this.#db.exec('COMMIT');
    }
  }

  /** Empty for one that is being removed. */
  #readyRun(key: number): RunId | '' {
    const row = this.#statements.row("SELECT id FROM runs WHERE run_key = ? AND state = 'ready'", key);
    return row === undefined ? '' : asRunId(String(row[0]));
  }

  of(run: RunId, jobs: readonly number[]): readonly (FingerprintRow | undefined)[] {
    const key = this.#key(run);
    const sql = `SELECT ${COLUMNS} FROM fingerprints f WHERE f.run_key = ? AND f.job = ? AND f.variant = 0`;
    return this.#atOnce(() =>
      jobs.map((job) => {
        const row = this.#statements.row(sql, key, job);
        return row === undefined ? undefined : rowOf(row);
      }),
    );
  }

  /** As `find`, asked for each of a hundred thousand: of jobs that lie together in one go. */
  outputStates(run: RunId, jobs: readonly number[]): readonly (string | undefined)[] {
    const key = this.#key(run);
    const sql = 'SELECT job, state FROM output_states WHERE run_key = ? AND job';
    const isRange = isDense(jobs);
    const rows = isRange
      ? this.#statements.rows(`${sql} BETWEEN ? AND ?`, key, jobs[0] as number, jobs.at(-1) as number)
      : this.#atOnce(() => jobs.map((job) => this.#statements.row(`${sql} = ?`, key, job)));
    if (!isRange) return rows.map((row) => row?.[1] as string | undefined);
    let next = 0;
    return jobs.map((job) => {
      while (next < rows.length && (rows[next]?.[0] as number) < job) next += 1;
      return rows[next]?.[0] === job ? (rows[next]?.[1] as string) : undefined;
    });
  }

  has(run: RunId): boolean {
    return this.#statements.row('SELECT 1 FROM fingerprints WHERE run_key = ? LIMIT 1', this.#key(run)) !== undefined;
  }

  countReused(run: RunId): number {
    const row = this.#statements.row(
      `SELECT count(*) FROM fingerprints f JOIN jobs j ON j.run_key = f.run_key AND j.job = f.job
        WHERE f.run_key = ? AND f.variant = 0 AND f.from_run <> '' AND j.status = 'done'`,
      this.#key(run),
    );
    return Number(row?.[0] ?? 0);
  }

  earlier({ task, name, before, except, limit }: EarlierQuery): readonly EarlierRow[] {
    const rows = this.#statements.rows(
      `SELECT ${COLUMNS}, r.id FROM fingerprints f JOIN runs r ON r.run_key = f.run_key
        WHERE f.task = ? ${name === undefined ? '' : 'AND f.name = ?'} AND f.at < ? AND r.state = 'ready' AND r.id <> ?
        ORDER BY f.at DESC, f.run_key DESC LIMIT ?`,
      ...[task, ...(name === undefined ? [] : [name]), before ?? Number.MAX_SAFE_INTEGER, except ?? '', limit],
    );
    return rows.map((row) => ({ ...rowOf(row), run: asRunId(String(row[10])) }));
  }

  bases(task: string): readonly string[] {
    return this.#statements
      .rows(
        `SELECT f.base FROM fingerprints f WHERE f.task = ? AND f.sealed = 1
          GROUP BY f.base ORDER BY max(f.at) DESC LIMIT ${BASES}`,
        task,
      )
      .map(([base]) => String(base));
  }

  dependents(run: RunId): readonly RunId[] {
    return this.#statements
      .rows(
        `SELECT DISTINCT r.id FROM fingerprints f JOIN runs r ON r.run_key = f.run_key
          WHERE f.from_run = ? AND r.state = 'ready' ORDER BY r.id`,
        run,
      )
      .map(([id]) => asRunId(String(id)));
  }

  code(hash: string): string | undefined {
    const row = this.#statements.row('SELECT files FROM code WHERE hash = ?', hash);
    return row === undefined ? undefined : String(row[0]);
  }

  fileHashes(inodes: readonly string[]): readonly (FileHashRow | undefined)[] {
    const get = this.#statements.get('SELECT state, sha256 FROM file_hashes WHERE inode = ?');
    return this.#atOnce(() =>
      inodes.map((inode) => {
        const row = get.get(inode) as Row | undefined;
        return row === undefined ? undefined : { inode, state: String(row[0]), sha256: String(row[1]) };
      }),
    );
  }

  #key(run: RunId): number {
    const row = this.#statements.row("SELECT run_key FROM runs WHERE id = ? AND state = 'ready'", run);
    if (row === undefined) throw runNotFound(run);
    return Number(row[0]);
  }
}

function rowOf(row: Row): FingerprintRow {
  const [job, name, task, fingerprint, base, components, fromRun, fromJob, note, at] = row;
  return {
    job: Number(job),
    name: String(name),
    task: String(task),
    fingerprint: String(fingerprint),
    base: String(base),
    components: String(components),
    fromRun: String(fromRun) as RunId | '',
    fromJob: Number(fromJob),
    note: String(note),
    at: Number(at),
  };
}
