import { createHash, hash } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** Files up to this are read at once: a thread's round trip costs more than the reading. */
const SMALL_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const REMEMBERED = 10_000;
/** A file may be written again within one tick of its clock and keep its times; so young ones are not remembered. */
const RACY_MS = 50n;

/** What a file holds: its name and place apart. */
export interface FileIdentity {
  readonly sha256: string;
  readonly size: number;
}

/**
 * Hashes files by sha256, and remembers it by inode, size, ctime and mtime, so that a file that was not touched is
 * read once. Give it the wall clock, in milliseconds.
 */
export class FileHasher {
  readonly #now: () => number;
  readonly #known = new Map<string, string>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Hashes a small file at once; undefined when it is not small or changes under our eyes: then `hash` takes it.
   * Errors of the file system are thrown as they are.
   */
  hashSmall(path: string): FileIdentity | undefined {
    const fd = openSync(path, 'r');
    try {
      const before = fstatSync(fd, { bigint: true });
      const known = this.#recall(before);
      if (known !== undefined) return known;
      if (before.size > SMALL_BYTES) return undefined;
      const bytes = readFileSync(fd);
      if (!isSame(before, fstatSync(fd, { bigint: true })) || bytes.length !== Number(before.size)) return undefined;
      return this.#remember(before, hash('sha256', bytes, 'hex'));
    } finally {
      closeSync(fd);
    }
  }

  /** Hashes a file of any size. One that changes while it is read is read again, three times at most. */
  async hash(path: string): Promise<FileIdentity | { readonly unsteady: true }> {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await using file = await open(path, 'r');
      const before = await file.stat({ bigint: true });
      const known = this.#recall(before);
      if (known !== undefined) return known;
      const digest = createHash('sha256');
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      let read = 0;
      for (;;) {
        const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
        if (bytesRead === 0) break;
        digest.update(chunk.subarray(0, bytesRead));
        read += bytesRead;
        // Who reads a file that grows as fast as he reads comes to no end.
        if (BigInt(read) > before.size) break;
      }
      if (isSame(before, await file.stat({ bigint: true })) && BigInt(read) === before.size) {
        return this.#remember(before, digest.digest('hex'));
      }
    }
    return { unsteady: true };
  }

  #recall(stat: BigIntStats): FileIdentity | undefined {
    const sha256 = this.#known.get(keyOf(stat));
    return sha256 === undefined ? undefined : { sha256, size: Number(stat.size) };
  }

  #remember(stat: BigIntStats, sha256: string): FileIdentity {
    if (BigInt(Math.floor(this.#now())) - stat.ctimeMs > RACY_MS) {
      if (this.#known.size >= REMEMBERED) this.#known.delete(this.#known.keys().next().value as string);
      this.#known.set(keyOf(stat), sha256);
    }
    return { sha256, size: Number(stat.size) };
  }
}

function keyOf(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.ctimeNs}:${stat.mtimeNs}`;
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}
