import { readFileSync } from 'node:fs';

/**
 * Counts the kernel's out-of-memory kills in our own cgroup. Version 2 says so in `memory.events`,
 * version 1 in `memory.oom_control`. Where neither can be read nothing is ever counted.
 */
export class MemoryKills {
  readonly #path: string | undefined;
  #seen: number;

  constructor(path: string | undefined = findCounter()) {
    this.#path = path;
    this.#seen = this.#read();
  }

  /** Says whether a kill happened that was not asked about before, and takes it: one kill explains one end. */
  take(): boolean {
    if (this.#read() <= this.#seen) return false;
    this.#seen += 1;
    return true;
  }

  #read(): number {
    if (this.#path === undefined) return 0;
    try {
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(this.#path, 'latin1'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  }
}

/** Finds the file with the counter; the cgroup's path may be seen from its root or from inside its namespace. */
function findCounter(): string | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/self/cgroup', 'latin1');
  } catch {
    return undefined;
  }
  const v2 = /^0::(.*)$/m.exec(text)?.[1];
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(text)?.[1];
  const candidates = [
    ...(v2 === undefined ? [] : [`/sys/fs/cgroup${v2}/memory.events`, '/sys/fs/cgroup/memory.events']),
    ...(v1 === undefined
      ? []
      : [`/sys/fs/cgroup/memory${v1}/memory.oom_control`, '/sys/fs/cgroup/memory/memory.oom_control']),
  ];
  return candidates.find((path) => {
    try {
      return readFileSync(path, 'latin1').includes('oom_kill ');
    } catch {
      return false;
    }
  });
}
