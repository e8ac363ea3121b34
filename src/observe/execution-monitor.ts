import {
  asError,
  type AttemptProcess,
  type EngineEvent,
  HeddleError,
  isFinal,
  type ObservedEngine,
  type Observer,
  type RunId,
  type Timer,
} from '../model/index.ts';
import { listProcesses, type ProcessStat, readIo, readProcess } from '../process/index.ts';
import { Membership } from './membership.ts';
import { Meter, type ReadIo } from './meter.ts';
import { RUN_SAMPLES, Series } from './series.ts';
import { sweepUsage, UsageLog } from './usage-log.ts';

/** What is measured, and how often. */
export interface MonitorOptions {
  /** @default true */
  readonly cpu?: boolean;
  /** @default true */
  readonly memory?: boolean;
  /** @default true */
  readonly io?: boolean;
  /** Milliseconds between two looks. @default 1000 */
  readonly intervalMs?: number;
}

/** What was seen so far, over all attempts and the engine's own process together. What is not measured is 0. */
export interface MonitorReport {
  /** Of one core: two busy cores are 200. */
  readonly peakCpuPercent: number;
  /** Resident, in units of 1,000,000 bytes. */
  readonly peakMemoryMb: number;
  /** Calls to read and to write. */
  readonly totalIoOperations: number;
  /** The same of the engine's process alone, in which `inline` and `threads` calls run. */
  readonly engine: { readonly peakCpuPercent: number; readonly peakMemoryMb: number };
  /** Looks at the process table. */
  readonly samples: number;
}

/** Less often than this a curve says nothing of a task; more often, looking costs more than 1 % of a core. */
const LEAST_INTERVAL_MS = 100;
const MB = 1_000_000;

interface LiveRun {
  running: number;
  readonly attempts: Series;
  readonly engine: Series;
  ioBytes: number;
}

interface LiveAttempt {
  readonly run: RunId;
  readonly index: number;
  readonly fence: number;
  readonly meter: Meter;
}

/**
 * Measures what attempts use while they run, by looking: one walk through the process table a look, for all attempts of all
 * runs of an engine. A process belongs to an attempt by session, by parent and by the attempt's id in its environment.
 * What runs in the engine's own process (`inline`, `threads`) can't be told apart from it: it is counted as the engine's.
 * While nothing runs nobody looks. On systems without `/proc` it measures nothing.
 *
 * @example
 * const monitor = new ExecutionMonitor({ intervalMs: 500 });
 * await using engine = await Engine.open({ store: '.heddle', observers: [monitor] });
 * await (await engine.run(graph)).wait();
 * console.log(monitor.report().peakMemoryMb);
 */
export class ExecutionMonitor implements Observer {
  readonly #options: Required<MonitorOptions>;
  #peakCpuPercent = 0;
  #peakBytes = 0;
  #operations = 0;
  #enginePeakCpuPercent = 0;
  #enginePeakBytes = 0;
  #samples = 0;
  readonly #sessions = new Set<Session>();

  /** @throws {HeddleError} INPUT_INVALID for an interval below 100 ms */
  constructor(options: MonitorOptions = {}) {
    const { cpu = true, memory = true, io = true, intervalMs = 1000 } = options;
    if (!(intervalMs >= LEAST_INTERVAL_MS)) {
      throw new HeddleError('INPUT_INVALID', `a monitor can't look every ${String(intervalMs)} ms`, {
        hint: `give intervalMs, ${LEAST_INTERVAL_MS} or more: looking more often costs more than it tells`,
      });
    }
    this.#options = { cpu, memory, io, intervalMs };
  }

