/** How much one call weighs in the share of short ones. */
const WEIGHT = 1 / 64;
/** Shares at which more is asked for, and at which less: apart, so that one does not follow the other. */
const MANY = 0.9;
const FEW = 0.5;

/**
 * Whether calls have lately been so short that workers would idle between two of them unless more are at hand. Says so
 * when it changes.
 */
export class Pressure {
  readonly #changed: (isHurried: boolean) => void;
  #share = 0;
  #isHurried = false;

  constructor(changed: (isHurried: boolean) => void) {
    this.#changed = changed;
  }

  /** A call has ended. */
  note(wasShort: boolean): void {
    this.#share += ((wasShort ? 1 : 0) - this.#share) * WEIGHT;
    const isHurried = this.#isHurried ? this.#share > FEW : this.#share > MANY;
    if (isHurried === this.#isHurried) return;
    this.#isHurried = isHurried;
    this.#changed(isHurried);
  }
}
