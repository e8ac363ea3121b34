import { type Stats, statSync } from 'node:fs';
import { FileHasher } from '../../files/index.ts';
import type { Clock, FileHashRow, FingerprintStore } from '../../model/index.ts';

/** A file may be written again within one tick of its clock and keep its times: what is so young is not remembered. */
const RACY_MS = 50;

/** What was found at a path. */
export type FoundFile =
  | { readonly kind: 'file'; readonly sha256: string; readonly size: number }
  | { readonly kind: 'missing' }
  /** A folder, or a file that changes while it is read: what it holds is not known. */
  | { readonly kind: 'unknown' };

/** A file that was read. */
export interface ReadFile {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
  /** Epoch milliseconds: not before. */
  readonly readAt: number;
}

interface Looked {
  readonly path: string;
  readonly stat: Stats;
  readonly inode: string;
  readonly state: string;
}

/**
 * Says what files hold. A file is read once, and again when the file system says something else of it: by inode, size,
 * time of modification and time of change. The last can't be set back, so an edit that keeps the first three is noticed.
 * What was read is remembered in the store.
 */
export class FileHashes {
  readonly #store: FingerprintStore | undefined;
  readonly #clock: Clock;
  readonly #hasher: FileHasher;

  constructor(clock: Clock, store?: FingerprintStore) {
    this.#store = store;
    this.#clock = clock;
    this.#hasher = new FileHasher(() => clock.now().wall);
  }

  /**
   * What lies at these paths, absolute. One whose size is not the wanted one need not be read: it is `unknown`.
   */
  async at(
    paths: Iterable<string>,
    wantedSize: (path: string) => number | undefined = () => undefined,
  ): Promise<ReadonlyMap<string, FoundFile>> {
    const found = new Map<string, FoundFile>();
    const looked: Looked[] = [];
    for (const path of new Set(paths)) {
      const stat = look(path);
      const wanted = wantedSize(path);
      if (stat === undefined) found.set(path, { kind: 'missing' });
      else if (!stat.isFile() || (wanted !== undefined && wanted !== stat.size)) found.set(path, { kind: 'unknown' });
      else looked.push({ path, stat, ...identityOf(stat) });
    }
    if (looked.length === 0) return found;
    const known = (await this.#store?.fileHashes(looked.map(({ inode }) => inode))) ?? [];
    const fresh: FileHashRow[] = [];
    for (const [i, { path, stat, inode, state }] of looked.entries()) {
      const row = known[i];
      if (row?.state === state) found.set(path, { kind: 'file', sha256: row.sha256, size: stat.size });
      else {
        const read = await this.#read(path);
        found.set(path, read);
        if (read.kind === 'file' && this.#isSteady(stat)) fresh.push({ inode, state, sha256: read.sha256 });
      }
    }
    await this.#remember(fresh);
    return found;
  }

  /**
   * Remembers files that somebody else has read, when they have not been changed since. Gives back those that are too young
   * for that to be known: an edit within the same tick of the clock would not show.
   */
  async learn(files: readonly ReadFile[]): Promise<readonly ReadFile[]> {
    const rows: FileHashRow[] = [];
    const young: ReadFile[] = [];
    for (const file of files) {
      const stat = look(file.path);
      if (stat === undefined || stat.size !== file.size) continue;
      if (!this.#isSteady(stat)) young.push(file);
      else if (Math.max(stat.ctimeMs, stat.mtimeMs) <= file.readAt)
        rows.push({ ...identityOf(stat), sha256: file.sha256 });
    }
    await this.#remember(rows);
    return young;
  }

  async #remember(rows: readonly FileHashRow[]): Promise<void> {
    // To remember saves time later and is never needed: a store that can't be written now is no reason to fail.
    if (rows.length > 0) await this.#store?.rememberFiles(rows).catch(() => undefined);
  }

  #isSteady({ ctimeMs }: Stats): boolean {
    return this.#clock.now().wall - ctimeMs > RACY_MS;
  }

  async #read(path: string): Promise<FoundFile> {
    try {
      const read = this.#hasher.hashSmall(path) ?? (await this.#hasher.hash(path));
      return 'unsteady' in read ? { kind: 'unknown' } : { kind: 'file', ...read };
    } catch {
      // Gone since, or not to be read: whoever needs it will say so.
      return { kind: 'missing' };
    }
  }
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function identityOf({ dev, ino, size, ctimeMs, mtimeMs }: Stats): { readonly inode: string; readonly state: string } {
  return { inode: `${dev}:${ino}`, state: `${size}:${ctimeMs}:${mtimeMs}` };
}
