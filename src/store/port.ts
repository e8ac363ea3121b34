import { type Clock, HeddleError, type Random } from '../model/index.ts';
import { FingerprintReader, FingerprintWriter } from './fingerprint-tables.ts';
import { isBusy, storeError } from './sqlite-errors.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { SqliteWriter, type WriteHook, type WriterOptions } from './sqlite-writer.ts';

export type WriterMethod =
  | 'register'
  | 'addRun'
  | 'addGraphParts'
  | 'publishRun'
  | 'putExperiment'
  | 'claim'
  | 'release'
  | 'commit'
  | 'hideRun'
  | 'removeSlice'
  | 'removeStrays'
  | 'vacuumSlice'
  | 'sweep';

export type ReaderMethod = keyof SqliteReader;

/** What a method of the writer answers when it was carried out. */
export type WriterAnswer<Method extends WriterMethod> = Method extends 'commit'
  ? undefined
  : ReturnType<SqliteWriter[Method]>;

/** A call as data: a method of the writer, or of a reader on the writer's own connection. */
export interface PortCall {
  readonly target: 'writer' | 'reader' | 'fingerprints' | 'fingerprint-reader';
  readonly method: WriterMethod | ReaderMethod | keyof FingerprintWriter | keyof FingerprintReader;
  readonly args: readonly unknown[];
}

/**
 * Where the store's writes are carried out, one after another in the order they came: in this thread, or in one of
 * their own. In exclusive mode reads go the same way, since there is no second connection.
 */
export interface Port {
  readonly place: 'main' | 'thread';
  carry(call: PortCall): Promise<unknown>;
  /** Ends what was called before, then closes the connection. */
  close(): Promise<void>;
}

/** The writer's connection with all that is done on it. Never waits: throws SQLITE_BUSY, having done nothing. */
export class Hands {
  readonly writer: SqliteWriter;
  readonly #targets: Readonly<Record<PortCall['target'], object>>;

  constructor(options: WriterOptions, hook?: WriteHook) {
    const writer = new SqliteWriter(options, hook);
    this.writer = writer;
    this.#targets = {
      writer,
      reader: new SqliteReader(writer.db, options.judge),
      fingerprints: new FingerprintWriter(writer, options.judge.self),
      'fingerprint-reader': new FingerprintReader(writer.db),
    };
  }

  /** The answer, or an iterator where the work wants pauses. */
  perform(call: PortCall): unknown {
    const target = this.#targets[call.target];
    const method = target[call.method as keyof typeof target] as (...args: readonly unknown[]) => unknown;
    return Reflect.apply(method, target, call.args);
  }
}

/** How long to wait before trying again: short at first, as most transactions are. `chance` is in [0, 1). */
export function busyWaitMs(tries: number, chance: number): number {
  return Math.min(50, 2 ** Math.min(tries, 6)) * (0.5 + chance);
}

/** Says whether an answer is work that wants to be driven on. */
export function isWork(answer: unknown): answer is Generator<undefined, unknown> {
  return typeof answer === 'object' && answer !== null && 'next' in answer && Symbol.iterator in answer;
}

const LONG_HOLD_MS = 4;

export interface MainPortOptions {
  readonly writer: WriterOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly hook?: WriteHook;
  /** Told how long each commit held this thread. */
  readonly onCommit: (ms: number) => void;
}

/** Writes on this thread: fastest where the disk is. */
export class MainPort implements Port {
  readonly place = 'main';
  readonly #options: MainPortOptions;
  readonly #hands: Hands;
  #last: Promise<unknown> = Promise.resolve();
  #heldMs = 0;

  private constructor(options: MainPortOptions, hands: Hands) {
    this.#options = options;
    this.#hands = hands;
  }

  static async open(options: MainPortOptions): Promise<MainPort> {
    const hands = await retryBusy(() => new Hands(options.writer, options.hook), options, openingMs(options.writer));
    return new MainPort(options, hands);
  }

  carry(call: PortCall): Promise<unknown> {
    const answer = this.#last.then(() => this.#perform(call));
    this.#last = answer.catch(() => undefined).then(() => this.#pause());
    return answer;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#hands.writer.close();
  }

  /** After what held the loop for long others come first. */
  async #pause(): Promise<void> {
    const isLong = this.#heldMs > LONG_HOLD_MS;
    this.#heldMs = 0;
    if (isLong) await turn(this.#options.clock);
  }

  #perform(call: PortCall): Promise<unknown> {
    const { clock } = this.#options;
    return retryBusy(
      async () => {
        const before = clock.now().mono;
        const answer = this.#hands.perform(call);
        if (!isWork(answer)) return answer;
        let step = answer.next();
        // Only what was done in one go says how long a commit holds the loop.
        this.#heldMs = clock.now().mono - before;
        if (step.done === true) this.#options.onCommit(this.#heldMs);
        for (; step.done !== true; step = answer.next()) await turn(clock);
        return step.value;
      },
      this.#options,
      this.#options.writer.busyMs,
    );
  }
}

/** Who wants a store to himself need not wait: those who have it open will not let go of it soon. */
export function openingMs({ connection, busyMs }: WriterOptions): number {
  return connection.exclusive ? Math.min(busyMs, 500) : busyMs;
}

/** Lets the loop turn once. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve);
  });
}

interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: WriterOptions;
}

/**
 * Does something until nobody else has the lock, and translates what SQLite throws.
 *
 * @throws {HeddleError} STORE_BUSY after `forMs`
 */
export async function retryBusy<Answer>(
  work: () => Answer | Promise<Answer>,
  { clock, random, writer }: RetryOptions,
  forMs: number,
): Promise<Answer> {
  const until = clock.now().mono + forMs;
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || clock.now().mono >= until) throw storeError(error, 'open', writer.connection.path);
    }
    await new Promise<void>((resolve) => {
      clock.after(busyWaitMs(tries, random.next()), resolve);
    });
  }
}

/** An error as data, for the way between threads: a structured clone would lose its code. */
export interface PortedError {
  readonly code?: HeddleError['code'];
  readonly message: string;
  readonly details?: unknown;
  readonly hint?: string | undefined;
  readonly cause?: string;
}

export function portError(error: unknown): PortedError {
  if (!HeddleError.is(error))
    return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  const { code, message, details, hint, cause } = error;
  const said = cause instanceof Error ? { cause: cause.message } : {};
  return { code, message, details, hint, ...said };
}

export function portedError({ code, message, details, hint, cause }: PortedError): Error {
  if (code === undefined) return new Error(message);
  return new HeddleError(code, message, {
    details,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  });
}
