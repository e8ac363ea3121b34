/** Of waits that are in vain one in so many is tried, in the end: times have changed when it is not. */
const RAREST = 64;

/**
 * Whether it is worth to wait awake for something, going by how it went before: sleeping and being woken cost more than
 * a short wait, and a wait in vain is time that others could use. Each in a row that was in vain halves how often it is tried.
 */
export class Patience {
  #between = 1;
  #left = 0;

  /** Asked before each wait. */
  isWorthIt(): boolean {
    if (this.#left === 0) return true;
    this.#left -= 1;
    return false;
  }

  /** What was waited for has come, or has not. */
  learn(hasCome: boolean): void {
    this.#between = hasCome ? 1 : Math.min(this.#between * 2, RAREST);
    this.#left = this.#between - 1;
  }
}
