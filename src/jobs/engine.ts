import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { commandsBackend } from '../backends/commands/index.ts';
import { inlineBackend } from '../backends/inline/index.ts';
import { threadsBackend } from '../backends/threads/index.ts';
import { type EngineApi, EngineShell, type RunSettings } from '../engine/index.ts';
import {
  asRunId,
  type Backend,
  type Durability,
  type EngineEvent,
  type Graph,
  HeddleError,
  type Logger,
  type RunFilter,
  type RunId,
  type RunRow,
  resolveWork,
  type Store,
} from '../model/index.ts';
import { systemClock, systemRandom } from '../process/index.ts';
import { attemptDirectories } from './attempt-directory.ts';
import { SqliteStore, VolatileStore } from '../store/index.ts';
import { openStoreAt } from './open-store.ts';
import { listenForControl } from './owner-socket.ts';
import { localControl, type RunControl } from './run-control.ts';
import type { EventSource } from './run-events.ts';
import { RunHandle } from './run-handle.ts';

export interface EngineOpenOptions {
  /** A directory, made when it is not there, or an opened store, which stays its opener's to dispose. @default in memory */
  readonly store?: string | Store;
  /** @default 'normal' for a directory; an opened store has its own */
  readonly durability?: Exclude<Durability, 'memory'>;
  /** Beside `inline`, `threads` and `commands`; one of the same name stands in for it. The engine disposes them. */
  readonly backends?: readonly Backend[];
  /** Attempts at a time, a backend. @default what the machine has */
  readonly slots?: number;
  /** Where attempts work when the store has no directory. @default a temporary one, removed at the end */
  readonly directory?: string;
  /** Where relative paths of tasks start. @default the working directory */
  readonly project?: string;
  readonly logger?: Logger;
  /** Named tokens (licences), engine-wide. */
  readonly tokens?: Readonly<Record<string, number>>;
  /** How runs share what there is. @default 'priority' */
  readonly strategy?: 'priority' | 'fair';
  /** Custom conditions by name. */
  readonly conditions?: Readonly<Record<string, () => boolean>>;
}

interface EngineParts {
  readonly api: EngineApi;
  readonly closed: AbortController;
  readonly directoryOf: ReturnType<typeof attemptDirectories>;
  readonly resources: AsyncDisposableStack;
}

/** What can be run: a graph, or something that yields one from parameters, as a workflow does. */
export type GraphSource = Graph | { readonly name: string; build(parameters?: unknown): Graph };

export interface RunOptions extends RunSettings {
  /** @default the graph's */
  readonly name?: string;
  /** Names the run; starting one twice under the same id is refused. @default a new one */
  readonly id?: string;
  /** Of the graph, where it is known: equal graphs have equal ones. */
  readonly fingerprint?: string;
}

/**
 * Accepts runs and owns their state. Opening one reads nothing and starts nothing; disposing it waits for no
 * run: what runs is cancelled and left to be resumed.
 *
 * @example
 * await using engine = await Engine.open({ store: '.heddle' });
 * const run = await engine.run(graph);
 * console.log(await run.result());
 */
export class Engine implements AsyncDisposable {
  readonly store: Store;
  readonly #api: EngineApi;
  readonly #resources: AsyncDisposableStack;
  readonly #closed: AbortController;
  readonly #directoryOf: ReturnType<typeof attemptDirectories>;

  private constructor(store: Store, parts: EngineParts) {
    this.store = store;
    this.#api = parts.api;
    this.#closed = parts.closed;
    this.#resources = parts.resources;
    this.#directoryOf = parts.directoryOf;
  }

  /** @throws {HeddleError} STORE_UNAVAILABLE, STORE_NEWER, STORE_CORRUPT, STORE_LOCKED, BACKEND_UNAVAILABLE */
  static async open(options: EngineOpenOptions = {}): Promise<Engine> {
    await using resources = new AsyncDisposableStack();
    const closed = new AbortController();
    const project = resolve(options.project ?? '.');
    const place = await openPlace(options, resources);
    const directoryOf = attemptDirectories(place.directory);
    // After the engine has told its last and before the store is closed.
    resources.defer(() => closed.abort());
    const api = resources.use(
      await EngineShell.open({
        store: place.store,
        backends: withBuiltIn(options.backends ?? []),
        clock: systemClock,
        random: systemRandom,
        defaultBackends: { command: 'commands', call: 'threads' },
        resolveWork: (node) => resolveWork(node, project),
        attemptDirectory: directoryOf,
        directory: place.directory,
        project,
        ...given(options),
      }),
    );
    const source = (run: RunId): EventSource => ({ api, store: place.store, run, closed: closed.signal });
    if (place.socket !== '') {
      const controlOf = (run: RunId): RunControl => localControl(source(run));
      resources.use(await listenForControl(place.socket, { controlOf, store: place.store }));
    }
    return new Engine(place.store, { api, closed, directoryOf, resources: resources.move() });
  }

