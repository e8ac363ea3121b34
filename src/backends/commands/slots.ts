import type { Clock, Place, Timer } from '../../model/index.ts';
import type { LiveAttempt } from './live-attempt.ts';

/** A command is short when it is over within this: its launcher then idles for a good part of that until the next comes. */
const SHORT_MS = 20;
/** So many short ones in a row, and more are asked for. */
const MANY = 16;
/** Rounding of fractions of a cpu must not keep one out. */
const SLACK = 1e-9;

export interface SlotsOptions {
  /** As it is offered while nothing is wanted ahead. */
  readonly place: Place;
  readonly clock: Clock;
  /** Starts one that was sent ahead: there is room for it now. */
  readonly start: (attempt: LiveAttempt) => void;
  /** What is offered has changed. */
  readonly changed: (places: readonly Place[]) => void;
}

/**
 * Who has room here, and who was sent ahead and waits for some. While commands are short one more is wanted for each slot,
 * prepared and at hand: it starts as soon as the end of another is heard, and that end is committed while it runs. As
 * soon as one takes long nothing is wanted ahead, and who waits is asked back.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #line: LiveAttempt[] = [];
  #cpus: number;
  #held = 0;
  /** Short commands in a row. */
  #short = 0;
  #timer: Timer | undefined;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#cpus = options.place.cpus;
  }

  /** What is offered now. */
  get places(): readonly Place[] {
    const place = { ...this.#options.place, cpus: this.#cpus };
    return [this.#isHurried ? { ...place, ahead: Math.ceil(this.#cpus) } : place];
  }

  /** It was granted room. */
  hold(attempt: LiveAttempt): void {
    attempt.room = 'held';
    this.#held += attempt.cpus;
  }

  /** It was sent ahead, and starts when there is room. */
  lineUp(attempt: LiveAttempt): void {
    attempt.room = 'awaited';
    this.#line.push(attempt);
    this.#startNext();
    this.#watch();
  }

  /** It has ended, or is not to start any more: its room is the next one's. */
  leave(attempt: LiveAttempt): void {
    const { room } = attempt;
    attempt.room = 'none';
    if (room === 'held') {
      this.#held -= attempt.cpus;
      this.#note(this.#now() - attempt.since);
    } else if (room === 'awaited') this.#line.splice(this.#line.indexOf(attempt), 1);
    this.#startNext();
  }

  /** So many cpus may be held from now on; infinitely many are as many as there were at first. */
  resize(cpus: number): void {
    this.#cpus = cpus === Infinity ? this.#options.place.cpus : cpus;
    this.#options.changed(this.places);
    this.#startNext();
  }

  close(): void {
    this.#timer?.cancel();
    this.#line.length = 0;
  }

  get #isHurried(): boolean {
    return this.#short >= MANY;
  }

  #startNext(): void {
    for (let [next] = this.#line; next !== undefined; [next] = this.#line) {
      if (this.#held + next.cpus > this.#cpus + SLACK) return;
      this.#line.shift();
      this.hold(next);
      next.since = this.#now();
      this.#options.start(next);
    }
  }

  #note(tookMs: number): void {
    const wasHurried = this.#isHurried;
    this.#short = tookMs < SHORT_MS ? this.#short + 1 : 0;
    if (this.#isHurried !== wasHurried) this.#options.changed(this.places);
  }

  /** Nobody ends while long commands run: who waits behind them has to be noticed. */
  #watch(): void {
    if (this.#timer !== undefined || this.#line.length === 0) return;
    this.#timer = this.#options.clock.after(SHORT_MS, () => {
      this.#timer = undefined;
      const [oldest] = this.#line;
      if (oldest !== undefined && this.#now() - oldest.since >= SHORT_MS) this.#note(SHORT_MS);
      this.#watch();
    });
  }

  #now(): number {
    return this.#options.clock.now().mono;
  }
}
