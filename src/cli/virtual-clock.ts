import { type Clock, HeddleError, type Instant, type Timer } from '../model/index.ts';

interface Due {
  readonly at: number;
  readonly callback: () => void;
}

/** Time that passes as fast as what happens in it can be worked through. It begins at 0, on both clocks. */
export class VirtualClock implements Clock {
  #mono = 0;
  /** Latest first, so that the next is popped; among equals the one scheduled first is last. */
  readonly #timers: Due[] = [];
  #soon: (() => void)[] = [];

  now(): Instant {
    return { mono: this.#mono, wall: this.#mono };
  }

  after(delayMs: number, callback: () => void): Timer {
    const due: Due = { at: this.#mono + Math.max(0, delayMs), callback };
    this.#timers.splice(this.#placeOf(due.at), 0, due);
    return {
      cancel: () => {
        const at = this.#timers.indexOf(due);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /**
   * Lets time pass until a promise settles.
   *
   * @throws {HeddleError} GRAPH_INVALID when nothing is left that could settle it
   */
  async until<T>(promise: Promise<T>): Promise<T> {
    const waiting = { settled: false };
    const settle = (): void => {
      waiting.settled = true;
    };
    promise.then(settle, settle);
    for (;;) {
      await microtasksDone();
      if (waiting.settled) return promise;
      if (!this.#step()) {
        throw new HeddleError('GRAPH_INVALID', 'simulated, the graph comes to a standstill', {
          hint: 'a job waits for something that only the real world brings: a custom condition, somebody who releases it',
        });
      }
    }
  }

  /** One turn of the loop: what was put off to it, else everything due at the next point in time. */
  #step(): boolean {
    if (this.#soon.length > 0) {
      const callbacks = this.#soon;
      this.#soon = [];
      for (const callback of callbacks) callback();
      return true;
    }
    const next = this.#timers.at(-1);
    if (next === undefined) return false;
    this.#mono = next.at;
    while (this.#timers.at(-1)?.at === next.at) this.#timers.pop()?.callback();
    return true;
  }

  #placeOf(at: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle] as Due).at > at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Node runs its tick queue when no microtask is left, so this comes after all of them. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
