import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';

/** How a connection to the store's database is opened. Plain data: it travels to the writer's thread. */
export interface ConnectionOptions {
  /** The database's path. */
  readonly path: string;
  readonly durability: 'normal' | 'full';
  /** The only connection there is: no memory shared with other processes is needed, and none can open it. */
  readonly exclusive: boolean;
  /** Larger than so many pages it does not grow; 0: as far as the disk goes. */
  readonly maxPages: number;
}

/** The WAL is cut back to this after it had to grow (a large graph, a long reader). */
const WAL_BYTES = 64 << 20;

/** What of the tables the writer keeps in memory, in KiB: the pages that grow and those that running jobs are on. */
const CACHE_KIB = 16_384;

/** Opens the connection that writes; there is one in a store. May throw SQLITE_BUSY: try again. */
export function connectWriter(options: ConnectionOptions): DatabaseSync {
  return opened(new DatabaseSync(options.path, { timeout: 0 }), (db) => {
    // Before anything is read: in this mode SQLite keeps the index of the WAL on its own heap.
    if (options.exclusive) db.exec('PRAGMA locking_mode = EXCLUSIVE');
    // Only a database without pages heeds it; asking for it takes the lock for writing.
    if (db.prepare('PRAGMA auto_vacuum').get()?.['auto_vacuum'] !== 2) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec('PRAGMA journal_mode = WAL');
    db.exec(`PRAGMA synchronous = ${options.durability === 'full' ? 'FULL' : 'NORMAL'}`);
    db.exec(`PRAGMA journal_size_limit = ${WAL_BYTES}`);
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    // What a statement of many rows would undo is kept for the length of it: in files that took several system calls a commit.
    db.exec('PRAGMA temp_store = MEMORY');
    if (options.maxPages > 0) db.exec(`PRAGMA max_page_count = ${options.maxPages}`);
    // Takes the lock now rather than at the first write.
    if (options.exclusive) db.exec('BEGIN IMMEDIATE; COMMIT');
  });
}

/** Opens a connection that only reads, and so never waits for the writer nor lets it wait. */
export function connectReader(path: string): DatabaseSync {
  return opened(new DatabaseSync(path, { readOnly: true, timeout: 0 }), (db) => {
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  });
}

function opened(db: DatabaseSync, set: (db: DatabaseSync) => void): DatabaseSync {
  try {
    set(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A row as SQLite gives it, by position. */
export type Row = readonly SQLOutputValue[];

/** Statements of a connection, prepared when first needed. Their rows come as arrays. */
export class Statements {
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  get(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    statement.setReturnArrays(true);
    this.#prepared.set(sql, statement);
    return statement;
  }

  /** The first row. */
  row(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    // The types of node:sqlite do not know that rows may be arrays.
    return this.get(sql).get(...values) as Row | undefined;
  }

  /** All rows. */
  rows(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.get(sql).all(...values) as unknown as readonly Row[];
  }
}
