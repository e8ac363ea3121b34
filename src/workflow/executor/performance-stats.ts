import type { Execution } from './execution.ts';
import type { TaskState } from './task-states.ts';

/** Of many spans of time, in seconds. */
export interface Spans {
  readonly mean: number;
  readonly longest: number;
  readonly total: number;
}

/** What tasks used, where the operating system said it. */
export interface TaskUsage {
  /** The most that one held, in units of 1,000,000 bytes. */
  readonly peakMemoryMb: number;
  /** Of all together: user and system. */
  readonly cpuSeconds: number;
}

/** What an executor has done, over all it executed. Times are in seconds. */
export interface PerformanceStats {
  readonly executions: number;
  readonly completedTasks: number;
  readonly failedTasks: number;
  /** Attempts beyond each task's first. */
  readonly retries: number;
  /** While something was executed. */
  readonly wallSeconds: number;
  /** From when a task could have started to when its latest attempt did. */
  readonly queueSeconds: Spans;
  /** Of latest attempts. */
  readonly runSeconds: Spans;
  /** Completed tasks a second of `wallSeconds`. */
  readonly tasksPerSecond: number;
  /** With `resourceMonitoring`. */
  readonly usage?: TaskUsage;
}

interface Sums {
  count: number;
  total: number;
  longest: number;
}

/** Adds up what executions came to. */
export class PerformanceLog {
  #executions = 0;
  #completed = 0;
  #failed = 0;
  #retries = 0;
  #wallMs = 0;
  readonly #queue: Sums = { count: 0, total: 0, longest: 0 };
  readonly #runs: Sums = { count: 0, total: 0, longest: 0 };
  #peakBytes = 0;
  #cpuSeconds = 0;
  /** When the first of those that are executing began. */
  #busySince = 0;
  #busy = 0;

  began(now: number): void {
    if (this.#busy === 0) this.#busySince = now;
    this.#busy += 1;
  }

  ended(now: number): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#wallMs += now - this.#busySince;
  }

  /** An execution has ended that began, or went on, at a time. */
  add(execution: Execution, beganAt: number): void {
    this.#executions += 1;
    for (const [name, state] of execution.states) {
      const { startedAt, endedAt, outcome } = state;
      if (startedAt < beganAt) continue;
      const word = execution.states.word(name);
      if (word === 'completed') this.#completed += 1;
      if (word === 'failed') this.#failed += 1;
      this.#retries += Math.max(0, state.attempts - 1);
      note(this.#queue, startedAt - readyAt(name, { execution, beganAt }));
      if (endedAt > 0) note(this.#runs, endedAt - startedAt);
      const usage = outcome?.usage;
      this.#peakBytes = Math.max(this.#peakBytes, usage?.maxRssBytes ?? 0);
      this.#cpuSeconds += (usage?.userSeconds ?? 0) + (usage?.systemSeconds ?? 0);
    }
  }

  stats(now: number, withUsage: boolean): PerformanceStats {
    const wallSeconds = (this.#wallMs + (this.#busy === 0 ? 0 : now - this.#busySince)) / 1000;
    return {
      executions: this.#executions,
      completedTasks: this.#completed,
      failedTasks: this.#failed,
      retries: this.#retries,
      wallSeconds,
      queueSeconds: spansOf(this.#queue),
      runSeconds: spansOf(this.#runs),
      tasksPerSecond: wallSeconds === 0 ? 0 : this.#completed / wallSeconds,
      ...(withUsage ? { usage: { peakMemoryMb: this.#peakBytes / 1e6, cpuSeconds: this.#cpuSeconds } } : {}),
    };
  }
}

function readyAt(name: string, { execution, beganAt }: { execution: Execution; beganAt: number }): number {
  const deps = execution.plan.tasks.get(name)?.task.deps ?? [];
  const ends = deps.map((each): TaskState => execution.states.get(each)).map(({ endedAt }) => endedAt);
  return Math.max(beganAt, ...ends);
}

function note(sums: Sums, ms: number): void {
  const span = Math.max(0, ms);
  sums.count += 1;
  sums.total += span;
  sums.longest = Math.max(sums.longest, span);
}

function spansOf({ count, total, longest }: Sums): Spans {
  return { mean: count === 0 ? 0 : total / count / 1000, longest: longest / 1000, total: total / 1000 };
}
