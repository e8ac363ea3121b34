import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { HeddleError, type RunId } from '../../model/index.ts';
import { isAlive, readProcess, systemClock } from '../../process/index.ts';

/*
 * Who reads a run and who removes it each say so before they look whether the other has: a reader its runs in
 * `readers/<its own file>`, a remover its run in `cleaning/<run>`. So at least one of them sees the other and leaves. A
 * reader then knows no such run, a remover keeps it. Both files name a process, and mean nothing once that is dead.
 */

/** On another machine nobody can know whether a reader lives: so long it is believed. */
const FOREIGN_LEASE_MS = 24 * 3600_000;

/** A process that looks into a store. */
export class ReadLease implements Disposable {
  readonly #directory: string;
  readonly #path: string;

  constructor(store: string, tag: string) {
    this.#directory = store;
    this.#path = join(store, 'readers', `${process.pid}-${tag}`);
  }

  /**
   * From now on until this is disposed nothing of the run is removed.
   *
   * @throws {HeddleError} RUN_NOT_FOUND when it is being removed
   */
  take(run: RunId): void {
    this.#say(run);
    if (!isBeingRemoved(this.#directory, run)) return;
    throw new HeddleError('RUN_NOT_FOUND', `run ${run} is being removed`, {
      hint: "'heddle runs' lists what there is",
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true });
  }

  #say(run: RunId): void {
    try {
      mkdirSync(join(this.#directory, 'readers'), { recursive: true });
      if (!existsSync(this.#path)) writeFileSync(this.#path, `${me()}\n`);
      appendFileSync(this.#path, `${run}\n`);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Who may not write here is not to be kept from reading; nor does a full disk.
      if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM' && code !== 'ENOSPC' && code !== 'EDQUOT')
        throw error;
    }
  }
}

/** Says that a run is being removed; undefined where somebody reads it, or removes it already. */
export function intendRemoval(store: string, run: RunId): Disposable | undefined {
  const path = join(store, 'cleaning', run);
  mkdirSync(join(store, 'cleaning'), { recursive: true });
  if (isBeingRemoved(store, run)) return undefined;
  writeFileSync(path, `${me()}\n`);
  const intent = { [Symbol.dispose]: () => rmSync(path, { force: true }) };
  if (!isRead(store, run)) return intent;
  intent[Symbol.dispose]();
  return undefined;
}

/** Runs whose removal was begun by a process that is dead. */
export function leftRemovals(store: string): readonly RunId[] {
  return listed(join(store, 'cleaning')).filter((run) => !isBeingRemoved(store, run as RunId)) as RunId[];
}

/** Says whether anybody who lives reads a run; forgets readers that are dead. */
export function isRead(store: string, run: RunId): boolean {
  let found = false;
  for (const name of listed(join(store, 'readers'))) {
    const path = join(store, 'readers', name);
    const [who = '', ...runs] = textOf(path).split('\n');
    if (!lives(who, path)) rmSync(path, { force: true });
    else if (runs.includes(run)) found = true;
  }
  return found;
}

function isBeingRemoved(store: string, run: RunId): boolean {
  const path = join(store, 'cleaning', run);
  const [who = ''] = textOf(path).split('\n');
  return who !== '' && lives(who, path);
}

/** This process, so that its number alone is not taken for it. */
function me(): string {
  return JSON.stringify({ host: hostname(), pid: process.pid, start: readProcess(process.pid)?.start ?? 0 });
}

function lives(who: string, path: string): boolean {
  try {
    const { host, pid, start } = JSON.parse(who) as {
      readonly host: string;
      readonly pid: number;
      readonly start: number;
    };
    if (host === hostname()) return start === 0 ? isThere(pid) : isAlive({ pid, start });
    return systemClock.now().wall - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < FOREIGN_LEASE_MS;
  } catch {
    // Half written: by one who is at it, or who died of it.
    return systemClock.now().wall - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 60_000;
  }
}

/** Where the system does not say when a process began. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
