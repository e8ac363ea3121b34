import type { Clock } from '../model/index.ts';
import type { World } from './world.ts';

/**
 * Where a process may die, in the order of an attempt's life (F01 of the fault list names them). Each
 * stands between two things that both matter: what was done before it, and what was not done yet.
 */
export const BOUNDARIES = [
  'before-create',
  'after-create',
  'before-claim',
  'after-claim',
  'before-intent',
  'after-intent',
  'before-submit',
  'after-submit',
  'before-answer',
  'before-end-seen',
  'before-commit',
  'after-commit',
  'before-told',
  'after-told',
  'before-cancel',
  'after-cancel',
  'before-recall',
  'after-recall',
  'before-recover',
  'after-recover',
  'before-release',
  'before-give-up',
] as const;
export type Boundary = (typeof BOUNDARIES)[number];

/**
 * One life of an engine: what dies together. What was to be called in a dead process is never
 * called; in a stopped one it waits until it is continued.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly world: World;
  readonly clock: Clock;
  /** Decides at each boundary whether the process dies there. */
  readonly #dies: (boundary: Boundary) => boolean;
  readonly #onDeath: (() => void)[] = [];
  #alive = true;
  #stopped = false;
  #parked: (() => void)[] = [];
  #busy = 0;

  constructor(world: World, name: string, dies: (boundary: Boundary) => boolean) {
    this.world = world;
    this.name = name;
    this.#dies = dies;
    this.clock = this.#makeClock();
  }

  get alive(): boolean {
    return this.#alive;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** True while an answer is on its way or a turn is not over: the engine is in the middle of something. */
  get isBusy(): boolean {
    return this.#busy > 0 || this.#parked.length > 0;
  }

  onDeath(callback: () => void): void {
    this.#onDeath.push(callback);
  }

  /** Runs something as this process: not when it is dead, later when it is stopped. */
  enter(callback: () => void): void {
    if (!this.#alive) return;
    if (this.#stopped) {
      this.#parked.push(callback);
      return;
    }
    try {
      callback();
    } catch (error) {
      this.world.fail(
        'engine-threw',
        `${this.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }

  /** Calls back as this process after a delay; meanwhile the process counts as busy. */
  answer(delayMs: number, callback: () => void): void {
    this.#busy += 1;
    this.world.after(delayMs, () => {
      this.enter(() => {
        this.#busy -= 1;
        callback();
      });
    });
  }

  /** Passes a boundary. True: the process has just died there, and what comes next never happens. */
  passes(boundary: Boundary): boolean {
    if (!this.#alive) return true;
    if (!this.#dies(boundary)) return false;
    this.crash(boundary);
    return true;
  }

  /** SIGKILL. */
  crash(why: string): void {
    if (!this.#alive) return;
    this.world.trace(() => `${this.name} dies (${why})`);
    this.#alive = false;
    this.#parked = [];
    for (const callback of this.#onDeath) callback();
  }

  /** SIGSTOP. */
  stop(): void {
    if (!this.#alive || this.#stopped) return;
    this.world.trace(() => `${this.name} is stopped`);
    this.#stopped = true;
  }

  /** SIGCONT: what came meanwhile happens now, in order. */
  continue(): void {
    if (!this.#alive || !this.#stopped) return;
    this.world.trace(() => `${this.name} continues`);
    this.#stopped = false;
    const parked = this.#parked;
    this.#parked = [];
    // Each in an event of its own, so that the microtasks of one are done before the next, as they would be.
    for (const callback of parked) this.answer(0, callback);
  }

  #makeClock(): Clock {
    const { world } = this;
    return {
      now: () => world.now(),
      after: (delayMs, callback) => world.after(delayMs, () => this.enter(callback)),
      soon: (callback) => {
        this.answer(0, callback);
      },
    };
  }
}