  get durability(): Durability {
    return this.#api.durability;
  }

  /**
   * Starts a run; resolves when it is durable.
   *
   * @throws {HeddleError} RESOURCES_IMPOSSIBLE, BACKEND_UNKNOWN, STATE_CONFLICT, ENGINE_CLOSED
   */
  async run(source: GraphSource, options: RunOptions = {}): Promise<RunHandle> {
    const graph = isGraph(source) ? source : source.build(options.parameters);
    const { id, ...settings } = options;
    const run = await this.#api.start(graph, { ...settings, ...(id === undefined ? {} : { id: checkedRunId(id) }) });
    return this.#handle(run);
  }

  /**
   * Takes over an unfinished run and goes on with it; `paused`, it starts nothing until `resume` of its handle.
   *
   * @throws {HeddleError} RUN_NOT_FOUND, RUN_OWNED, STATE_CONFLICT
   */
  async resume(run: string, options: { readonly paused?: boolean } = {}): Promise<RunHandle> {
    await this.#api.resume(asRunId(run), options);
    return this.#handle(asRunId(run));
  }

  /** Makes the failed and cancelled jobs of a finished run pending again, and goes on with it. */
  async retry(run: string, changes?: Parameters<EngineApi['retry']>[1]): Promise<RunHandle> {
    await this.#api.retry(asRunId(run), changes);
    return this.#handle(asRunId(run));
  }

  /** Runs of the store, newest first. */
  async runs(filter: RunFilter = {}): Promise<readonly RunRow[]> {
    return this.store.runs(filter);
  }

  /** Hears of everything, after the commit that holds it. Gives how to stop listening. */
  listen(listener: (events: readonly EngineEvent[]) => void): () => void {
    return this.#api.listen(listener);
  }

  /** Everything asked so far is durable. */
  async committed(): Promise<void> {
    await this.#api.committed();
  }

  /** Starts nothing more, of any run; resolves when nothing is running. */
  async drain(): Promise<void> {
    await this.#api.drain();
  }

  /** Cancels what runs, charging nothing, and leaves the runs to be resumed. With `detach`, what outlives the engine is left alone. */
  async shutdown(options: { readonly detach?: boolean } = {}): Promise<void> {
    await this.#api.shutdown(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  #handle(run: RunId): RunHandle {
    return new RunHandle({
      api: this.#api,
      store: this.store,
      run,
      closed: this.#closed.signal,
      directoryOf: (index, job, fence) => this.#directoryOf(run, index, job, fence),
    });
  }
}

interface Place {
  readonly store: Store;
  readonly directory: string;
  /** Where others reach this engine; empty where nobody could look for it. */
  readonly socket: string;
}

async function openPlace(options: EngineOpenOptions, resources: AsyncDisposableStack): Promise<Place> {
  if (typeof options.store === 'string') {
    const { durability, logger } = options;
    const store = resources.use(
      await openStoreAt(options.store, {
        ...(durability === undefined ? {} : { durability }),
        ...(logger === undefined ? {} : { onNotice: ({ code, message }) => logger.warn({ code }, message) }),
      }),
    );
    return { store, directory: store.directory, socket: store.socket };
  }
  const store = options.store ?? resources.use(new VolatileStore());
  if (store instanceof SqliteStore) return { store, directory: store.directory, socket: store.socket };
  if (options.directory !== undefined) return { store, directory: resolve(options.directory), socket: '' };
  const directory = await mkdtemp(join(tmpdir(), 'heddle-'));
  resources.defer(async () => rm(directory, { recursive: true, force: true }));
  return { store, directory, socket: '' };
}

function withBuiltIn(backends: readonly Backend[]): readonly Backend[] {
  const names = new Set(backends.map((backend) => backend.name));
  const builtIn = [inlineBackend(), threadsBackend(), commandsBackend()].filter((backend) => !names.has(backend.name));
  return [...builtIn, ...backends];
}

/** Options that are handed on as they are, where they were given. */
function given(options: EngineOpenOptions) {
  const { slots, logger, tokens, strategy, conditions } = options;
  return {
    ...(slots === undefined ? {} : { slots }),
    ...(logger === undefined ? {} : { logger }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}

function isGraph(source: GraphSource): source is Graph {
  return 'edgeOffsets' in source;
}

/** A run's id becomes a directory's name. */
function checkedRunId(id: string): RunId {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) return asRunId(id);
  throw new HeddleError('INPUT_INVALID', `'${id}' can't be the id of a run`, {
    hint: 'letters, digits, . _ and -, at most 64, the first a letter or digit',
  });
}
