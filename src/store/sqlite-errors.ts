import { HeddleError } from '../model/index.ts';

/** Primary result codes of SQLite that we tell apart (sqlite.org/rescode.html). */
const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** What was under way when SQLite failed: once COMMIT is under way, a failed write may still have reached the disk. */
export type SqlitePhase = 'open' | 'work' | 'commit';

/** The extended result code of an error of `node:sqlite`; undefined for any other. */
export function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** Says whether somebody else had the lock, so that the same thing may be tried again: nothing was changed. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && ((code & 0xff) === BUSY || (code & 0xff) === LOCKED);
}

/** Turns what SQLite threw into the store's words. What is no error of SQLite is passed on unchanged. */
export function storeError(error: unknown, phase: SqlitePhase, database: string): unknown {
  const extended = sqliteCode(error);
  if (extended === undefined) return error;
  const said = error instanceof Error ? error.message : String(error);
  const init = { details: { database, sqlite: extended }, cause: error };
  switch (extended & 0xff) {
    case BUSY:
    case LOCKED:
      return new HeddleError('STORE_BUSY', `the store ${database} is being written by somebody else`, {
        ...init,
        hint: 'try again; if it stays so, see which process holds the file',
      });
    case FULL:
      return new HeddleError('STORE_FULL', `no room left for the store ${database}`, {
        ...init,
        hint: 'free space on its disk; nothing was lost, and work goes on when there is room',
      });
    case CORRUPT:
    case NOTADB:
      return new HeddleError('STORE_CORRUPT', `the store ${database} is damaged: ${said}`, {
        ...init,
        hint: 'keep the file; `sqlite3 store.db .recover` may save what is readable',
      });
    case CANTOPEN:
    case PERM:
    case READONLY:
      return new HeddleError('STORE_UNAVAILABLE', `the store ${database} cannot be opened for writing: ${said}`, {
        ...init,
        hint: 'check that the directory exists and may be written',
      });
    case IOERR:
      return phase === 'commit' ? uncertain(database, error) : ioError(database, said, init);
    default:
      return ioError(database, said, init);
  }
}

/**
 * The error after which nobody knows whether the last commit is on the disk. A failed fsync is never
 * tried again: the kernel may have dropped the pages and would then report success (fsyncgate, 2018).
 */
export function uncertain(database: string, cause: unknown): HeddleError {
  return new HeddleError('STORE_UNCERTAIN', `the store ${database} could not say whether its last commit was written`, {
    details: { database },
    hint: 'open the store again and read before writing; check the disk',
    cause,
  });
}

/** The error of a row that does not say what it should. */
export function corrupt(table: string, key: string, what: string): HeddleError {
  return new HeddleError('STORE_CORRUPT', `table ${table}, row ${key}: ${what}`, {
    details: { table, key },
    hint: 'the row was written by something else or was damaged; keep the file and report it',
  });
}

function ioError(
  database: string,
  said: string,
  init: { readonly details: object; readonly cause: unknown },
): HeddleError {
  return new HeddleError('STORE_IO', `the store ${database} failed: ${said}`, { ...init, hint: 'check the disk' });
}
