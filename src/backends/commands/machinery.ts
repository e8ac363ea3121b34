import { join } from 'node:path';
import { FileHasher } from '../../files/index.ts';
import type { BackendContext } from '../../model/index.ts';
import {
  baseEnvironment,
  devicesHere,
  findLauncherShell,
  type LauncherShell,
  MemoryGroups,
  ProgramFinder,
  readCapacity,
  runtimeEnvironment,
} from '../../process/index.ts';
import { WorkDirectories } from '../workdir/index.ts';
import { LauncherPool } from './launcher-pool.ts';
import { MemoryBound } from './memory-bound.ts';
import { Slots, type SlotsOptions } from './slots.ts';
import { Watch, type WatchOptions } from './watch.ts';

/** How commands are run on this machine. */
export interface CommandsOptions {
  /** Attempts at a time. @default the engine's `slots`, else the CPUs this process may use */
  readonly slots?: number;
  /** The shell that launches. @default bash 5 where there is one, else `sh` with `setsid`, else `sh` */
  readonly shell?: LauncherShell;
}

/** What the backend has between its opening and its disposal. */
export interface Machinery {
  readonly context: BackendContext;
  readonly slots: Slots;
  /** Where launchers stand. */
  readonly cwd: string;
  readonly directories: WorkDirectories;
  readonly hasher: FileHasher;
  readonly pool: LauncherPool;
  readonly watch: Watch;
  /** How much memory an attempt may take, by what it was granted. `again`: an earlier engine has begun it. */
  readonly boundOf: (attempt: string, memoryBytes: number | undefined, again?: true) => BoundMemory;
}

/** An attempt's bound, and where it enters the group that keeps it to that. */
export interface BoundMemory {
  readonly memory: MemoryBound | undefined;
  readonly entrance: string | undefined;
}

/** Looks at the machine and makes everything that running commands on it takes. No process is started yet. */
export async function openMachinery(
  options: CommandsOptions,
  init: Omit<WatchOptions, 'clock'> & Pick<SlotsOptions, 'start' | 'changed'> & { readonly context: BackendContext },
): Promise<Machinery> {
  const { context } = init;
  const { clock, directory, project } = context;
  const capacity = readCapacity();
  const env = baseEnvironment();
  const shell = options.shell ?? (await findLauncherShell(clock, env['PATH'] ?? ''));
  const cpus = options.slots ?? context.slots ?? capacity.cpus;
  const cwd = directory === '' ? project : directory;
  const groups = new LazyGroups();
  return {
    context,
    boundOf: (attempt, memoryBytes, again) => groups.boundOf(attempt, memoryBytes, again),
    slots: new Slots({ ...init, clock, place: { ...devicesHere(capacity, context.gpus), name: 'local', cpus } }),
    cwd,
    directories: new WorkDirectories({
      store: directory,
      project,
      programs: new ProgramFinder(`${join(project, 'bin')}:${env['PATH'] ?? ''}`),
      runtimes: runtimeEnvironment(),
    }),
    hasher: new FileHasher(() => clock.now().wall),
    pool: new LauncherPool({ shell, clock, cwd, env }, Math.max(1, Math.ceil(cpus))),
    watch: new Watch({ ...init, clock }),
  };
}

/** Looks for cgroups when the first attempt wants one. */
class LazyGroups {
  #groups: MemoryGroups | undefined;
  #isOpen = false;

  boundOf(attempt: string, memoryBytes: number | undefined, again: true | undefined): BoundMemory {
    if (memoryBytes === undefined) return { memory: undefined, entrance: undefined };
    if (!this.#isOpen) this.#groups = MemoryGroups.open();
    this.#isOpen = true;
    const group = again ? this.#groups?.find(attempt) : this.#groups?.make(attempt, memoryBytes);
    return { memory: new MemoryBound(memoryBytes, group), entrance: group?.entrance };
  }
}
