import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  HeddleError,
  INLINE_VALUE_BYTES,
  isLargerThan,
  MAX_VALUE_BYTES,
  type OwnerId,
  type RunCommit,
  type Value,
} from '../model/index.ts';
import { blobPath, draftName, isBucketName } from './blob-names.ts';
import type { BlobRef, StoredCommit, StoredValueRow } from './rows.ts';
import { turn } from './port.ts';

/** So much is encoded, hashed or written at a time: a millisecond or two of the loop. */
const PIECE = 1 << 20;

/** Says whether a commit has values that do not go into rows. */
export function hasLargeValues(commits: readonly RunCommit[]): boolean {
  return commits.some(({ values }) => values.some(({ value }) => isLargerThan(value, INLINE_VALUE_BYTES)));
}

/**
 * Values too large for a row, each in a file by its sha256: `blobs/ab/<sha256>` in the store's directory. A file is
 * whole and on the disk before the commit that names it; equal values of any runs share one.
 */
export class BlobFiles {
  readonly #directory: string;
  readonly #owner: OwnerId;
  readonly #isFull: boolean;
  readonly #clock: Clock;
  /** Directories of which this opening knows that they are there, and on the disk. */
  readonly #made = new Set<string>();
  #drafts = 0;

  constructor(
    directory: string,
    options: { readonly owner: OwnerId; readonly durability: 'normal' | 'full'; readonly clock: Clock },
  ) {
    this.#directory = directory;
    this.#owner = options.owner;
    this.#isFull = options.durability === 'full';
    this.#clock = options.clock;
  }

  /**
   * The same commits with each large value in a file and its name in the value's place.
   *
   * @throws {HeddleError} VALUE_TOO_LARGE, STORE_FULL, STORE_IO, STORE_UNAVAILABLE; nothing half is left then
   */
  async file(commits: readonly RunCommit[]): Promise<readonly StoredCommit[]> {
    const filed: StoredCommit[] = [];
    for (const commit of commits) {
      const values: StoredValueRow[] = [];
      for (const { job, value } of commit.values) {
        if (isLargerThan(value, MAX_VALUE_BYTES)) throw tooLarge(commit, job);
        values.push({ job, value: isLargerThan(value, INLINE_VALUE_BYTES) ? await this.#write(value) : value });
      }
      filed.push({ ...commit, values });
    }
    return filed;
  }

  /**
   * Reads a value back; undefined when its file is not there.
   *
   * @throws {HeddleError} STORE_CORRUPT, STORE_IO
   */
  async read(ref: BlobRef): Promise<Value | undefined> {
    const path = blobPath(this.#directory, ref.sha256);
    let bytes: Buffer;
    try {
      await using file = await open(path, 'r');
      const { size } = await file.stat();
      if (size !== ref.size) throw damagedBlob(path, `has ${size} bytes, not ${ref.size}`);
      bytes = await file.readFile();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw blobError(error, path);
    }
    const hash = createHash('sha256');
    for (let at = 0; at < bytes.length; at += PIECE) {
      hash.update(bytes.subarray(at, at + PIECE));
      await turn(this.#clock);
    }
    if (hash.digest('hex') !== ref.sha256) throw damagedBlob(path, 'does not have the content it is named for');
    return ref.inner === 'json'
      ? { codec: 'json', json: bytes.toString() }
      : { codec: 'v8', bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }

  /** Names of all files below `blobs/`, some at a time: blobs by their hash, drafts by their owner. */
  async *names(): AsyncGenerator<readonly string[]> {
    const top = join(this.#directory, 'blobs');
    for (const entry of await listed(top)) {
      yield isBucketName(entry) ? listed(join(top, entry)) : [entry];
    }
  }

  async #write(value: Value): Promise<BlobRef> {
    const top = join(this.#directory, 'blobs');
    this.#drafts += 1;
    const draft = join(top, draftName(this.#owner, this.#drafts));
    try {
      await this.#make(top, this.#directory);
      const hash = createHash('sha256');
      let size = 0;
      const pieces = function* (): Generator<Buffer> {
        for (const piece of piecesOf(value)) {
          hash.update(piece);
          size += piece.length;
          yield piece;
        }
      };
      await using file = await open(draft, 'wx');
      await file.writeFile(pieces());
      // In `normal` too: the row may reach the disk with the next checkpoint, and must not outlive what it names.
      await file.datasync();
      const sha256 = hash.digest('hex');
      const bucket = join(top, sha256.slice(0, 2));
      await this.#make(bucket, top);
      // Over one that is there already, too: that one might be damaged.
      await rename(draft, join(bucket, sha256));
      if (this.#isFull) await syncDirectory(bucket);
      return { codec: 'file', inner: value.codec, sha256, size };
    } catch (error) {
      await rm(draft, { force: true });
      throw blobError(error, draft);
    }
  }

  async #make(directory: string, parent: string): Promise<void> {
    if (this.#made.has(directory)) return;
    await mkdir(directory, { recursive: true });
    if (this.#isFull) await syncDirectory(parent);
    this.#made.add(directory);
  }
}

async function listed(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The bytes of a value, piece by piece; a character is never cut in two. */
function* piecesOf(value: Value): Generator<Buffer> {
  if (value.codec === 'v8') {
    const { buffer, byteOffset, length } = value.bytes;
    for (let at = 0; at < length; at += PIECE) {
      yield Buffer.from(buffer, byteOffset + at, Math.min(PIECE, length - at));
    }
    return;
  }
  const { json } = value;
  for (let at = 0; at < json.length; ) {
    const end = Math.min(at + PIECE, json.length);
    const isPairCut = end < json.length && isHighSurrogate(json.charCodeAt(end - 1));
    const next = isPairCut ? end - 1 : end;
    yield Buffer.from(json.slice(at, next));
    at = next;
  }
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

async function syncDirectory(path: string): Promise<void> {
  await using directory: FileHandle = await open(path, 'r');
  await directory.sync();
}

function tooLarge(commit: RunCommit, job: number): HeddleError {
  return new HeddleError(
    'VALUE_TOO_LARGE',
    `the value of job ${job} of run ${commit.run} has more than ${MAX_VALUE_BYTES} bytes`,
    {
      details: { run: commit.run, job },
      hint: 'write it to a file and declare the file as an output',
    },
  );
}

/** The error for a file that is not what its name says. */
export function damagedBlob(path: string, what: string): HeddleError {
  return new HeddleError('STORE_CORRUPT', `the value in ${path} ${what}`, {
    details: { path },
    hint: 'put the file back from a copy, or rerun the job that made the value',
  });
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function blobError(error: unknown, path: string): unknown {
  if (HeddleError.is(error)) return error;
  const code = errnoOf(error);
  const said = error instanceof Error ? error.message : String(error);
  const init = { details: { path, errno: code }, cause: error };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new HeddleError('STORE_FULL', `no room left for a value in ${path}`, {
        ...init,
        hint: 'free space on its disk; nothing was lost, and work goes on when there is room',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HeddleError('STORE_UNAVAILABLE', `a value cannot be kept in ${path}: ${said}`, {
        ...init,
        hint: 'check who may write there',
      });
    case undefined:
      return error;
    default:
      return new HeddleError('STORE_IO', `the value in ${path} failed: ${said}`, { ...init, hint: 'check the disk' });
  }
}
