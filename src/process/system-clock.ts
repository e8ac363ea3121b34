import type { Clock, Instant, Random, Timer } from '../model/index.ts';

/** Node takes a delay above this for 1 ms. */
const LONGEST_DELAY_MS = 0x7fffffff;

/** The machine's two clocks. Timers keep the process alive as Node's own do. */
export const systemClock: Clock = {
  now: (): Instant => ({ mono: performance.now(), wall: Date.now() }),
  after: (delayMs, callback) => new SystemTimer(delayMs, callback),
  soon: (callback) => {
    setImmediate(callback);
  },
};

/** Chance of the machine. Not for secrets. */
export const systemRandom: Random = { next: () => Math.random() };

/**
 * One call back. Node's timers may come up to 1 ms early by the monotonic clock, and end at 24.8 days;
 * this one looks again and waits for what is left.
 */
class SystemTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#handle = this.#wait(performance.now() + Math.max(0, delayMs), callback);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #wait(until: number, callback: () => void): NodeJS.Timeout {
    const leftMs = Math.ceil(until - performance.now());
    return setTimeout(
      () => {
        if (performance.now() >= until) callback();
        else this.#handle = this.#wait(until, callback);
      },
      Math.min(Math.max(0, leftMs), LONGEST_DELAY_MS),
    );
  }
}
