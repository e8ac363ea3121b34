import type { Clock, Instant, Timer } from '../model/index.ts';

/**
 * A clock for a process that stands still for a while: between `stop` and `go` it calls nobody back, and what fell due
 * meanwhile comes after `go`. Time itself goes on.
 */
export class StoppableClock implements Clock {
  readonly #inner: Clock;
  #held: (() => void)[] | undefined;

  constructor(inner: Clock) {
    this.#inner = inner;
  }

  now(): Instant {
    return this.#inner.now();
  }

  after(delayMs: number, callback: () => void): Timer {
    let isCancelled = false;
    const timer = this.#inner.after(delayMs, () => {
      this.#pass(() => {
        if (!isCancelled) callback();
      });
    });
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  soon(callback: () => void): void {
    this.#inner.soon(() => {
      this.#pass(callback);
    });
  }

  stop(): void {
    this.#held ??= [];
  }

  go(): void {
    const due = this.#held ?? [];
    this.#held = undefined;
    for (const callback of due) this.#inner.soon(callback);
  }

  #pass(callback: () => void): void {
    if (this.#held === undefined) callback();
    else this.#held.push(callback);
  }
}
