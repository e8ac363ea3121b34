import { existsSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { OwnerId, OwnerRecord } from '../model/index.ts';
import { isBusy } from './sqlite-errors.ts';

/**
 * An owner lives as long as it holds the lock of its side file: a SQLite file in an exclusive transaction, since
 * Node has no flock. The kernel drops the lock with the process, however it ends, and not when it is merely stopped.
 *
 * Such locks (fcntl) are lost too when the process closes any other descriptor of the file. SQLite minds that
 * among its own; nothing else may ever open the file.
 */
export class OwnerLock {
  readonly #db: DatabaseSync;
  readonly #path: string;

  constructor(directory: string, owner: OwnerId) {
    this.#path = lockPath(directory, owner);
    this.#db = new DatabaseSync(this.#path, { timeout: 0 });
    this.#db.exec('BEGIN EXCLUSIVE');
  }

  release(): void {
    this.#db.close();
    rmSync(this.#path, { force: true });
  }
}

/** Where an owner is; what tells two machines, and two starts of one machine, apart. */
export interface Host {
  readonly name: string;
  /** The kernel's, new with each start; empty where there is none. Containers on one machine share it. */
  readonly boot: string;
}

/** This machine. */
export function thisHost(): Host {
  return { name: hostname(), boot: bootId() };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** An owner as the store keeps it. */
export interface KeptOwner extends OwnerRecord {
  readonly boot: string;
}

/** What is needed to judge whether an owner lives. */
export interface OwnerJudge {
  readonly directory: string;
  readonly host: Host;
  /** This opening has the store to itself: whoever else is named is gone. */
  readonly exclusive: boolean;
  /** Who asks: alive. */
  readonly self: OwnerId;
}

/**
 * Says whether an owner lives. One on another machine does as far as anybody here can know, since the kernel's locks
 * say nothing of it: until somebody who knows better removes its side file. Were he wrong, the owner would find its
 * next commit refused, since a run that is taken over has a new epoch.
 */
export function isOwnerAlive(owner: KeptOwner, judge: OwnerJudge): boolean {
  if (owner.owner === judge.self) return true;
  if (judge.exclusive) return false;
  const path = lockPath(judge.directory, owner.owner);
  return isHere(owner, judge) ? isLocked(path) : existsSync(path);
}

function isHere(owner: KeptOwner, { host }: OwnerJudge): boolean {
  return owner.host === host.name || (owner.boot !== '' && owner.boot === host.boot);
}

/** What frees the runs of a living owner when it is gone after all; nothing where that would have been seen. */
export function remedyFor(owner: KeptOwner, judge: OwnerJudge): { readonly remedy?: string } {
  if (isHere(owner, judge) || judge.exclusive) return {};
  const path = lockPath(judge.directory, owner.owner);
  return { remedy: `if ${owner.host} is down or was renamed, make sure that nothing runs there, then remove ${path}` };
}

/** Asks for a shared lock: several may ask at once and not take each other for the owner. */
function isLocked(path: string): boolean {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    db.exec('SELECT 1 FROM sqlite_schema');
    return false;
  } catch (error) {
    // It cannot be opened: the file is gone, and its owner with it.
    return isBusy(error);
  } finally {
    db?.close();
  }
}

/** Removes what an owner that is gone left in the directory. */
export function forgetOwner(directory: string, owner: OwnerRecord): void {
  const path = lockPath(directory, owner.owner);
  // A killed owner leaves the journal of the transaction that was its lock.
  for (const file of [path, `${path}-journal`]) rmSync(file, { force: true });
  if (owner.socket !== '') rmSync(owner.socket, { force: true });
}

function lockPath(directory: string, owner: OwnerId): string {
  return join(directory, 'owners', `${owner}.lock`);
}
