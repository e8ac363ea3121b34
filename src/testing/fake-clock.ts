import type { Clock, Instant, Timer } from '../model/index.ts';

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * A clock that moves when it is told to. `advance` calls back what falls due, in order of time; `soon` is called
 * back by `turn`, and by `advance` after each point in time, as the turn of the loop would.
 */
export class FakeClock implements Clock {
  #mono = 0;
  #wall: number;
  #pending: Pending[] = [];
  #soon: (() => void)[] = [];

  /** `wallMs`: epoch milliseconds at the start. */
  constructor(wallMs = 0) {
    this.#wall = wallMs;
  }

  now(): Instant {
    return { mono: this.#mono, wall: this.#wall };
  }

  after(delayMs: number, callback: () => void): Timer {
    const pending: Pending = { at: this.#mono + Math.max(0, delayMs), callback };
    this.#pending.push(pending);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((each) => each !== pending);
      },
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Ends this turn of the loop: calls back what asked for `soon`, and what that asked for in turn. */
  turn(): void {
    for (let callback = this.#soon.shift(); callback !== undefined; callback = this.#soon.shift()) callback();
  }

  /** Lets time pass on both clocks. */
  advance(ms: number): void {
    const end = this.#mono + ms;
    this.turn();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#moveTo(next.at);
      this.#pending = this.#pending.filter((each) => each !== next);
      next.callback();
      this.turn();
    }
    this.#moveTo(end);
  }

  /** Sets the wall clock forward or back; the monotonic one goes on as before. */
  jumpWall(byMs: number): void {
    this.#wall += byMs;
  }

  #moveTo(mono: number): void {
    this.#wall += mono - this.#mono;
    this.#mono = mono;
  }

  /** What falls due first, up to a point in time; among equals what was asked for first. */
  #next(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const each of this.#pending) if (each.at <= end && (first === undefined || each.at < first.at)) first = each;
    return first;
  }
}
