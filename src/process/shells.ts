import { accessSync, constants, statSync } from 'node:fs';
import type { Clock } from '../model/index.ts';
import { runCommand } from './run-command.ts';

/**
 * How a launcher gives each job a process group of its own.
 * `groups`: bash with job control, one fork a job. `setsid`: any POSIX shell, with one program more a job.
 * `bare`: the job shares the launcher's group, and the launcher is retired when something is left in it.
 */
export type Isolation = 'groups' | 'setsid' | 'bare';

/** A shell fit to be a launcher. */
export interface LauncherShell {
  /** Program and arguments before those of the script: `['busybox', 'sh']`. */
  readonly command: readonly string[];
  readonly isolation: Isolation;
}

/**
 * Finds the best shell of this machine: bash 5 (older ones cannot wait past a stop), else `sh` with `setsid`, else
 * `sh` alone.
 */
export async function findLauncherShell(clock: Clock, path: string): Promise<LauncherShell> {
  const bash = which('bash', path);
  if (bash !== undefined && (await isBash5(clock, bash))) return { command: [bash], isolation: 'groups' };
  return { command: ['/bin/sh'], isolation: which('setsid', path) === undefined ? 'bare' : 'setsid' };
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
