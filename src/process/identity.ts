import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { isOutOfDescriptors, withSpareDescriptor } from './spare-descriptor.ts';

/**
 * One process for good: a pid comes again, a pid with the moment it started does not.
 * `start` is field 22 of `/proc/<pid>/stat`, clock ticks since boot; 0 where there is no `/proc`.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: number;
}

/** What `/proc/<pid>/stat` says of a process. */
export interface ProcessStat extends ProcessIdentity {
  /** One letter; `Z` and `X` are dead. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** CPU used, and that of children that were waited for, in clock ticks. */
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly childUserTicks: number;
  readonly childSystemTicks: number;
  readonly rssPages: number;
}

/** Reads a process's state; undefined when there is none. A zombie is still there. */
export function readProcess(pid: number): ProcessStat | undefined {
  const text = readStat(pid);
  if (text === undefined) return undefined;
  // The name stands in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid,
    state: fields[0] ?? 'X',
    parent: field(4),
    group: field(5),
    session: field(6),
    userTicks: field(14),
    systemTicks: field(15),
    childUserTicks: field(16),
    childSystemTicks: field(17),
    start: field(22),
    rssPages: field(24),
  };
}

/** One line of numbers and a name of 64 bytes at most: read in one go, it costs two thirds of what `readFileSync` does. */
const STAT = Buffer.alloc(4096);

function readStat(pid: number): string | undefined {
  try {
    return withSpareDescriptor(() => readWhole(`/proc/${pid}/stat`));
  } catch (error) {
    // Not to know is not the same as nobody.
    if (isOutOfDescriptors(error)) throw error;
    // There is none, or it went while we looked.
    return undefined;
  }
}

function readWhole(path: string): string {
  const fd = openSync(path, 'r');
  try {
    return STAT.toString('latin1', 0, readSync(fd, STAT, 0, STAT.length, null));
  } finally {
    closeSync(fd);
  }
}

/** Says whether a state letter means that nothing runs there any more. */
export function isDead(stat: ProcessStat): boolean {
  return stat.state === 'Z' || stat.state === 'X';
}

/** Says whether this very process runs: not another with its pid, and no zombie. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readProcess(identity.pid);
  return stat !== undefined && !isDead(stat) && stat.start === identity.start;
}

/** The kernel says here which pid it gave last, in the process namespace of who asks. */
export const LAST_PID_FILE = '/proc/sys/kernel/ns_last_pid';

/** The pid that was given last; undefined where the kernel does not say. */
export function lastPid(): number | undefined {
  try {
    return Number(readFileSync(LAST_PID_FILE, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The kernel's id of this boot: pids and starts of another boot mean nothing. Empty where there is no `/proc`. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

/** Says whether a process was started with this variable in its environment; false when we may not look. */
export function hasVariable(pid: number, name: string, value: string): boolean {
  try {
    const environment = withSpareDescriptor(() => readFileSync(`/proc/${pid}/environ`, 'latin1'));
    return `\0${environment}`.includes(`\0${name}=${value}\0`);
  } catch {
    return false;
  }
}
