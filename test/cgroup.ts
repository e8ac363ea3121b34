import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needed } from './needed.ts';

/** A cgroup of the test's own, with one limit. Disposing it needs all who entered to be gone. */
export interface Cgroup extends Disposable {
  /** Shell text that puts the shell, and what it becomes, inside. */
  readonly enter: string;
  /** One of its files. */
  read(name: string): string;
}

const LIMIT_FILE = {
  pids: { v1: 'pids.max', v2: 'pids.max' },
  memory: { v1: 'memory.limit_in_bytes', v2: 'memory.max' },
} as const;

let made = 0;

/** Makes a cgroup, version 1 or 2; undefined where none can be made: it takes root, and a machine that lets it. */
export function cgroup(controller: keyof typeof LIMIT_FILE, limit: number): Cgroup | undefined {
  made += 1;
  const name = `heddle-test-${process.pid}-${made}`;
  for (const version of ['v1', 'v2'] as const) {
    const group = join('/sys/fs/cgroup', version === 'v1' ? controller : '', name);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    try {
      writeFileSync(join(group, LIMIT_FILE[controller][version]), String(limit));
    } catch {
      rmdirSync(group);
      continue;
    }
    return {
      enter: `echo $$ > '${join(group, 'cgroup.procs')}' || exit 99`,
      read: (file) => readFileSync(join(group, file), 'utf8'),
      [Symbol.dispose]: () => rmdirSync(group),
    };
  }
  return undefined;
}

/** Whether a cgroup can be had here; says so when not. */
export function canLimit(controller: keyof typeof LIMIT_FILE, what: string): boolean {
  using tried = cgroup(controller, 1 << 30);
  return needed(tried !== undefined, `${what}: no cgroup can be made here`);
}
