import { Engine, type EngineOpenOptions, MemoryStore, systemClock } from '../../jobs/index.ts';
import type { Timer } from '../../model/index.ts';

/** How long an engine stays open when it has nothing to do: its threads would keep the process alive. */
const LINGER_MS = 200;

export interface EngineKeeperOptions {
  /** A directory; absent: in memory, for as long as the keeper lives. */
  readonly store: string | undefined;
  readonly open: () => Promise<EngineOpenOptions>;
  /** It stays open until it is disposed of: it has what can be opened only once. */
  readonly staysOpen: boolean;
  /** Told of each engine that is opened. */
  readonly opened: (engine: Engine) => void;
}

/**
 * An engine while it is wanted: opened with the first who uses it, closed when nobody has for a moment, so that it never keeps a process from
 * ending; opened again by the next. What ran survives in the store, in memory too.
 */
export class EngineKeeper implements AsyncDisposable {
  readonly #options: EngineKeeperOptions;
  #memory: MemoryStore | undefined;
  #engine: Promise<Engine> | undefined;
  #closing: Promise<void> = Promise.resolve();
  #users = 0;
  #linger: Timer | undefined;

  constructor(options: EngineKeeperOptions) {
    this.#options = options;
  }

  /** @throws {HeddleError} as `Engine.open` */
  async use<Result>(work: (engine: Engine) => Promise<Result>): Promise<Result> {
    this.#users += 1;
    this.#linger?.cancel();
    try {
      this.#engine ??= this.#open();
      return await work(await this.#engine);
    } catch (error) {
      // One that could not be opened is tried again by the next.
      if (this.#engine !== undefined && (await isRejected(this.#engine))) this.#engine = undefined;
      throw error;
    } finally {
      this.#users -= 1;
      if (this.#users === 0 && !this.#options.staysOpen)
        this.#linger = systemClock.after(LINGER_MS, () => void this.#close());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#linger?.cancel();
    await this.#close();
    await this.#memory?.[Symbol.asyncDispose]();
    this.#memory = undefined;
  }

  async #open(): Promise<Engine> {
    await this.#closing;
    const store = this.#options.store ?? (this.#memory ??= new MemoryStore());
    const engine = await Engine.open({ ...(await this.#options.open()), store });
    this.#options.opened(engine);
    return engine;
  }

  #close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    if (engine !== undefined)
      this.#closing = engine.then((opened) => opened[Symbol.asyncDispose]()).catch(() => undefined);
    return this.#closing;
  }
}

async function isRejected(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}
