/** One reading of both clocks, in milliseconds. */
export interface Instant {
  /** Never goes back and never jumps: for timeouts, backoff, leases. Its zero means nothing. */
  readonly mono: number;
  /** Epoch milliseconds: for points in time that people name. May jump either way. */
  readonly wall: number;
}

/**
 * Where time comes from. The engine reads no other clock, so that a simulated one can
 * stand in for it.
 */
export interface Clock {
  now(): Instant;
  /** Calls back once, not before `delayMs` have passed on the monotonic clock. */
  after(delayMs: number, callback: () => void): Timer;
  /**
   * Calls back once, after what is at hand in this turn of the loop is done: the engine
   * gathers what happened in a turn and commits it together.
   */
  soon(callback: () => void): void;
}

/** A pending callback of a `Clock`. */
export interface Timer {
  cancel(): void;
}

/** Where chance comes from: uniform in [0, 1). */
export interface Random {
  next(): number;
}
