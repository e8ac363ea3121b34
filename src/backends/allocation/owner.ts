import { randomUUID } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { bootId, isAlive, readProcess } from '../../process/index.ts';

/** Who follows an allocation, in a file `owner-N` of its directory; the largest N counts. */
interface Owner {
  readonly id: string;
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  readonly start: number;
}

const PREFIX = 'owner-';
/** Backends of this process that are open. */
const open = new Set<string>();

/**
 * One of several engines on a store. An allocation is followed by one engine at a time: by who asked for it, and by another only
 * when that one is dead or has closed. Taking is exclusive: the next number can be linked once.
 */
export class Ownership {
  readonly #id = randomUUID();

  constructor() {
    open.add(this.#id);
  }

  /** True where the allocation of this directory is ours now, or was. @throws the system's error, say of a full disk */
  take(directory: string): boolean {
    const last = lastOwner(directory);
    if (last !== undefined) {
      if (last.owner?.id === this.#id) return true;
      if (isHeld(last.owner)) return false;
    }
    return this.#write(directory, (last?.number ?? 0) + 1, this.#me());
  }

  /** Whoever wants it may have it. */
  leave(directory: string): void {
    const last = lastOwner(directory);
    if (last?.owner?.id !== this.#id) return;
    try {
      this.#write(directory, last.number + 1, { ...this.#me(), id: '' });
    } catch {
      // It is free when this process is gone, too.
    }
  }

  close(): void {
    open.delete(this.#id);
  }

  #me(): Owner {
    const start = readProcess(process.pid)?.start ?? 0;
    return { id: this.#id, host: hostname(), boot: bootId(), pid: process.pid, start };
  }

  #write(directory: string, number: number, owner: Owner): boolean {
    const draft = join(directory, `.${PREFIX}${this.#id}`);
    try {
      writeFileSync(draft, JSON.stringify(owner));
      linkSync(draft, join(directory, `${PREFIX}${number}`));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
}

function lastOwner(directory: string): { readonly number: number; readonly owner: Owner | undefined } | undefined {
  const numbers = readdirSync(directory)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => Number(name.slice(PREFIX.length)));
  if (numbers.length === 0) return undefined;
  const number = Math.max(...numbers);
  try {
    return { number, owner: JSON.parse(readFileSync(join(directory, `${PREFIX}${number}`), 'utf8')) as Owner };
  } catch {
    // Linked whole, and cut by a power failure: of a dead engine.
    return { number, owner: undefined };
  }
}

/** A store is used from one host at a time, so who owns from another is of an earlier time. */
function isHeld(owner: Owner | undefined): boolean {
  if (owner === undefined || owner.id === '' || owner.host !== hostname() || owner.boot !== bootId()) return false;
  if (owner.pid === process.pid) return open.has(owner.id);
  return isAlive({ pid: owner.pid, start: owner.start });
}
