import type { Stats } from 'node:fs';
import { FileHasher } from '../../files/index.ts';
import type { Clock, FileHashRow, FingerprintStore } from '../../model/index.ts';
import { identityOf, inodeOf, look, stateOf } from './file-identity.ts';

/** A file may be written again within one tick of its clock and keep its times: what is so young is not remembered. */
const RACY_MS = 50;

/** What was found at a path. */
export type FoundFile =
  | {
      readonly kind: 'file';
      readonly sha256: string;
      readonly size: number;
      /** By which it is known again (`identityOf`); '' while it is too young for that. */
      readonly identity: string;
    }
  | { readonly kind: 'missing' }
  /** A folder, or a file that changes while it is read: what it holds is not known. */
  | { readonly kind: 'unknown' };

type Unread = Exclude<FoundFile, { readonly kind: 'file' }>;

const MISSING: Unread = { kind: 'missing' };
const UNKNOWN: Unread = { kind: 'unknown' };

/** A file that was read. */
export interface ReadFile {
  readonly path: string;
  readonly size: number;
  /** Epoch milliseconds: not before. */
  readonly readAt: number;
}

/** A file that is there, by its place among those asked about. */
interface Looked {
  readonly i: number;
  readonly stat: Stats;
  readonly inode: string;
  readonly state: string;
}

/** A file that is asked about. */
export interface AskedFile {
  /** Absolute. */
  readonly path: string;
  /** One of another size need not be read: it is `unknown`. */
  readonly size?: number;
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

  /** What lies at these paths, in the order asked. Asked of a hundred thousand at a time: what is known must be quick. */
  async at(asked: readonly AskedFile[]): Promise<readonly FoundFile[]> {
    const found: FoundFile[] = [];
    const looked: Looked[] = [];
    for (const [i, { path, size }] of asked.entries()) {
      const stat = look(path);
      found.push(stat === undefined ? MISSING : UNKNOWN);
      if (stat?.isFile() !== true || (size !== undefined && size !== stat.size)) continue;
      looked.push({ i, stat, inode: inodeOf(stat), state: stateOf(stat) });
    }
    if (looked.length === 0) return found;
    const known = (await this.#store?.fileHashes(looked.map(({ inode }) => inode))) ?? [];
    const unread: Looked[] = [];
    for (const [n, each] of looked.entries()) {
      const row = known[n];
      if (row?.state === each.state)
        found[each.i] = { kind: 'file', sha256: row.sha256, size: each.stat.size, identity: identityOf(each.stat) };
      else unread.push(each);
    }
    if (unread.length > 0) await this.#readAll(unread, { asked, found });
    return found;
  }

  /** Reads each file once, however often it is asked about. */
  async #readAll(
    unread: readonly Looked[],
    { asked, found }: { readonly asked: readonly AskedFile[]; readonly found: FoundFile[] },
  ): Promise<void> {
    const fresh: FileHashRow[] = [];
    const byPath = new Map<string, FoundFile>();
    for (const { i, stat, inode, state } of unread) {
      const { path } = asked[i] as AskedFile;
      let file = byPath.get(path);
      if (file === undefined) {
        const read = await this.#read(path);
        const isSteady = this.#isSteady(stat);
        file = 'kind' in read ? read : { kind: 'file', ...read, identity: isSteady ? identityOf(stat) : '' };
        if (file.kind === 'file' && isSteady) fresh.push({ inode, state, sha256: file.sha256 });
        byPath.set(path, file);
      }
      found[i] = file;
    }
    await this.#remember(fresh);
  }

  /**
   * By what a file is known again that somebody else has read, when it has not been changed since. `young`: that can't be
   * known yet, since an edit within the same tick of the clock would not show.
   */
  identify({ path, size, readAt }: ReadFile): { readonly identity: string } | 'young' | 'changed' {
    const stat = look(path);
    if (stat === undefined || stat.size !== size) return 'changed';
    if (!this.#isSteady(stat)) return 'young';
    return Math.max(stat.ctimeMs, stat.mtimeMs) <= readAt ? { identity: identityOf(stat) } : 'changed';
  }

  async #remember(rows: readonly FileHashRow[]): Promise<void> {
    // To remember saves time later and is never needed: a store that can't be written now is no reason to fail.
    if (rows.length > 0) await this.#store?.rememberFiles(rows).catch(() => undefined);
  }

  #isSteady({ ctimeMs }: Stats): boolean {
    return this.#clock.now().wall - ctimeMs > RACY_MS;
  }

  async #read(path: string): Promise<{ readonly sha256: string; readonly size: number } | Unread> {
    try {
      const read = this.#hasher.hashSmall(path) ?? (await this.#hasher.hash(path));
      return 'unsteady' in read ? UNKNOWN : read;
    } catch {
      // Gone since, or not to be read: whoever needs it will say so.
      return MISSING;
    }
  }
}
