import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A living process, as /proc tells it. Zombies are dead. */
export interface Process {
  readonly pid: number;
  readonly ppid: number;
  readonly name: string;
}

/** Every living process that works below a directory, or names it in its command line or environment. */
export function processesUnder(directory: string): readonly Process[] {
  const found: Process[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const process_ = readProcess(pid);
    if (process_ !== undefined && belongs(pid, directory)) found.push(process_);
  }
  return found;
}

/** Every living child of a process. */
export function childrenOf(parent: number): readonly Process[] {
  return readdirSync('/proc')
    .map((entry) => (/^\d+$/.test(entry) ? readProcess(Number(entry)) : undefined))
    .filter((process_) => process_ !== undefined)
    .filter(({ ppid }) => ppid === parent);
}

function readProcess(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (afterName[0] === 'Z' || afterName[0] === 'X') return undefined;
    return { pid, ppid: Number(afterName[1]), name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')) };
  } catch {
    return undefined;
  }
}

function belongs(pid: number, directory: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) return true;
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory)) return true;
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(directory);
  } catch {
    return false;
  }
}

/** Sends a signal; that a process is gone already is no error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until nothing belongs to a directory. What stays is killed, and named in the error. */
export async function nobodyUnder(directory: string, patienceMs = 5000): Promise<void> {
  const until = performance.now() + patienceMs;
  while (processesUnder(directory).length > 0 && performance.now() < until) await sleep(20);
  const left = processesUnder(directory);
  if (left.length === 0) return;
  const named = left.map(({ pid, ppid, name }) => `${pid} ${name} (child of ${ppid}): ${commandLine(pid)}`);
  // Again and again: what is killed may just have started another.
  for (let rest = left; rest.length > 0; rest = processesUnder(directory)) {
    for (const { pid } of rest) send(pid, 'SIGKILL');
    await sleep(10);
  }
  throw new Error(`processes were left behind:\n${named.join('\n')}`);
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return 'gone';
  }
}
