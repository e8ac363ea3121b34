import { accessSync, constants, statSync } from 'node:fs';
import type { Clock } from '../model/index.ts';
import { canMarkPids } from './pid-window.ts';
import { runCommand } from './run-command.ts';
import { SHARED_PROOF } from './shared-script.ts';

/**
 * How a launcher gives each job a process group of its own.
 * `groups`: bash with job control, one fork a job. `setsid`: any POSIX shell, with one program more a job.
 * `bare`: the job shares the launcher's group, and the launcher goes on when nothing is left in it.
 * `shared`: so does dash, which starts a job by vfork: half of what bash costs. Every job's end is looked into by
 * the pids that were given meanwhile, which costs microseconds.
 */
export type Isolation = 'groups' | 'setsid' | 'bare' | 'shared';

/** Says whether a job runs in its launcher's own process group. */
export function sharesGroup(isolation: Isolation): boolean {
  return isolation === 'shared' || isolation === 'bare';
}

/** A shell fit to be a launcher. */
export interface LauncherShell {
  /** Program and arguments before those of the script: `['busybox', 'sh']`. */
  readonly command: readonly string[];
  readonly isolation: Isolation;
}

/**
 * Finds the best shell of this machine: dash where the kernel says what a shared group takes to know, bash 5 (older ones
 * cannot wait past a stop), else `sh` with `setsid`, else `sh` alone.
 */
export async function findLauncherShell(clock: Clock, path: string): Promise<LauncherShell> {
  const dash = which('dash', path);
  if (dash !== undefined && canMarkPids() && (await tellsWhatItWrote(clock, dash))) {
    return { command: [dash], isolation: 'shared' };
  }
  const bash = which('bash', path);
  if (bash !== undefined && (await isBash5(clock, bash))) return { command: [bash], isolation: 'groups' };
  return { command: ['/bin/sh'], isolation: which('setsid', path) === undefined ? 'bare' : 'setsid' };
}

/** Lets dash judge one exit code and one signal: no more is needed to know that kernel and shell are what we think. */
async function tellsWhatItWrote(clock: Clock, dash: string): Promise<boolean> {
  try {
    const { stdout } = await runCommand([dash, '-c', SHARED_PROOF], { clock, timeoutMs: 10_000, env: {} });
    return stdout === 'exit signal\n';
  } catch {
    return false;
  }
}

async function isBash5(clock: Clock, bash: string): Promise<boolean> {
  try {
    const script = 'echo "${BASH_VERSINFO[0]} $EPOCHREALTIME"';
    const { stdout } = await runCommand([bash, '-c', script], { clock, timeoutMs: 10_000, env: {} });
    return /^([5-9]|\d\d) \d/.test(stdout);
  } catch {
    return false;
  }
}

/** The first executable of this name on a PATH. */
export function which(name: string, path: string): string | undefined {
  for (const directory of path.split(':')) {
    const file = `${directory === '' ? '.' : directory}/${name}`;
    try {
      if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/**
 * Finds programs on one PATH and remembers where, as shells do: a search costs a launcher more than its fork. What was
 * found is looked at again each time, and so is the first directory, where a run may put programs of its own.
 */
export class ProgramFinder {
  readonly #first: string;
  readonly #path: string;
  readonly #found = new Map<string, string>();

  constructor(path: string) {
    this.#path = path;
    this.#first = path.split(':')[0] ?? '';
  }

  /** Where a program is; undefined when it is not found, or its name is a path already. */
  find(name: string): string | undefined {
    if (name === '' || name.includes('/')) return undefined;
    const known = this.#found.get(name);
    const path = known === undefined ? this.#path : `${this.#first}:${known.slice(0, -name.length - 1)}`;
    const file = which(name, path) ?? (known === undefined ? undefined : which(name, this.#path));
    if (file === undefined || !file.startsWith('/')) return undefined;
    this.#found.set(name, file);
    return file;
  }
}
