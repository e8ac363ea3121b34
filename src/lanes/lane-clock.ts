import type { Clock, Instant, Timer } from '../model/index.ts';

/* oxlint-disable no-restricted-globals, no-restricted-properties, heddle/clock --
   a worker is on its feet within milliseconds, and the room with the system's clock brings much with it */

/** The machine's clocks for a worker, which needs little of them. Timers may come up to a millisecond early. */
export const laneClock: Clock = {
  now: (): Instant => ({ mono: performance.now(), wall: Date.now() }),
  after: (delayMs, callback): Timer => {
    const handle = setTimeout(callback, Math.ceil(Math.min(delayMs, 0x7fffffff)));
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};
