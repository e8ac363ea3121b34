import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a version of cgroups calls what we need. */
interface Names {
  readonly limit: string;
  /** Memory and swap together, where that is a limit of its own. */
  readonly both?: string;
  /** Bounds swap to none. */
  readonly swap?: string;
  readonly peak: string;
  readonly kills: string;
}

const V1: Names = {
  limit: 'memory.limit_in_bytes',
  both: 'memory.memsw.limit_in_bytes',
  peak: 'memory.max_usage_in_bytes',
  kills: 'memory.oom_control',
};
const V2: Names = { limit: 'memory.max', swap: 'memory.swap.max', peak: 'memory.peak', kills: 'memory.events' };

/** One attempt's own cgroup: its memory is bounded there by the kernel, and counted. */
export interface MemoryGroup {
  /** Whoever writes `0` to it enters. */
  readonly entrance: string;
  /** How many processes the kernel has killed for the bound. */
  readonly kills: number;
  /** The most it ever held, in bytes; undefined where the kernel does not say. */
  readonly peakBytes: number | undefined;
  /** Takes it away; false while somebody is still in it. */
  remove(): boolean;
}

/**
 * Makes cgroups with a bound on memory below our own, version 1 or 2, where we may. They are named by attempt, so that an engine that
 * comes after finds them. Where none can be made (no root, no delegation) `open` gives undefined.
 */
export class MemoryGroups {
  /** The directory below which they are made. */
  readonly home: string;
  readonly #names: Names;

  private constructor(home: string, names: Names) {
    this.home = home;
    this.#names = names;
  }

  get version(): 1 | 2 {
    return this.#names === V1 ? 1 : 2;
  }

  /** Tries it once, and leaves nothing. */
  static open(homes: readonly (readonly [home: string, names: Names])[] = ourHomes()): MemoryGroups | undefined {
    for (const [home, names] of homes) {
      const groups = new MemoryGroups(home, names);
      const tried = groups.make(`try-${process.pid}`, 1 << 30);
      if (tried === undefined) continue;
      tried.remove();
      return groups;
    }
    return undefined;
  }

  /** A new group with a bound; undefined when it cannot be had. */
  make(name: string, limitBytes: number): MemoryGroup | undefined {
    const path = this.#pathOf(name);
    const { limit, both, swap } = this.#names;
    try {
      mkdirSync(path);
    } catch {
      return undefined;
    }
    try {
      writeFileSync(join(path, limit), String(limitBytes));
      // What is swapped out is memory all the same; kernels without swap accounting have neither file.
      if (both !== undefined && existsSync(join(path, both))) writeFileSync(join(path, both), String(limitBytes));
      if (swap !== undefined && existsSync(join(path, swap))) writeFileSync(join(path, swap), '0');
    } catch {
      removeGroup(path);
      return undefined;
    }
    return this.#groupAt(path);
  }

  /** The group an earlier engine made; undefined when there is none. */
  find(name: string): MemoryGroup | undefined {
    const path = this.#pathOf(name);
    return existsSync(path) ? this.#groupAt(path) : undefined;
  }

  #pathOf(name: string): string {
    return join(this.home, `heddle-${name}`);
  }

  #groupAt(path: string): MemoryGroup {
    const { peak, kills } = this.#names;
    return {
      entrance: join(path, 'cgroup.procs'),
      get kills() {
        return Number(/^oom_kill (\d+)$/m.exec(readText(join(path, kills)) ?? '')?.[1] ?? 0);
      },
      get peakBytes() {
        const bytes = Number(readText(join(path, peak))?.trim());
        return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
      },
      remove: () => removeGroup(path),
    };
  }
}

/**
 * Where our own groups may be: below our own cgroup in version 1; in version 2 beside it, since a group with processes of its own
 * can't hand memory on to groups below it.
 */
function ourHomes(): readonly (readonly [string, Names])[] {
  const text = readText('/proc/self/cgroup') ?? '';
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(text)?.[1];
  const v2 = /^0::(.*)$/m.exec(text)?.[1];
  const old = v1 === undefined ? [] : [`/sys/fs/cgroup/memory${v1}`, '/sys/fs/cgroup/memory'];
  const own = v2 === undefined ? [] : [`/sys/fs/cgroup${v2}`, join('/sys/fs/cgroup', v2, '..')];
  return [
    ...old.filter((home) => existsSync(join(home, V1.limit))).map((home) => [home, V1] as const),
    ...own.filter(handsMemoryOn).map((home) => [home, V2] as const),
  ];
}

function handsMemoryOn(home: string): boolean {
  return home.startsWith('/sys/fs/cgroup') && / ?\bmemory\b/.test(readText(join(home, 'cgroup.subtree_control')) ?? '');
}

function removeGroup(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
