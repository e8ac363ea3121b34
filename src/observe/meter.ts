import { type IoCounters, PAGE_BYTES, type ProcessStat, TICKS_PER_SECOND } from '../process/index.ts';
import type { Series, SeriesData } from './series.ts';

/** What an attempt used, as it was seen by looking. */
export interface MeasuredUsage {
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
  readonly peakCpuPercent: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly ioOperations: number;
}

/** Reads what one process has read and written; undefined where that is not to be known. */
export type ReadIo = (pid: number) => IoCounters | undefined;

interface Counted {
  ticks: number;
  readBytes: number;
  writtenBytes: number;
  operations: number;
}

const NOTHING: Readonly<Counted> = { ticks: 0, readBytes: 0, writtenBytes: 0, operations: 0 };
const FIELDS = ['ticks', 'readBytes', 'writtenBytes', 'operations'] as const;

/**
 * Adds up what the processes of one attempt use. A process's counters hold those of children it has waited for, so a child
 * that ends moves into its parent's; where the sum gets smaller somebody ended whom no member waited for, and what went
 * is kept. The process of a lane has had calls before: what it had used at the first look is not this attempt's.
 */
export class Meter {
  readonly #series: Series | undefined;
  readonly #before: Counted;
  readonly #kept: Counted = { ...NOTHING };
  #last: Counted;
  #lastAt: number;
  #maxRssBytes = 0;
  #peakCpuPercent = 0;

  /** `leader`: the process that had a life before. `nowMs` is monotonic. */
  constructor(
    nowMs: number,
    init: { readonly leader?: ProcessStat; readonly readIo?: ReadIo; readonly series?: Series } = {},
  ) {
    this.#lastAt = nowMs;
    this.#series = init.series;
    this.#before = init.leader === undefined ? { ...NOTHING } : countersOf([init.leader], init.readIo);
    this.#last = { ...this.#before };
  }

  /** Takes a look. Gives what is to be added to the whole's. */
  look(
    members: readonly ProcessStat[],
    nowMs: number,
    readIo?: ReadIo,
  ): { readonly cpuPercent: number; readonly rssBytes: number } {
    const before = this.#total('ticks');
    const now = countersOf(members, readIo);
    for (const field of FIELDS) this.#kept[field] += Math.max(0, this.#last[field] - now[field]);
    this.#last = now;
    const seconds = (nowMs - this.#lastAt) / 1000;
    this.#lastAt = nowMs;
    const used = (this.#total('ticks') - before) / TICKS_PER_SECOND;
    const cpuPercent = seconds > 0 ? (100 * used) / seconds : 0;
    const rssBytes = members.reduce((sum, stat) => sum + stat.rssPages * PAGE_BYTES, 0);
    this.#maxRssBytes = Math.max(this.#maxRssBytes, rssBytes);
    this.#peakCpuPercent = Math.max(this.#peakCpuPercent, cpuPercent);
    this.#series?.push({ cpuPercent, rssBytes, ioBytes: this.#total('readBytes') + this.#total('writtenBytes') });
    return { cpuPercent, rssBytes };
  }

  usage(): MeasuredUsage {
    return {
      cpuSeconds: this.#total('ticks') / TICKS_PER_SECOND,
      maxRssBytes: this.#maxRssBytes,
      peakCpuPercent: Math.round(this.#peakCpuPercent * 10) / 10,
      readBytes: this.#total('readBytes'),
      writtenBytes: this.#total('writtenBytes'),
      ioOperations: this.#total('operations'),
    };
  }

  series(): SeriesData | undefined {
    return this.#series?.data();
  }

  #total(field: (typeof FIELDS)[number]): number {
    return Math.max(0, this.#kept[field] + this.#last[field] - this.#before[field]);
  }
}

function countersOf(members: readonly ProcessStat[], readIo: ReadIo | undefined): Counted {
  const sum = { ...NOTHING };
  for (const stat of members) {
    sum.ticks += stat.userTicks + stat.systemTicks + stat.childUserTicks + stat.childSystemTicks;
    const io = readIo?.(stat.pid);
    if (io === undefined) continue;
    sum.readBytes += io.readBytes;
    sum.writtenBytes += io.writtenBytes;
    sum.operations += io.operations;
  }
  return sum;
}
