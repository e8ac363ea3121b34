import { resolve } from 'node:path';
import { isInsideLane, portableGraph } from '../calls/index.ts';
import { type EngineApi, EngineShell, type RunSettings } from '../engine/index.ts';
import {
  asRunId,
  checkFields,
  type Durability,
  type EngineEvent,
  expandControl,
  type Graph,
  HeddleError,
  type RunFilter,
  type RunId,
  type RunRow,
  resolveWork,
  type Store,
} from '../model/index.ts';
import { systemClock, systemRandom } from '../process/index.ts';
import { attemptDirectories } from './attempt-directory.ts';
import { type Reuser, reuserFor } from './cache/index.ts';
import { type AnyJob, Jobs } from './collection.ts';
import {
  type EngineOpenOptions,
  checkOpenOptions,
  type EngineSettings,
  given,
  limitsOf,
  openPlace,
  SETTING_FIELDS,
  processesOf,
  withBuiltIn,
} from './engine-options.ts';
import { type Job, stateOf, type WaitOptions } from './job.ts';
import { LogSinks } from './log-sinks.ts';
import { listenForControl } from './owner-socket.ts';
import { localControl, type RunControl } from './run-control.ts';
import type { EventSource } from './run-events.ts';
import { RunHandle } from './run-handle.ts';
import { withinScope } from './scope.ts';
import { retain } from './retention/index.ts';
import { guardedBackend, Vault } from './secrets/index.ts';
import { Session } from './session.ts';
import { bodyErrorIn } from './task-error.ts';
import { readUnreadStreams } from './unread-streams.ts';

interface EngineParts {
  readonly api: EngineApi;
  readonly closed: AbortController;
  readonly directoryOf: ReturnType<typeof attemptDirectories>;
  readonly reuser: Reuser | undefined;
  readonly resources: AsyncDisposableStack;
  readonly logs: LogSinks;
  readonly project: string;
  /** Looked up by the engine when wanted. */
  readonly conditions: Record<string, () => boolean>;
  readonly options: EngineOpenOptions;
}

/** What is waited for. */
export interface EngineWaitOptions extends WaitOptions {
  /** Only these: asked when the wait begins, and again when all it gave have ended. @default every job */
  readonly select?: (jobs: Jobs) => Iterable<AnyJob>;
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
  /** The experiment it is a point of, and which point: `runExperiment` says both. */
  readonly experiment?: string;
  readonly point?: string;
  /** The runs of the point that are known of: with any other there it is not started (STATE_CONFLICT, `details.taken`). */
  readonly beside?: readonly RunId[];
}

/**
 * Accepts jobs and runs and owns their state. Opening one reads nothing and starts nothing. Disposing it waits for the
 * jobs that were submitted; it waits for no run: what runs of them is cancelled and left to be resumed.
 *
 * @example
 * await using engine = await Engine.open();
 * const sum = new LocalJob((a: number, b: number) => a + b, [1, 2]);
 * engine.submit(sum);
 * console.log(await sum.result());
 *
 * @example
 * await using engine = await Engine.open({ store: '.heddle' });
 * const run = await engine.run(graph);
 * console.log(await run.result());
 */
export class Engine implements AsyncDisposable {
  readonly store: Store;
  /** The jobs that were submitted. */
  readonly jobs: Jobs;
  /** What the engine has to say: `engine.logs.add(process.stderr)`. */
  readonly logs: LogSinks;
  readonly #session: Session;
  readonly #onDispose: 'wait' | 'cancel';
  #logsTracebacks: boolean;
  readonly #api: EngineApi;
  readonly #resources: AsyncDisposableStack;
  readonly #closed: AbortController;
  readonly #project: string;
  readonly #directoryOf: ReturnType<typeof attemptDirectories>;
  readonly #reuser: Reuser | undefined;

