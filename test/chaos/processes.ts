import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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
