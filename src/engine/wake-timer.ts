import type { Clock, Timer } from '../model/index.ts';

/** The engine's one timer: it wakes at the earliest of what it is asked for. */
export class WakeTimer {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #timer: Timer | undefined;
  #due = Infinity;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Wakes at `due` on the monotonic clock, unless it does so before: then it is asked again. */
  arm(due: number, now: number): void {
    if (this.#timer !== undefined && this.#due <= due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#clock.after(Math.max(0, due - now), () => {
      this.#timer = undefined;
      this.#due = Infinity;
      this.#wake();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#due = Infinity;
  }
}