  private constructor(store: Store, parts: EngineParts) {
    // What the compiler can't tell those who write JavaScript.
    if (parts === undefined)
      throw new HeddleError('INPUT_INVALID', 'an engine is opened', {
        hint: 'await using engine = await Engine.open()',
      });
    this.store = store;
    this.#api = parts.api;
    this.#closed = parts.closed;
    this.#project = parts.project;
    this.#resources = parts.resources;
    this.#directoryOf = parts.directoryOf;
    this.#reuser = parts.reuser;
    this.logs = parts.logs;
    this.#onDispose = parts.options.onDispose ?? 'wait';
    this.#logsTracebacks = parts.options.logTracebacks ?? true;
    const { api, conditions, directoryOf, logs, project } = parts;
    this.#session = new Session({
      api,
      engine: this,
      durable: api.durability !== 'memory',
      project,
      logger: logs,
      conditions,
      directoryOf,
      logsTracebacks: () => this.#logsTracebacks,
    });
    this.jobs = new Jobs(this.#session);
  }

  /** @throws {HeddleError} INPUT_INVALID, STORE_UNAVAILABLE, STORE_NEWER, STORE_CORRUPT, STORE_LOCKED, BACKEND_UNAVAILABLE, NESTED_ENGINE */
  static async open(options: EngineOpenOptions = {}): Promise<Engine> {
    if (isInsideLane()) throw nestedEngine();
    checkOpenOptions(options);
    await using resources = new AsyncDisposableStack();
    const closed = new AbortController();
    const project = resolve(options.project ?? '.');
    const place = await openPlace(options, resources);
    const directoryOf = attemptDirectories(place.directory);
    const logs = new LogSinks(options.logger, (text) => vault.redact(text));
    const vault = new Vault({ clock: systemClock, logger: logs, project });
    const conditions = { ...options.conditions };
    // After the engine has told its last and before the store is closed.
    resources.defer(() => closed.abort());
    resources.use(retain(place, { logger: logs, retention: options.retention }));
    const reuser = reuserFor(place, { project, engine: () => api });
    resources.defer(async () => reuser?.settled());
    const observers = resources.use(new AsyncDisposableStack());
    const backends = withBuiltIn(options.backends ?? []).map((backend) => guardedBackend(backend, vault));
    const api: EngineApi = resources.use(
      await EngineShell.open({
        store: place.store,
        backends,
        clock: systemClock,
        random: systemRandom,
        defaultBackends: { command: 'commands', call: 'threads' },
        resolveWork: (node) => resolveWork(node, project),
        expand: expandControl,
        ...(reuser === undefined ? {} : { reuse: reuser.reuse }),
        attemptDirectory: directoryOf,
        directory: place.directory,
        project,
        logger: logs,
        conditions,
        limits: limitsOf(options),
        ...given(options),
      }),
    );
    const source = (run: RunId): EventSource => ({ api, store: place.store, run, closed: closed.signal });
    for (const observer of options.observers ?? []) {
      const { redact } = vault;
      const shared = { ...place, clock: systemClock, random: systemRandom, logger: logs, redact };
      const parts = { ...shared, listen: api.listen.bind(api) };
      observers.use(await observer.observe({ ...parts, processes: () => processesOf(backends) }));
    }
    if (place.socket !== '') {
      const controlOf = (run: RunId): RunControl => localControl(source(run));
      resources.use(await listenForControl(place.socket, { controlOf, store: place.store }));
    }
    return new Engine(place.store, {
      ...{ api, closed, directoryOf, reuser, logs, project, conditions, options },
      resources: resources.move(),
    });
  }

  /** The wall clock, in epoch milliseconds. @internal */
  get now(): number {
    return systemClock.now().wall;
  }

  /** The project's directory, absolute. */
  get project(): string {
    return this.#project;
  }

  get durability(): Durability {
    return this.#api.durability;
  }

  /**
   * Takes jobs in memory, with those whose values they need, and returns at once: all of them, or none. A final job is run
   * again; one that is pending or running already is left alone. Very many are given as a list: a call takes some hundred
   * thousand arguments at most.
   *
   * @throws {HeddleError} GRAPH_CYCLE, VALUE_INVALID, FUNCTION_CANNOT_TRAVEL, RESOURCES_IMPOSSIBLE, STATE_CONFLICT, ENGINE_CLOSED
   */
  submit(...jobs: readonly (AnyJob | Iterable<AnyJob>)[]): void {
    this.#session.submit(eachOf(jobs));
  }

  /** Runs a function; in it, and in all it brings about, launchers that name no engine use this one. */
  scope<Result>(run: () => Result): Result {
    return withinScope(this, run);
  }

  /** Submits a job and gives its result. Rejects with what its body threw, where it threw; else as `result()` does. */
  async execute<Result>(job: Job<Result, unknown>): Promise<Result> {
    this.submit(job);
    try {
      return await job.result();
    } catch (error) {
      throw bodyErrorIn(error);
    }
  }

  /**
   * Resolves true when no job is pending or running, the pauses before retries included; false when the timeout passed.
   * All that was submitted is then taken for all there is: a job that waits for what nobody submitted fails (unsatisfiable).
   *
   * @throws {HeddleError} ENGINE_CLOSED when the engine is shut down meanwhile
   */
  wait({ select, ...options }: EngineWaitOptions = {}): Promise<boolean> {
    if (select === undefined) return this.#session.wait(options);
    return this.#session.wait(options, () => [...select(this.jobs)].map(stateOf));
  }

  /** As `wait`, for these jobs. */
  async join(jobs: Iterable<AnyJob>, options: WaitOptions = {}): Promise<boolean> {
    const states = eachOf([jobs]).map(stateOf);
    for (const state of states) if (!state.isFinal) state.mustBeSubmitted();
    return this.#session.wait(options, () => states);
  }

  /** Cancels jobs that are not final; without any named, all. Resolves when that is written down. */
  async cancel(...jobs: readonly (AnyJob | Iterable<AnyJob>)[]): Promise<void> {
    if (jobs.length === 0) return this.#session.cancelAll();
    await Promise.all(eachOf(jobs).map((job) => job.cancel()));
  }

  /** Cancels a job unless it has ended, and forgets it when it has. What took its value keeps it. */
  async remove(job: AnyJob): Promise<void> {
    if (!this.jobs.has(stateOf(job).job)) throw new HeddleError('JOB_NOT_FOUND', `this engine has no job '${job.id}'`);
    await this.#session.remove(stateOf(job));
  }

  /** Changes settings while it goes. What runs goes on. @throws {HeddleError} INPUT_INVALID */
  configure(settings: EngineSettings): void {
    checkFields(settings, SETTING_FIELDS, 'engine.configure');
    const limits = limitsOf(settings);
    this.#api.limit(limits);
    this.#logsTracebacks = settings.logTracebacks ?? this.#logsTracebacks;
  }

  /**
   * Starts a run; resolves when it is durable.
   *
   * @throws {HeddleError} RESOURCES_IMPOSSIBLE, BACKEND_UNKNOWN, STATE_CONFLICT, ENGINE_CLOSED
   */
  async run(source: GraphSource, options: RunOptions = {}): Promise<RunHandle> {
    const built = isGraph(source) ? source : source.build(options.parameters);
    const graph = portableGraph(built, this.#project);
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
    return this.#taken(run, (id) => this.#api.resume(id, options));
  }

  /** Makes the failed and cancelled jobs of a finished run pending again, and goes on with it. */
  async retry(run: string, changes?: Parameters<EngineApi['retry']>[1]): Promise<RunHandle> {
    return this.#taken(run, (id) => this.#api.retry(id, changes));
  }

  /** Of a run that another program began nobody reads the streams. */
  async #taken(run: string, take: (id: RunId) => Promise<void>): Promise<RunHandle> {
    const id = asRunId(run);
    const stop = readUnreadStreams(this.#api, id);
    try {
      await this.#reuser?.adopt(id);
      await take(id);
    } catch (error) {
      stop();
      throw error;
    }
    this.#api.ended(id).then(stop, stop);
    return this.#handle(id);
  }

  /** Drops what is kept in memory of a run that has ended; the store keeps it. */
  async forget(run: string): Promise<void> {
    await this.#api.forget(asRunId(run));
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
    await this.#session.committed();
    await this.#api.committed();
  }

  /** Starts nothing more, of any run; resolves when nothing is running. */
  async drain(): Promise<void> {
    await this.#api.drain();
  }

  /** Cancels what runs, charging nothing, and leaves the runs to be resumed. With `detach`, what outlives the engine is left alone. */
  async shutdown(options: { readonly detach?: boolean } = {}): Promise<void> {
    await this.#api.shutdown(options);
    this.#session.stopped();
  }

  /** Waits for the jobs that were submitted, or cancels them (`onDispose`); then stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close(this.#onDispose);
    await this.#resources.disposeAsync();
  }

  #handle(run: RunId): RunHandle {
    return new RunHandle({
      api: this.#api,
      store: this.store,
      run,
      closed: this.#closed.signal,
      directoryOf: (index, job, fence) => this.#directoryOf(run, index, job, fence),
      settled: async () => this.#reuser?.settled(),
    });
  }
}

/** Those that were named one by one, and those of lists. */
function eachOf(given: readonly (AnyJob | Iterable<AnyJob>)[]): readonly AnyJob[] {
  const jobs: AnyJob[] = [];
  for (const one of given) {
    if (isList(one)) for (const job of one) jobs.push(stateOf(job).job);
    else jobs.push(stateOf(one).job);
  }
  return jobs;
}

function isList(value: AnyJob | Iterable<AnyJob>): value is Iterable<AnyJob> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function isGraph(source: GraphSource): source is Graph {
  return 'edgeOffsets' in source;
}

function nestedEngine(): HeddleError {
  return new HeddleError('NESTED_ENGINE', 'an engine was opened inside a call of another engine', {
    hint: 'a lane loads the module of the function it calls: put what starts the engine under `if (import.meta.main) { ... }`',
  });
}

/** A run's id becomes a directory's name. */
function checkedRunId(id: string): RunId {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) return asRunId(id);
  throw new HeddleError('INPUT_INVALID', `'${id}' can't be the id of a run`, {
    hint: 'letters, digits, . _ and -, at most 64, the first a letter or digit',
  });
}
