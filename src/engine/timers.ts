import { Heap } from './heap.ts';
import type { RunState } from './run-state.ts';

/** What a timer of the core is about. One that is no longer true when it is due is passed over. */
export type TimerKind =
  /** A job's pause between attempts is over. */
  | 'backoff'
  | 'queue-timeout'
  | 'start-timeout'
  | 'run-timeout'
  | 'heartbeat'
  /** Ask again what became of an attempt that does not answer. */
  | 'recheck'
  /** A job has been passed over for so long that it may reserve. */
  | 'reserve'
  /** Look at a condition again. */
  | 'condition';

export interface TimerEntry {
  /** Monotonic milliseconds. */
  readonly due: number;
  readonly kind: TimerKind;
  readonly run: RunState;
  readonly job: number;
  /** The attempt it belongs to; a timer of an earlier attempt means nothing. */
  readonly fence: number;
}

/** All that waits for time, in one heap. */
export class Timers {
  readonly #heap: Heap<TimerEntry> = new Heap((a, b) => a.due < b.due);
  /** At so many, those that mean nothing any more are thrown away. */
  #most = 1024;

  add(
    due: number,
    kind: TimerKind,
    about: { readonly run: RunState; readonly job: number; readonly fence: number },
  ): void {
    this.#heap.push({ due, kind, run: about.run, job: about.job, fence: about.fence });
    if (this.#heap.size < this.#most) return;
    this.#heap.keep(meansSomething);
    this.#most = Math.max(1024, 2 * this.#heap.size);
  }

  get size(): number {
    return this.#heap.size;
  }

  /** When the next one is due; undefined when nothing waits for time. */
  next(): number | undefined {
    return this.#heap.peek()?.due;
  }

  /** The next one that is due, taken out. */
  takeDue(mono: number): TimerEntry | undefined {
    const entry = this.#heap.peek();
    return entry !== undefined && entry.due <= mono ? this.#heap.pop() : undefined;
  }
}

/** Whether a timer, were it due now, would be about something that is still so. */
function meansSomething({ due, kind, run, job, fence }: TimerEntry): boolean {
  switch (kind) {
    case 'backoff':
      return run.wakeAt.has(job) && run.table.fence[job] === fence;
    case 'queue-timeout':
      return run.queueDue.get(job) === due;
    case 'condition':
      return run.looks.get(job) === due;
    case 'reserve':
      return run.queueOf(job).passedOverSince !== undefined;
    case 'start-timeout':
    case 'run-timeout':
    case 'heartbeat':
    case 'recheck':
      return run.attemptOf.get(job)?.fence === fence;
  }
}
