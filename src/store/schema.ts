import type { DatabaseSync } from 'node:sqlite';
import { HeddleError } from '../model/index.ts';

/** Marks the file as ours: 'Hddl'. */
export const APPLICATION_ID = 0x4864646c;

/**
 * The schema, step by step. A step that has been released is never edited: what changes is a new step.
 * Each runs in one transaction with its `user_version`, so a store is always exactly at one of them.
 *
 * Times are REAL, since a clock may tell fractions of a millisecond; SQLite keeps whole ones as integers.
 * `run_key` stands for a run in all tables, so that what a run has is one range of keys in each, and
 * removing it is a range delete. It is never used twice (AUTOINCREMENT): a writer may remember it.
 * The last sequence number of a run is that of its journal: a commit leaves the row of `runs`, which may be large, alone.
 * `runs.state`: `writing` (its graph is still being written), `ready`, `deleting`. Only `ready` ones are seen.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE runs (
    run_key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    settings TEXT NOT NULL,
    owner TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    segments INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE graphs (
    run_key INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    position INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run_key, segment, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE jobs (
    run_key INTEGER NOT NULL,
    job INTEGER NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    fence INTEGER NOT NULL,
    charged INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    attempt TEXT NOT NULL,
    backend TEXT NOT NULL,
    "grant" TEXT NOT NULL,
    submission TEXT NOT NULL,
    element INTEGER NOT NULL,
    handle TEXT NOT NULL,
    granted_at REAL NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    wake_at REAL NOT NULL,
    flags INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (run_key, job)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE attempts (
    run_key INTEGER NOT NULL,
    job INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    attempt TEXT NOT NULL,
    backend TEXT NOT NULL,
    "grant" TEXT NOT NULL,
    handle TEXT NOT NULL,
    granted_at REAL NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (run_key, job, fence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE vals (
    run_key INTEGER NOT NULL,
    job INTEGER NOT NULL,
    codec TEXT NOT NULL,
    body ANY NOT NULL,
    inner_codec TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run_key, job)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE submissions (
    run_key INTEGER NOT NULL,
    id TEXT NOT NULL,
    backend TEXT NOT NULL,
    handle TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (run_key, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE journal (
    run_key INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run_key, first_seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE owners (
    owner TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    pid INTEGER NOT NULL,
    socket TEXT NOT NULL,
    opened_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};`,
  // Values in files: who names a file, and which files a run names.
  `CREATE INDEX blobs_by_hash ON vals (body) WHERE codec = 'file';
  CREATE INDEX blobs_by_run ON vals (run_key) WHERE codec = 'file';`,
  // Experiments: many runs, each of a point.
  `ALTER TABLE runs ADD COLUMN experiment TEXT NOT NULL DEFAULT '';
  ALTER TABLE runs ADD COLUMN point TEXT NOT NULL DEFAULT '';
  CREATE INDEX runs_by_experiment ON runs (experiment, id) WHERE experiment <> '';
  CREATE TABLE experiments (
    name TEXT PRIMARY KEY,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    wish TEXT NOT NULL,
    settings TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;`,
  // What results were made of. `variant` 0 is what a job ran under, others were accepted for its result.
  `CREATE TABLE fingerprints (
    run_key INTEGER NOT NULL,
    job INTEGER NOT NULL,
    variant INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    sealed INTEGER NOT NULL,
    name TEXT NOT NULL,
    task TEXT NOT NULL,
    base TEXT NOT NULL,
    components TEXT NOT NULL,
    from_run TEXT NOT NULL,
    from_job INTEGER NOT NULL,
    note TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (run_key, job, variant)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX fingerprints_sealed ON fingerprints (fingerprint, run_key, job, name) WHERE sealed = 1;
  CREATE INDEX fingerprints_by_name ON fingerprints (task, name, at);
  CREATE INDEX fingerprints_by_source ON fingerprints (from_run, run_key) WHERE from_run <> '';
  CREATE TABLE code (hash TEXT PRIMARY KEY, files TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE file_hashes (
    inode TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    sha256 TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;`,
  // The runs of one point: looked for whenever one is started.
  `CREATE INDEX runs_by_point ON runs (experiment, point) WHERE experiment <> '';`,
  // What the file system said of the outputs of results: asked about each of a hundred thousand, so apart from what is wide.
  `CREATE TABLE output_states (
    run_key INTEGER NOT NULL,
    job INTEGER NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (run_key, job)
  ) STRICT, WITHOUT ROWID;`,
];

/** Tables whose rows belong to a run: their keys, and how many rows go in one slice of a removal. */
export const RUN_TABLES: readonly { readonly name: string; readonly key: string; readonly slice: number }[] = [
  { name: 'journal', key: 'first_seq', slice: 200 },
  { name: 'jobs', key: 'job', slice: 2000 },
  { name: 'attempts', key: 'job, fence', slice: 2000 },
  { name: 'vals', key: 'job', slice: 1000 },
  { name: 'submissions', key: 'id', slice: 2000 },
  { name: 'fingerprints', key: 'job, variant', slice: 1000 },
  { name: 'output_states', key: 'job', slice: 2000 },
  { name: 'graphs', key: 'segment, position', slice: 2 },
];

/**
 * Brings a store up to this program's schema; a step that another process is at is waited for by the caller
 * (SQLITE_BUSY). A store left between two steps goes on from there.
 *
 * @throws {HeddleError} STORE_NEWER, STORE_CORRUPT when the file is somebody else's
 */
export function migrate(db: DatabaseSync, database: string, steps: readonly string[] = MIGRATIONS): void {
  // A look without a lock: opening a store that is up to date must not wait for its writer.
  if (versionOf(db, database, steps.length) === steps.length) return;
  for (let done = false; !done; ) {
    db.exec('BEGIN IMMEDIATE');
    try {
      const version = versionOf(db, database, steps.length);
      const step = steps[version];
      if (step !== undefined) db.exec(`${step}; PRAGMA user_version = ${version + 1}`);
      db.exec('COMMIT');
      done = version + 1 >= steps.length;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

function versionOf(db: DatabaseSync, database: string, known: number): number {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  const application = Number(db.prepare('PRAGMA application_id').get()?.['application_id']);
  const empty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (application !== APPLICATION_ID && !empty) {
    throw new HeddleError('STORE_CORRUPT', `${database} is a database, but none of Heddle's`, {
      details: { database, application },
      hint: 'name another directory for the store',
    });
  }
  if (version > known) {
    throw new HeddleError(
      'STORE_NEWER',
      `the store ${database} has schema ${version}, this program knows up to ${known}`,
      { details: { database, found: version, known }, hint: 'use the newer heddle that wrote it' },
    );
  }
  return version;
}
