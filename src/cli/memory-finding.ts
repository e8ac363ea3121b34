import { existsSync } from 'node:fs';
import { MemoryGroups } from '../process/index.ts';

/** How commands are kept to the memory they were granted, as `heddle doctor` says it. */
export interface MemoryFinding {
  readonly what: 'memory';
  readonly state: 'well' | 'note';
  readonly text: string;
}

/** Says how memory is kept to here. Tries a cgroup, and leaves nothing. */
export function memoryFinding(): MemoryFinding {
  return findingOf(MemoryGroups.open(), existsSync('/proc/self/stat'));
}

/** By the kernel, where it has groups for us; by our own looks, where there is `/proc`; or by nobody. */
export function findingOf(groups: Pick<MemoryGroups, 'home' | 'version'> | undefined, hasProc: boolean): MemoryFinding {
  if (groups !== undefined) {
    const text = `commands are kept to what they are granted by the kernel: cgroup v${groups.version} below ${groups.home}`;
    return { what: 'memory', state: 'well', text };
  }
  const mend = 'groups take root, or a cgroup handed to this user: systemd-run --user --scope -p Delegate=yes';
  const text = hasProc
    ? `commands are watched, once a second, and ended when they hold more than they are granted: no cgroup can be made (${mend})`
    : 'commands are not kept to what they are granted: here are neither cgroups nor /proc; calls have the limit of V8';
  return { what: 'memory', state: 'note', text };
}
