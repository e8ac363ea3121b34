import type { Clock, Logger, Random, Timer } from '../../model/index.ts';
import { deliver, type Delivery } from './deliver.ts';
import type { Outbox, OutboxEntry } from './outbox.ts';
import { parseTarget, targetName } from './target.ts';

/** How hard is tried. */
export interface SendLimits {
  /** Messages that are kept; the oldest goes when there is one more. @default 1000 */
  readonly most: number;
  /** After so long a message is given up. @default 3 days */
  readonly longestMs: number;
  /** Of one try. @default 10000 */
  readonly timeoutMs: number;
  /** Pause after the first failed try; it doubles. @default 1000 */
  readonly firstPauseMs: number;
  /** Pauses grow no further. @default 15 minutes */
  readonly longestPauseMs: number;
}

export const SEND_LIMITS: SendLimits = {
  most: 1000,
  longestMs: 3 * 24 * 3_600_000,
  timeoutMs: 10_000,
  firstPauseMs: 1000,
  longestPauseMs: 15 * 60_000,
};

export interface SenderOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: SendLimits;
}

/** What is in memory of a message: the rest is in its file. */
interface Waiting {
  tries: number;
  /** On the monotonic clock. */
  dueAt: number;
}

/** Tries that go on side by side. */
const AT_ONCE = 4;

/**
 * Sends what is in an outbox, each message until its target has it: `waiting` -> (due) `flying` -> gone, or waiting again after
 * a pause. A message leaves its file only when it was delivered, refused for good, or is too old; so one may come twice, and never
 * less than once while its target can be reached in time.
 */
export class Sender {
  readonly #options: SenderOptions;
  /** Oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #flying = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #isClosed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Messages that have not been sent. */
  get size(): number {
    return this.#waiting.size + this.#flying.size;
  }

  /** A message is in the outbox. */
  add(key: string): void {
    if (this.#isClosed || this.#waiting.has(key) || this.#flying.has(key)) return;
    this.#waiting.set(key, { tries: 0, dueAt: this.#now() });
    this.#shrink();
    this.#pump();
  }

  /**
   * Lets what was never tried have its try, for so long at most; then ends what is under way. What was not sent stays in
   * its file.
   */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.#options;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(graceMs, resolve);
    let isLate = false;
    void late.then(() => {
      isLate = true;
    });
    while (!isLate && (this.#flying.size > 0 || this.#hasUntried())) {
      await Promise.race([late, ...this.#flying.values()]);
    }
    timer.cancel();
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#abort.abort();
    await Promise.all(this.#flying.values());
  }

  #hasUntried(): boolean {
    for (const { tries } of this.#waiting.values()) if (tries === 0) return true;
    return false;
  }

  #shrink(): void {
    const { most } = this.#options.limits;
    if (this.size <= most) return;
    const oldest = this.#waiting.keys().next().value;
    if (oldest === undefined) return;
    this.#waiting.delete(oldest);
    this.#complain({ most }, 'too many notifications wait to be sent: the oldest is given up');
    void this.#options.outbox.remove(oldest).catch(() => undefined);
  }

  #pump(): void {
    if (this.#isClosed) return;
    const now = this.#now();
    let next = Infinity;
    for (const [key, waiting] of this.#waiting) {
      if (waiting.dueAt <= now && this.#flying.size < AT_ONCE) this.#fly(key, waiting);
      else next = Math.min(next, waiting.dueAt);
    }
    if (next === this.#timerAt || this.#flying.size >= AT_ONCE) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = next;
    if (next === Infinity) return;
    this.#timer = this.#options.clock.after(Math.max(0, next - now), () => {
      this.#timer = undefined;
      this.#timerAt = Infinity;
      this.#pump();
    });
  }

  #fly(key: string, waiting: Waiting): void {
    this.#waiting.delete(key);
    const flight = this.#try(key, waiting).finally(() => {
      this.#flying.delete(key);
      this.#pump();
    });
    this.#flying.set(key, flight);
  }

  async #try(key: string, waiting: Waiting): Promise<void> {
    const { outbox, clock, limits } = this.#options;
    try {
      const entry = await outbox.get(key);
      if (entry === undefined) {
        await outbox.remove(key);
        return;
      }
      const target = parseTarget(entry.target);
      const { signal } = this.#abort;
      const delivery = await deliver(target, entry, { clock, signal, timeoutMs: limits.timeoutMs });
      if (await this.#isOver(entry, delivery, targetName(target))) await outbox.remove(key);
      else this.#again(key, waiting, delivery);
    } catch (error) {
      // The outbox's disk: there may be room later.
      this.#again(key, waiting, { kind: 'failed', why: String(error) });
    }
  }

  async #isOver(entry: OutboxEntry, delivery: Delivery, to: string): Promise<boolean> {
    if (delivery.kind === 'delivered') return true;
    if (delivery.kind === 'refused') {
      this.#complain({ to, why: delivery.why }, 'a notification was refused, and is given up');
      return true;
    }
    const age = this.#options.clock.now().wall - entry.createdAt;
    if (age < this.#options.limits.longestMs) return false;
    this.#complain({ to, why: delivery.why }, 'a notification could not be sent for too long, and is given up');
    return true;
  }

  /** Pauses double, and are drawn from their upper half: many that failed together do not come back together. */
  #again(key: string, waiting: Waiting, delivery: Delivery): void {
    const { limits, random } = this.#options;
    const pause = Math.min(limits.longestPauseMs, limits.firstPauseMs * 2 ** Math.min(waiting.tries, 30));
    const asked = delivery.kind === 'failed' ? (delivery.afterMs ?? 0) : 0;
    waiting.tries += 1;
    waiting.dueAt = this.#now() + Math.max(asked, pause / 2 + (random.next() * pause) / 2);
    if (!this.#isClosed) this.#waiting.set(key, waiting);
  }

  #now(): number {
    return this.#options.clock.now().mono;
  }

  #complain(fields: object, message: string): void {
    this.#options.logger.warn(fields, message);
  }
}
