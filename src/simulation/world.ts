import type { Instant, Timer } from '../model/index.ts';
import { Dice } from './dice.ts';
import { EventQueue } from './event-queue.ts';

/** A promise that was broken: which one, how, and when. */
export interface Violation {
  /** One of I1-I11 of the reference, or the name of another promise. */
  readonly invariant: string;
  readonly message: string;
  readonly atMs: number;
}

/** Wall clock when a simulated world begins: a fixed day, so that runs compare. */
const EPOCH_MS: number = Date.UTC(2026, 0, 5, 8);

/** How many events before the real event loop gets a turn. */
const EVENTS_A_TURN = 2000;

/**
 * Resolves when every microtask at hand has run, also those they made: Node runs its tick queue only
 * when the microtask queue is empty. Cheaper than a turn of the event loop, and as certain.
 */
export function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** One turn of the real event loop: rejections that nobody handles come to light in it. */
export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export interface WorldOptions {
  readonly seed: number;
  /** Called with each line of what happens; absent: nothing is written, nor the lines made. */
  readonly trace?: (line: string) => void;
  /** Wall clock when the world begins. @default a day in 2026 */
  readonly wallMs?: number;
  /** More than this at one instant is two things that wake each other for ever. @default no limit */
  readonly eventsAnInstant?: number;
}

/**
 * Virtual time and everything that happens in it. One event at a time, and after each all its
 * microtasks: what a seed does, it does again.
 */
export class World {
  readonly seed: number;
  readonly #queue = new EventQueue();
  readonly #trace: ((line: string) => void) | undefined;
  #mono = 0;
  #wallOffset: number;
  readonly #eventsAnInstant: number;
  #latestWall = Number.NEGATIVE_INFINITY;
  #jumpedAt = Number.NEGATIVE_INFINITY;
  #violation: Violation | undefined;
  #events = 0;
  #eventsNow = 0;

  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.#trace = options.trace;
    this.#wallOffset = options.wallMs ?? EPOCH_MS;
    this.#eventsAnInstant = options.eventsAnInstant ?? Number.POSITIVE_INFINITY;
  }

  /** A stream of chance of this world, by name. */
  dice(label: string): Dice {
    return new Dice(this.seed, label);
  }

  get mono(): number {
    return this.#mono;
  }

  /** The latest the wall clock has ever said. */
  get latestWall(): number {
    return Math.max(this.#latestWall, this.wall);
  }

  /** Virtual milliseconds since the wall clock jumped. */
  get sinceJumpMs(): number {
    return this.#mono - this.#jumpedAt;
  }

  get wall(): number {
    return this.#mono + this.#wallOffset;
  }

  now(): Instant {
    return { mono: this.#mono, wall: this.#mono + this.#wallOffset };
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** Records a broken promise; the first one counts, and ends the run. */
  fail(invariant: string, message: string): void {
    this.trace(() => `VIOLATION ${invariant}: ${message}`);
    this.#violation ??= { invariant, message, atMs: this.#mono };
  }

  trace(line: () => string): void {
    this.#trace?.(`${String(this.#mono).padStart(8)} ${line()}`);
  }

  /** Sets the wall clock forward or back; the monotonic one goes on. */
  jumpWall(byMs: number): void {
    this.trace(() => `wall clock jumps by ${byMs} ms`);
    this.#latestWall = this.latestWall;
    this.#wallOffset += byMs;
    this.#jumpedAt = this.#mono;
  }

  after(delayMs: number, callback: () => void): Timer {
    const event = this.#queue.push(this.#mono + Math.max(0, delayMs), callback);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /** Virtual time of the next event; undefined when nothing will ever happen. */
  nextAt(): number | undefined {
    return this.#queue.peek()?.at;
  }

  /**
   * Lets time pass until a promise settles.
   *
   * @throws {Error} when nothing is left that could settle it
   */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    const ended = await this.run(() => isSettled, Number.POSITIVE_INFINITY);
    if (ended !== 'done')
      throw new Error(`time stands still: ${this.#violation?.message ?? 'nothing is left to happen'}`);
    return promise;
  }

  /** Lets the next event happen, and all its microtasks. False when there was none. */
  async step(): Promise<boolean> {
    const event = this.#queue.pop();
    if (event === undefined) return false;
    this.#eventsNow = event.at > this.#mono ? 0 : this.#eventsNow + 1;
    this.#mono = Math.max(this.#mono, event.at);
    this.#events += 1;
    event.run();
    await microtasksDone();
    if (this.#events % EVENTS_A_TURN === 0) await turnOfTheLoop();
    return true;
  }

  /**
   * Steps until `done()`, a violation, the time limit, or until nothing is left to happen. `settled`
   * is called whenever all that happens at one instant has happened.
   */
  async run(
    done: () => boolean,
    untilMs: number,
    settled?: () => void,
  ): Promise<'done' | 'violation' | 'late' | 'idle'> {
    await microtasksDone();
    for (;;) {
      if (this.#violation !== undefined) return 'violation';
      if (this.#eventsNow > this.#eventsAnInstant)
        this.fail('liveness', 'the engine turns and turns, and time stands still');
      if (done()) return 'done';
      const next = this.nextAt();
      if (next === undefined || next > this.#mono) {
        settled?.();
        if (this.#violation !== undefined) return 'violation';
      }
      if (next === undefined) return 'idle';
      if (next > untilMs) return 'late';
      await this.step();
    }
  }
}
