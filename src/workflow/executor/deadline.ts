import { systemClock } from '../../jobs/index.ts';
import type { Timer } from '../../model/index.ts';

/** When an execution must have ended. */
export class Deadline implements Disposable {
  hasPassed = false;
  readonly #passed = Promise.withResolvers<void>();
  readonly #timer: Timer | undefined;

  /** `whenPassed` is called once; absent seconds: it never is. */
  constructor(seconds: number | undefined, whenPassed: () => void) {
    if (seconds === undefined) return;
    this.#timer = systemClock.after(seconds * 1000, () => {
      this.hasPassed = true;
      this.#passed.resolve();
      whenPassed();
    });
  }

  /** Resolves after so many seconds, or at the deadline. */
  async pause(seconds: number): Promise<void> {
    if (seconds === 0 || this.hasPassed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = systemClock.after(seconds * 1000, resolve);
    await Promise.race([promise, this.#passed.promise]);
    timer.cancel();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }
}
