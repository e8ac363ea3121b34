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

  add(
    due: number,
    kind: TimerKind,
    about: { readonly run: RunState; readonly job: number; readonly fence: number },
  ): void {
    this.#heap.push({ due, kind, run: about.run, job: about.job, fence: about.fence });
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
