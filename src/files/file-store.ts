import { createHash, hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HeddleError, type Json } from '../model/index.ts';
import { FileReference, type TextMode } from './file-reference.ts';
import { LineEnds } from './line-ends.ts';

/** The folder of a store in the directory it was opened in: what tells that one is there. */
const FOLDER = '.heddle-files';
const CHUNK_BYTES = 1024 * 1024;
/** Content up to this is looked for before anything is written: much of it is there already. */
const SMALL_BYTES = 1024 * 1024;
/** Directories that are looked through for stores below before a new one is made. */
const MAX_LOOKED_THROUGH = 20_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS files (
    sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, name TEXT NOT NULL, mode TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** How a file is taken in. */
export interface AddFileOptions {
  /** `binary`: every byte counts; `text`: the style of line ends does not, and `\n` is what is kept. @default 'binary' */
  readonly mode?: TextMode;
  /** What it is called. @default the last part of its path */
  readonly name?: string;
}

export interface FileStoreOptions {
  /** Acknowledged content survives a loss of power too; without it, the death of the process. @default true */
  readonly durable?: boolean;
}

/** Who has a store open. */
interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** Stores that are open in this thread, by real path of their directory. SQLite's lock speaks for other threads. */
const openHere = new Map<string, FileStore>();

/**
 * Files of one directory by what they hold, and small data by name. What was acknowledged is there after any crash: content is
 * on the disk before the row that names it is committed.
 *
 * One owner at a time has it: a SQLite file in an exclusive transaction, whose lock the kernel drops with the process, however
 * that ends. So a second living owner is refused, and a dead one is in nobody's way. It belongs on a local disk.
 *
 * @example
 * await using store = await FileStore.open('study');
 * const data = await store.addFile('measured.csv', { mode: 'text' });
 * data.sha256; // the file may be deleted now
 */
export class FileStore implements AsyncDisposable {
  /** Real path of the directory it was opened in. */
  readonly directory: string;
  readonly #folder: string;
  readonly #durable: boolean;
  #db: DatabaseSync | undefined;
  #incoming = 0;

  private constructor(directory: string, db: DatabaseSync, { durable = true }: FileStoreOptions) {
    this.directory = directory;
    this.#folder = join(directory, FOLDER);
    this.#db = db;
    this.#durable = durable;
  }

  /**
   * Opens the store of a directory, making both where they are not there.
   *
   * @throws {HeddleError} STORE_LOCKED naming who has it open, STATE_CONFLICT when it would lie in another store or around one,
   * STORE_CORRUPT, STORE_UNAVAILABLE
   */
  static async open(directory: string, options: FileStoreOptions = {}): Promise<FileStore> {
    const real = madeDirectory(directory);
    if (openHere.has(real)) throw lockedBy(real, { pid: process.pid, host: hostname() });
    refuseNested(real);
    const folder = join(real, FOLDER);
    for (const part of ['content', 'incoming']) mkdirSync(join(folder, part), { recursive: true });
    const store = new FileStore(real, openDatabase(folder, real, options), options);
    openHere.set(real, store);
    try {
      store.#begin();
      return store;
    } catch (error) {
      await store.close();
      throw asStoreError(error, real);
    }
  }

  get isOpen(): boolean {
    return this.#db !== undefined;
  }

  /**
   * Takes a copy of a file in; it may be deleted afterwards. What is there already is not kept twice: the same reference comes back.
   * Resolves when the content is safe.
   *
   * @throws {HeddleError} FILE_NOT_FOUND, INPUT_INVALID when it is no file, STORE_FULL, STATE_CONFLICT when the store is closed
   */
  async addFile(path: string, { mode = 'binary', name = basename(path) }: AddFileOptions = {}): Promise<FileReference> {
    this.#opened();
    const found = await stat(path).catch((error: unknown) => {
      throw new HeddleError('FILE_NOT_FOUND', `there is no file '${path}' to be added`, { cause: error });
    });
    if (!found.isFile())
      throw new HeddleError('INPUT_INVALID', `'${path}' is no file`, { hint: 'add files one by one' });
    await using source = await open(path);
    if (found.size <= SMALL_BYTES) return await this.#takeSmall(await source.readFile(), { mode, name });
    return await this.#take(chunksOf(source), { mode, name });
  }

  /** As `addFile`, of what is in memory. */
  async addContent(
    content: string | Uint8Array,
    { mode = 'binary', name = 'content' }: AddFileOptions = {},
  ): Promise<FileReference> {
    this.#opened();
    return this.#takeSmall(Buffer.from(content as string), { mode, name });
  }

  /** What has this fingerprint, where there is such a thing. */
  file(sha256: string): FileReference | undefined {
    const row = this.#opened().prepare('SELECT size, name, mode FROM files WHERE sha256 = ?').get(sha256);
    if (row === undefined) return undefined;
    const { size, name, mode } = row as { size: number; name: string; mode: TextMode };
    return new FileReference({ sha256, size, name, mode, path: this.#contentPath(sha256) });
  }

  /** All files, by fingerprint. */
  files(): readonly FileReference[] {
    const rows = this.#opened().prepare('SELECT sha256 FROM files ORDER BY sha256').all();
    return rows.flatMap(({ sha256 }) => this.file(sha256 as string) ?? []);
  }

  /** Keeps data under a name, in place of what was there; safe when it returns. */
  putObject(key: string, value: Json): void {
    this.#opened().prepare('INSERT OR REPLACE INTO objects VALUES (?, ?)').run(key, JSON.stringify(value));
  }

  object(key: string): Json | undefined {
    const row = this.#opened().prepare('SELECT json FROM objects WHERE key = ?').get(key);
    return row === undefined ? undefined : (JSON.parse(row['json'] as string) as Json);
  }

  /** Gives the directory back: whoever wants to may open it again. Closing twice is the same as once. */
  async close(): Promise<void> {
    if (this.#db === undefined) return;
    // First the word of who it was, then the lock: the next owner writes its own.
    rmSync(join(this.#folder, 'owner.json'), { force: true });
    this.#db.close();
    this.#db = undefined;
    openHere.delete(this.directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #takeSmall(bytes: Uint8Array, options: Required<AddFileOptions>): Promise<FileReference> {
    const lineEnds = new LineEnds();
    const plain = options.mode === 'text' ? Buffer.concat([lineEnds.push(bytes), lineEnds.end()]) : bytes;
    return (await this.#known(hash('sha256', plain), plain.length)) ?? this.#take([plain], options);
  }

  /** What is there of it. Only what lies there whole is known: somebody may have tidied up. */
  async #known(sha256: string, size: number): Promise<FileReference | undefined> {
    const known = this.file(sha256);
    return known !== undefined && (await stat(known.path).catch(() => undefined))?.size === size ? known : undefined;
  }

  /** Copies content under a name of its own, then to the name of its hash, then commits its row. */
  async #take(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    { mode, name }: Required<AddFileOptions>,
  ): Promise<FileReference> {
    this.#incoming += 1;
    const draft = join(this.#folder, 'incoming', String(this.#incoming));
    try {
      const { sha256, size } = await this.#write(draft, chunks, mode);
      const known = await this.#known(sha256, size);
      if (known !== undefined) return known;
      await rename(draft, this.#contentPath(sha256));
      if (this.#durable) await syncDirectory(join(this.#folder, 'content'));
      this.#opened().prepare('INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?)').run(sha256, size, name, mode);
      return this.file(sha256) as FileReference;
    } catch (error) {
      throw asStoreError(error, this.directory);
    } finally {
      await rm(draft, { force: true });
    }
  }

  async #write(
    path: string,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    mode: TextMode,
  ): Promise<{ readonly sha256: string; readonly size: number }> {
    const digest = createHash('sha256');
    const lineEnds = mode === 'text' ? new LineEnds() : undefined;
    let size = 0;
    await using file = await open(path, 'wx', 0o444);
    const put = async (bytes: Uint8Array): Promise<void> => {
      digest.update(bytes);
      size += bytes.length;
      await file.writeFile(bytes);
    };
    for await (const chunk of chunks) await put(lineEnds === undefined ? chunk : lineEnds.push(chunk));
    if (lineEnds !== undefined) await put(lineEnds.end());
    if (this.#durable) await file.sync();
    return { sha256: digest.digest('hex'), size };
  }

  /** Says whose it is now, and removes what a dead owner was about to take in: nobody was told of it. */
  #begin(): void {
    const holder: Holder = { pid: process.pid, host: hostname() };
    writeFileSync(join(this.#folder, 'owner.json'), JSON.stringify(holder));
    rmSync(join(this.#folder, 'incoming'), { recursive: true, force: true });
    mkdirSync(join(this.#folder, 'incoming'));
    const content = join(this.#folder, 'content');
    for (const name of readdirSync(content))
      if (this.file(name) === undefined) rmSync(join(content, name), { force: true });
  }

  #contentPath(sha256: string): string {
    return join(this.#folder, 'content', sha256);
  }

  #opened(): DatabaseSync {
    if (this.#db !== undefined) return this.#db;
    throw new HeddleError('STATE_CONFLICT', `the file store of ${this.directory} is closed`, {
      hint: 'open it again: FileStore.open(directory)',
    });
  }
}

function madeDirectory(directory: string): string {
  const path = resolve(directory);
  try {
    mkdirSync(path, { recursive: true });
    return realpathSync(path);
  } catch (error) {
    throw new HeddleError('STORE_UNAVAILABLE', `'${path}' can't hold a file store`, {
      cause: error,
      hint: 'name a directory that may be written',
    });
  }
}

/** Opens the database and holds its lock from then on. */
function openDatabase(folder: string, directory: string, { durable = true }: FileStoreOptions): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(folder, 'files.sqlite'), { timeout: 0 });
    // What is locked once stays so: https://www.sqlite.org/pragma.html#pragma_locking_mode
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'}`);
    db.exec(`BEGIN EXCLUSIVE; ${SCHEMA}; PRAGMA user_version = 1; COMMIT`);
    return db;
  } catch (error) {
    db?.close();
    if (isLocked(error)) throw lockedBy(directory, holderOf(folder));
    throw asStoreError(error, directory);
  }
}

function holderOf(folder: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8')) as Holder;
  } catch {
    // It is about to come or to go.
    return undefined;
  }
}

function lockedBy(directory: string, holder: Holder | undefined): HeddleError {
  const isMine = holder?.pid === process.pid && holder.host === hostname();
  const who =
    holder === undefined ? 'another process' : isMine ? 'this process' : `process ${holder.pid} on ${holder.host}`;
  return new HeddleError('STORE_LOCKED', `the file store of ${directory} is open in ${who}`, {
    details: { directory, ...holder },
    hint: isMine ? 'use the one that is open, or close it first' : 'close it there, or name another directory',
  });
}

/** A store in another one, or around one, would hold the same files twice under two owners. */
function refuseNested(directory: string): void {
  for (let parent = dirname(directory); ; parent = dirname(parent)) {
    if (existsSync(join(parent, FOLDER))) throw nested(directory, parent, 'lies in');
    if (parent === dirname(parent)) break;
  }
  // One that is reopened was looked around when it was made; since then nobody could make one below it.
  const below = existsSync(join(directory, FOLDER)) ? undefined : storeBelow(directory);
  if (below !== undefined) throw nested(directory, below, 'would hold');
}

function storeBelow(directory: string): string | undefined {
  const waiting = [directory];
  for (let looked = 0; looked < MAX_LOOKED_THROUGH; looked += 1) {
    const next = waiting.shift();
    if (next === undefined) return undefined;
    for (const entry of entriesOf(next)) {
      if (!entry.isDirectory()) continue;
      if (entry.name === FOLDER) return next;
      waiting.push(join(next, entry.name));
    }
  }
  return undefined;
}

function entriesOf(directory: string): ReturnType<typeof readEntries> {
  try {
    return readEntries(directory);
  } catch {
    // Not ours to read: nobody made a store of ours there either.
    return [];
  }
}

function readEntries(directory: string) {
  return readdirSync(directory, { withFileTypes: true });
}

function nested(directory: string, other: string, how: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', `a file store in ${directory} ${how} the one of ${other}`, {
    details: { directory, other, path: relative(directory, other) || `.${sep}` },
    hint: 'use that one, or name a directory beside it',
  });
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    // A chunk of its own each time: what was given away may still be read.
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path);
  await directory.sync();
}

/** Primary codes of SQLite (sqlite.org/rescode.html). */
const SQLITE = { busy: 5, locked: 6, corrupt: 11, full: 13, noDatabase: 26 };

function sqliteCode(error: unknown): number {
  const code = (error as { readonly errcode?: unknown } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : 0;
}

function isLocked(error: unknown): boolean {
  return [SQLITE.busy, SQLITE.locked].includes(sqliteCode(error));
}

function asStoreError(error: unknown, directory: string): unknown {
  if (HeddleError.is(error)) return error;
  const code = sqliteCode(error);
  const about = (text: string): string => `the file store of ${directory} ${text}`;
  if (code === SQLITE.full || ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? ''))
    return new HeddleError('STORE_FULL', about('has no room left'), { cause: error, hint: 'free space on its disk' });
  if (code === SQLITE.corrupt || code === SQLITE.noDatabase)
    return new HeddleError('STORE_CORRUPT', about('is damaged'), { cause: error, hint: 'keep it, and use another' });
  return new HeddleError('STORE_UNAVAILABLE', about(`can't be used: ${(error as Error).message}`), { cause: error });
}
