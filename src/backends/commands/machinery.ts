import { join } from 'node:path';
import { FileHasher } from '../../files/index.ts';
import type { BackendContext } from '../../model/index.ts';
import {
  baseEnvironment,
  findLauncherShell,
  type LauncherShell,
  ProgramFinder,
  readCapacity,
} from '../../process/index.ts';
import { WorkDirectories } from '../workdir/index.ts';
import { LauncherPool } from './launcher-pool.ts';
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
  return {
    context,
    slots: new Slots({ ...init, clock, place: { ...capacity, name: 'local', cpus } }),
    cwd,
    directories: new WorkDirectories({
      store: directory,
      project,
      programs: new ProgramFinder(`${join(project, 'bin')}:${env['PATH'] ?? ''}`),
    }),
    hasher: new FileHasher(() => clock.now().wall),
    pool: new LauncherPool({ shell, clock, cwd, env }, Math.max(1, Math.ceil(cpus))),
    watch: new Watch({ ...init, clock }),
  };
}
