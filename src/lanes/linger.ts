import type { Clock } from '../model/index.ts';
import { Patience } from './patience.ts';

/** Longer than a list of calls that take no time is away; what is lost when nothing comes. */
const LINGER_MS = 0.05;

/**
 * Keeps the event loop turning for a moment instead of asleep: to be woken by a worker's word costs both of them several
 * times what the word does. Everything else in the loop has its turn meanwhile.
 */
export class Linger {
  readonly #clock: Clock;
  readonly #patience = new Patience();
  #until = 0;
  #isTurning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A word has come for which it may have been kept turning. */
  heard(): void {
    if (this.#isTurning) this.#patience.learn(true);
  }

  /** Another word is about to come: the loop turns until then, for 0.05 ms at most. */
  begin(): void {
    if (!this.#isTurning && !this.#patience.isWorthIt()) return;
    this.#until = this.#clock.now().mono + LINGER_MS;
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#again();
  }

  #again(): void {
    this.#clock.soon(() => {
      if (this.#clock.now().mono < this.#until) return this.#again();
      this.#isTurning = false;
      this.#patience.learn(false);
    });
  }
}
