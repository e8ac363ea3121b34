import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdirSync } from 'node:fs';
import { type Clock, HeddleError } from '../model/lane-face.ts';

/** What a call knows of itself, and how it says that it is alive. */
export interface AttemptContext {
  readonly run: string;
  readonly job: string;
  /** Never the same twice: an idempotency key. */
  readonly attempt: string;
  /** Ordinal of the attempt in its job, from 1. */
  readonly fence: number;
  /**
   * The attempt's own directory, absolute; made when it is first asked for.
   *
   * @throws {HeddleError} INPUT_INVALID when the engine has nowhere to put one
   */
  readonly directory: string;
  /**
   * Indices of the devices it was granted. In a thread the process sees all of them: choose by this. Elsewhere programs see these
   * alone, and count them from 0.
   */
  readonly gpus: readonly number[];
  /** Aborted when the attempt is cancelled; after its grace it is ended by force where that is possible. */
  readonly signal: AbortSignal;
  /** Says that it is still getting somewhere, for its heartbeat timeout. */
  readonly heartbeat: () => void;
  /** Says how far it is, from 0 to 1, and what it does. */
  readonly progress: (fraction?: number, note?: string) => void;
}

/** What a call is, and where it says how it goes. */
export interface ContextFacts {
  readonly run: string;
  readonly job: string;
  readonly attempt: string;
  readonly fence: number;
  /** Empty where there is none. */
  readonly directory: string;
  /** The store's directory, absolute; absent or empty where it can't be reached. */
  readonly store?: string | undefined;
  readonly gpus?: readonly number[] | undefined;
  readonly clock: Clock;
  heartbeat?(): void;
  progress?(fraction: number | undefined, note: string | undefined): void;
}

/** One call while it runs. What it offers is made when it is asked for: most calls ask for nothing. */
export class CallContext implements AttemptContext {
  readonly facts: ContextFacts;
  #controller: AbortController | undefined;
  #isAborted = false;
  #isOver = false;
  #hasDirectory = false;

  constructor(facts: ContextFacts) {
    this.facts = facts;
  }

  get run(): string {
    return this.facts.run;
  }

  get job(): string {
    return this.facts.job;
  }

  get attempt(): string {
    return this.facts.attempt;
  }

  get fence(): number {
    return this.facts.fence;
  }

  get directory(): string {
    const { directory } = this.facts;
    if (directory === '') {
      throw new HeddleError('INPUT_INVALID', 'the engine of this call has no directory', {
        hint: "open the engine with a 'store' or a 'directory'",
      });
    }
    if (!this.#hasDirectory) mkdirSync(directory, { recursive: true });
    this.#hasDirectory = true;
    return directory;
  }

  get gpus(): readonly number[] {
    return this.facts.gpus ?? [];
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isAborted && !this.#controller.signal.aborted) this.#controller.abort(cancelled());
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** Its end has been told: what it says from now on is nobody's. */
  get isOver(): boolean {
    return this.#isOver;
  }

  // Bound, so that they can be taken out of the context as its values can.
  get heartbeat(): () => void {
    return () => {
      if (!this.#isOver) this.facts.heartbeat?.();
    };
  }

  get progress(): (fraction?: number, note?: string) => void {
    return (fraction, note) => {
      if (fraction !== undefined && !(fraction >= 0 && fraction <= 1)) {
        throw new HeddleError('INPUT_INVALID', `progress is a number from 0 to 1, not ${String(fraction)}`);
      }
      if (!this.#isOver) this.facts.progress?.(fraction, note);
    };
  }

  /** Asks the call to end. The second time: nothing. */
  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#controller?.abort(cancelled());
  }

  finish(): void {
    this.#isOver = true;
  }
}

function cancelled(): DOMException {
  return new DOMException('this attempt is cancelled', 'AbortError');
}

/**
 * Follows a call through everything it starts, so that what it says late, by a timer it left behind, is never taken
 * for another's.
 */
const storage = new AsyncLocalStorage<CallContext>();

/** Runs something as part of a call. */
export function withinCall<Result>(context: CallContext, body: () => Result): Result {
  return storage.run(context, body);
}

/** The call that whoever asks is part of, also after its end; undefined outside of all. */
export function currentCall(): CallContext | undefined {
  return storage.getStore();
}

/**
 * What the call that asks knows of itself. Good at any depth below the call, also behind `await`.
 *
 * @throws {HeddleError} OUTSIDE_CALL
 *
 * @example
 * export async function relax(steps: number) {
 *   const { signal, progress } = attemptContext()
 *   for (let step = 0; step < steps && !signal.aborted; step += 1) { ... }
 * }
 */
export function attemptContext(): AttemptContext {
  const context = storage.getStore();
  if (context !== undefined) return context;
  throw new HeddleError('OUTSIDE_CALL', 'attemptContext() was called outside of a call', {
    hint: 'call it in the function a job runs, not at the top of its module',
  });
}

/** Known to every copy of this package there may be in a lane. */
const LANE = Symbol.for('heddle.lane');

/** Says of this thread or process that it runs calls for an engine elsewhere. */
export function becomeLane(): void {
  (globalThis as { [LANE]?: true })[LANE] = true;
}

/** Whether this thread or process runs calls for an engine elsewhere: no place to open another. */
export function isInsideLane(): boolean {
  return (globalThis as { [LANE]?: true })[LANE] === true;
}
