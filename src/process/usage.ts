import { readFileSync } from 'node:fs';
import type { Usage } from '../model/index.ts';
import { type ProcessStat, readProcess } from './identity.ts';
import { listProcesses } from './members.ts';

/** The kernel's unit for times in `/proc`: USER_HZ, 100 on every Linux this runs on. */
export const TICKS_PER_SECOND = 100;
export const PAGE_BYTES = 4096;

/** One look at all processes, so that many attempts are measured with one walk through `/proc`. */
export class ProcessTable {
  readonly #bySession = new Map<number, ProcessStat[]>();

  constructor(processes: readonly ProcessStat[] = listProcesses()) {
    for (const stat of processes) {
      const members = this.#bySession.get(stat.session);
      if (members === undefined) this.#bySession.set(stat.session, [stat]);
      else members.push(stat);
    }
  }

  session(session: number): readonly ProcessStat[] {
    return this.#bySession.get(session) ?? [];
  }
}

/**
 * What one job of a launcher uses: memory as the peak of what its processes held together at our looks (or of one
 * process ever, if that is more); CPU as what the launcher was told of by waiting, exact for all that was waited for.
 */
export class UsageMeter {
  readonly #launcher: number;
  readonly #before: ProcessStat | undefined;
  #peakBytes = 0;

  /** Begins to measure the job a launcher has in hand; the job must not have ended. */
  constructor(launcher: number) {
    this.#launcher = launcher;
    this.#before = readProcess(launcher);
  }

  /** Takes a look at what lives now; gives what it holds together, in bytes. */
  sample(table: ProcessTable): number {
    let together = 0;
    for (const stat of table.session(this.#launcher)) {
      if (stat.pid === this.#launcher) continue;
      together += stat.rssPages * PAGE_BYTES;
      this.#peakBytes = Math.max(this.#peakBytes, peakOf(stat.pid));
    }
    this.#peakBytes = Math.max(this.#peakBytes, together);
    return together;
  }

  /** What was used; call it when the launcher has waited for the job and has no other yet. */
  read(): Usage {
    const after = readProcess(this.#launcher);
    const memory = this.#peakBytes === 0 ? {} : { maxRssBytes: this.#peakBytes };
    if (after === undefined || this.#before === undefined) return memory;
    return {
      ...memory,
      userSeconds: (after.childUserTicks - this.#before.childUserTicks) / TICKS_PER_SECOND,
      systemSeconds: (after.childSystemTicks - this.#before.childSystemTicks) / TICKS_PER_SECOND,
    };
  }
}

/** The most memory a process ever had resident, in bytes; 0 when it is gone. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