  observe(engine: ObservedEngine): AsyncDisposable {
    const session = new Session(engine, this.#options, (look) => this.#note(look));
    this.#sessions.add(session);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#operations += session.operations();
        this.#sessions.delete(session);
        await session.close();
      },
    };
  }

  /** What was seen so far; of engines that were closed too. */
  report(): MonitorReport {
    const { cpu, memory, io } = this.#options;
    let operations = this.#operations;
    for (const session of this.#sessions) operations += session.operations();
    return {
      peakCpuPercent: cpu ? tenth(this.#peakCpuPercent) : 0,
      peakMemoryMb: memory ? tenth(this.#peakBytes / MB) : 0,
      totalIoOperations: io ? operations : 0,
      engine: {
        peakCpuPercent: cpu ? tenth(this.#enginePeakCpuPercent) : 0,
        peakMemoryMb: memory ? tenth(this.#enginePeakBytes / MB) : 0,
      },
      samples: this.#samples,
    };
  }

  #note({ attempts, engine }: Look): void {
    this.#samples += 1;
    this.#peakCpuPercent = Math.max(this.#peakCpuPercent, attempts.cpuPercent + engine.cpuPercent);
    this.#peakBytes = Math.max(this.#peakBytes, attempts.rssBytes + engine.rssBytes);
    this.#enginePeakCpuPercent = Math.max(this.#enginePeakCpuPercent, engine.cpuPercent);
    this.#enginePeakBytes = Math.max(this.#enginePeakBytes, engine.rssBytes);
  }
}

interface Amount {
  readonly cpuPercent: number;
  readonly rssBytes: number;
}

interface Look {
  readonly attempts: Amount;
  readonly engine: Amount;
}

/** The watch over one engine: a timer while something runs, a meter for each attempt that lived at a look. */
class Session {
  readonly #engine: ObservedEngine;
  readonly #options: Required<MonitorOptions>;
  readonly #looked: (look: Look) => void;
  readonly #membership: Membership;
  readonly #own: Meter;
  readonly #readIo: ReadIo | undefined;
  readonly #log: UsageLog;
  readonly #runs = new Map<RunId, LiveRun>();
  readonly #live = new Map<string, LiveAttempt>();
  readonly #stop: () => void;
  readonly #sweeping: Promise<void>;
  #timer: Timer | undefined;
  #running = 0;
  #endedOperations = 0;
  #lookedAt = -Infinity;

  constructor(engine: ObservedEngine, options: Required<MonitorOptions>, looked: (look: Look) => void) {
    this.#engine = engine;
    this.#options = options;
    this.#looked = looked;
    this.#readIo = options.io ? readIo : undefined;
    const own = readProcess(process.pid);
    this.#membership = new Membership(own?.start ?? 0);
    const now = engine.clock.now().mono;
    this.#own = new Meter(now, own === undefined ? {} : { leader: alone(own) });
    this.#log = new UsageLog(engine.directory, (error) => this.#complain(error));
    this.#stop = engine.listen((events) => this.#hear(events));
    this.#sweeping = sweepUsage(engine.directory, engine.store).catch((error: unknown) => this.#complain(error));
  }

  /** Calls to read and to write so far, of all attempts that were seen and of this process. */
  operations(): number {
    let sum = this.#endedOperations + this.#own.usage().ioOperations;
    for (const { meter } of this.#live.values()) sum += meter.usage().ioOperations;
    return sum;
  }

  async close(): Promise<void> {
    this.#stop();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const [run, live] of this.#runs) this.#tellRun(run, live);
    this.#runs.clear();
    await this.#sweeping;
    await this.#log.flushed();
  }

  #hear(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.kind === 'run' && isFinal(event.status)) this.#runEnded(event.run);
      if (event.kind !== 'job') continue;
      if (event.status === 'running' && event.from !== 'running') this.#count(event.run, 1);
      if (event.status === 'running' || event.from !== 'running') continue;
      this.#count(event.run, -1);
      this.#attemptEnded(`${event.run}/${event.index}/${event.fence}`);
    }
    if (this.#running > 0 && this.#timer === undefined) this.#arm(true);
  }

  #count(run: RunId, by: number): void {
    let live = this.#runs.get(run);
    if (live === undefined) {
      const startedAt = this.#engine.clock.now().wall;
      const series = (): Series => new Series(startedAt, this.#options.intervalMs, RUN_SAMPLES);
      live = { running: 0, attempts: series(), engine: series(), ioBytes: 0 };
      this.#runs.set(run, live);
    }
    live.running += by;
    this.#running += by;
  }

  /** After a rest the first look only says from where to count. */
  #arm(isFirst: boolean): void {
    if (isFirst) this.#lookUnlessJust();
    this.#timer = this.#engine.clock.after(this.#options.intervalMs, () => {
      this.#timer = undefined;
      this.#look();
      if (this.#running > 0) this.#arm(false);
    });
  }

  /** Many short runs one after the other must not make it look all the time. */
  #lookUnlessJust(): void {
    if (this.#engine.clock.now().mono - this.#lookedAt >= this.#options.intervalMs / 4) this.#look();
  }

  #look(): void {
    try {
      this.#lookAtAll();
    } catch (error) {
      this.#complain(error);
    }
  }

  #lookAtAll(): void {
    const { clock } = this.#engine;
    const now = clock.now();
    this.#lookedAt = now.mono;
    const processes = listProcesses();
    const attempts = [...this.#engine.processes()];
    const members = this.#membership.sort(processes, attempts);
    const sums = new Map<RunId, { cpuPercent: number; rssBytes: number }>();
    for (const attempt of attempts) {
      const meter = this.#meterOf(attempt, members.get(attempt.attempt) ?? []);
      const amount = meter.look(members.get(attempt.attempt) ?? [], now.mono, this.#readIo);
      const sum = sums.get(attempt.run) ?? { cpuPercent: 0, rssBytes: 0 };
      sums.set(attempt.run, {
        cpuPercent: sum.cpuPercent + amount.cpuPercent,
        rssBytes: sum.rssBytes + amount.rssBytes,
      });
    }
    const own = processes.find(({ pid }) => pid === process.pid);
    const engine = this.#own.look(own === undefined ? [] : [alone(own)], now.mono, this.#readIo);
    const all = { cpuPercent: 0, rssBytes: 0 };
    for (const [run, live] of this.#runs) {
      const { cpuPercent, rssBytes } = sums.get(run) ?? { cpuPercent: 0, rssBytes: 0 };
      all.cpuPercent += cpuPercent;
      all.rssBytes += rssBytes;
      live.attempts.push({ cpuPercent, rssBytes, ioBytes: live.ioBytes });
      live.engine.push({ ...engine, ioBytes: 0 });
    }
    this.#looked({ attempts: all, engine });
  }

  #meterOf(attempt: AttemptProcess, members: readonly ProcessStat[]): Meter {
    const key = `${attempt.run}/${attempt.index}/${attempt.fence}`;
    const known = this.#live.get(key);
    if (known !== undefined) return known.meter;
    const { mono, wall } = this.#engine.clock.now();
    const leader = attempt.isMember ? members.find(({ pid }) => pid === attempt.pid) : undefined;
    // What is seen for the first time has begun since the look before.
    const meter = new Meter(mono - this.#options.intervalMs, {
      series: new Series(wall, this.#options.intervalMs),
      ...(leader === undefined ? {} : { leader }),
      ...(this.#readIo === undefined ? {} : { readIo: this.#readIo }),
    });
    const { run, index, fence } = attempt;
    this.#live.set(key, { run, index, fence, meter });
    return meter;
  }

  #attemptEnded(key: string): void {
    const live = this.#live.get(key);
    if (live === undefined) return;
    this.#live.delete(key);
    const usage = live.meter.usage();
    // Over before its first look: nobody knows.
    if (usage.maxRssBytes === 0) return;
    const run = this.#runs.get(live.run);
    if (run !== undefined) run.ioBytes += usage.readBytes + usage.writtenBytes;
    this.#endedOperations += usage.ioOperations;
    const series = live.meter.series();
    // One look is a point, not a curve.
    const curve = series === undefined || series.cpu.length < 2 ? {} : { series };
    this.#log.add(live.run, { kind: 'attempt', job: live.index, fence: live.fence, ...usage, ...curve });
  }

  #runEnded(run: RunId): void {
    const live = this.#runs.get(run);
    if (live === undefined) return;
    // What a short run did since the last look is seen too.
    this.#lookUnlessJust();
    this.#runs.delete(run);
    this.#running -= live.running;
    this.#tellRun(run, live);
  }

  #tellRun(run: RunId, { attempts, engine }: LiveRun): void {
    if (attempts.length > 1) this.#log.add(run, { kind: 'run', attempts: attempts.data(), engine: engine.data() });
  }

  #complain(error: unknown): void {
    this.#engine.logger.warn(
      { error: asError(error).message },
      'what attempts use could not be measured or written down',
    );
  }
}

/** A process without its children: those of an engine's are its attempts'. */
function alone(stat: ProcessStat): ProcessStat {
  return { ...stat, childUserTicks: 0, childSystemTicks: 0 };
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
