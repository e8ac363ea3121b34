import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeddleError, type OwnerId } from '../model/index.ts';
import type { Host } from './ownership.ts';

/** Who has a store to itself. */
interface Holder {
  readonly owner: OwnerId;
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  /** When the process started, in the kernel's ticks: a pid is used again. */
  readonly started: string;
}

/**
 * Says in the store's directory that one process has it to itself. On a network file system locks may not work
 * between machines; making a name by link(2) does. Only one who can see that the holder is gone takes its place.
 */
export class ExclusiveFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws {HeddleError} STORE_LOCKED */
  static take(directory: string, owner: OwnerId, host: Host): ExclusiveFile {
    const path = exclusivePath(directory);
    const mine: Holder = { owner, host: host.name, boot: host.boot, pid: process.pid, started: startOf(process.pid) };
    const draft = `${path}.${owner}`;
    writeFileSync(draft, `${JSON.stringify(mine)}\n`);
    try {
      for (let tries = 0; tries < 3; tries += 1) {
        if (linked(draft, path)) return new ExclusiveFile(path);
        requireFree(directory, host);
        removeDead(path, draft, host);
      }
    } finally {
      rmSync(draft, { force: true });
    }
    throw new HeddleError('STORE_LOCKED', `the store ${directory} is being opened by others at this moment`, {
      hint: 'try again',
    });
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

/**
 * Makes sure that no living process has the store to itself.
 *
 * @throws {HeddleError} STORE_LOCKED
 */
export function requireFree(directory: string, host: Host): void {
  const path = exclusivePath(directory);
  const holder = read(path);
  if (holder === undefined || isGone(holder, host)) return;
  throw locked(directory, holder, path);
}

/** The error for a store that somebody has to himself, or that is in use where one wants it so. */
export function locked(
  directory: string,
  holder?: { readonly host: string; readonly pid: number },
  path?: string,
): HeddleError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  const remedy = path === undefined ? '' : `; if that machine is gone for good, remove ${path}`;
  return new HeddleError(
    'STORE_LOCKED',
    `the store ${directory} is in use by ${who}, and only one may use it at a time`,
    {
      details: { directory, ...holder },
      hint: `stop it there, steer the run from there, or name another store on a local disk${remedy}`,
    },
  );
}

function exclusivePath(directory: string): string {
  return join(directory, 'exclusive.json');
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes the file of a holder that is gone away; puts back what proves to be somebody else's meanwhile. */
function removeDead(path: string, draft: string, host: Host): void {
  const aside = `${draft}.dead`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const holder = read(aside);
  if (holder !== undefined && !isGone(holder, host)) linked(aside, path);
  rmSync(aside, { force: true });
}

function read(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text) as Holder;
}

function isGone(holder: Holder, host: Host): boolean {
  if (holder.host !== host.name) return false;
  if (holder.boot !== host.boot) return true;
  return startOf(holder.pid) !== holder.started;
}

/**
 * When a process started; empty when there is none, or only what its parent has not yet collected. Field 22 of
 * /proc/PID/stat, counted from after the name, which may hold anything.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return isThere(pid) ? 'unknown' : '';
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
