import type { Clock } from '../../model/index.ts';
import { ProcessTable } from '../../process/index.ts';
import type { LiveAttempt } from './live-attempt.ts';

/** How often it looks whether anything is due. A second is a long time for a flood, 100 ms cost nothing. */
const TICK_MS = 100;
const FASTEST_MS = 25;
const SAMPLE_MS = 1000;

export interface WatchOptions {
  readonly clock: Clock;
  readonly live: ReadonlyMap<string, LiveAttempt>;
  /** Called once for each attempt that lives at the first look at it: one that is over sooner is never written down. */
  readonly first: (attempt: LiveAttempt) => void;
  /** Called about once a second for each attempt that lives. */
  readonly alive: (attempt: LiveAttempt) => void;
  /** Called with what went wrong while looking at one: the watch goes on. */
  readonly failed: (attempt: LiveAttempt, error: unknown) => void;
}

/**
 * Looks after what runs: keeps captured output within its bound, measures use, tells that it lives. One timer for
 * all, and none while nothing runs. What ends within the first tick is never looked at here.
 */
export class Watch {
  readonly #options: WatchOptions;
  #running = false;
  #sampledAt = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Something runs now. */
  wake(): void {
    if (this.#running) return;
    this.#running = true;
    this.#options.clock.after(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const { clock, live } = this.#options;
    if (live.size === 0) {
      this.#running = false;
      return;
    }
    const now = clock.now().mono;
    let next = TICK_MS;
    for (const attempt of live.values()) {
      if (attempt.room === 'awaited') continue;
      if (!attempt.isMet) {
        attempt.isMet = true;
        this.#options.first(attempt);
      }
      if (attempt.lookAt <= now) attempt.lookAt = now + this.#look(attempt, now);
      next = Math.min(next, Math.max(FASTEST_MS, attempt.lookAt - now));
    }
    if (now - this.#sampledAt >= SAMPLE_MS) this.#sample(now);
    clock.after(next, () => this.#tick());
  }

  #look(attempt: LiveAttempt, now: number): number {
    try {
      return attempt.guard.look(now);
    } catch (error) {
      this.#options.failed(attempt, error);
      return SAMPLE_MS;
    }
  }

  #sample(now: number): void {
    this.#sampledAt = now;
    const old = [...this.#options.live.values()].filter(
      ({ room, since }) => room !== 'awaited' && now - since >= SAMPLE_MS / 2,
    );
    if (old.length === 0) return;
    const table = new ProcessTable();
    for (const attempt of old) {
      attempt.sample(table);
      this.#options.alive(attempt);
    }
  }
}
