import { Engine, type EngineOpenOptions } from '../../jobs/index.ts';
import { asError, checkFields, HeddleError, type Logger } from '../../model/index.ts';
import { CommandQueue } from './command-queue.ts';
import { manageExecution } from './manage-execution.ts';
import { type AbstractWorkflowUpdater, EngineUpdater, type EngineUpdaterOptions } from './updater.ts';
import type { WorkflowManager } from './workflow-manager.ts';

export interface RuntimeConfiguration {
  /** Where function calls are made, by a backend's name. @default 'threads' */
  readonly backend?: string;
  /** Where commands run. @default 'commands' */
  readonly commandBackend?: string;
  /** How the engine is opened: other backends among it. */
  readonly engine?: EngineOpenOptions;
  /** Another way to bring items to their ends. @default each becomes a job of the engine */
  readonly updater?: (options: EngineUpdaterOptions) => AbstractWorkflowUpdater;
}

/** Makes what runs the items of a manager; `parameters` are the dispatch's. */
export type ExecutorFactory<Parameters = void> = (manager: WorkflowManager, parameters: Parameters) => RuntimeManager;

/** What goes on processing messages. */
export interface Runner {
  /** Settles behind the stop. */
  readonly done: Promise<void>;
}

/**
 * Runs the items of a manager on an engine: startup, messages, watchers, shutdown. It goes this way once. States: made -> started ->
 * stopped.
 */
export class RuntimeManager implements AsyncDisposable {
  readonly commandQueue: CommandQueue = new CommandQueue();
  readonly configuration: RuntimeConfiguration;
  readonly #manager: WorkflowManager;
  readonly #tasks = new Set<Promise<void>>();
  readonly #cancelled = new AbortController();
  #logger: Logger | undefined;
  #isStarted = false;
  #engine: Engine | undefined;
  #updater: AbstractWorkflowUpdater | undefined;
  #runner: Promise<void> = Promise.resolve();
  #shutdown: Promise<void> | undefined;
  #exception: Error | undefined;

  /** @throws {HeddleError} INPUT_INVALID */
  constructor(manager: WorkflowManager, configuration: RuntimeConfiguration = {}) {
    checkFields(configuration, ['backend', 'commandBackend', 'engine', 'updater'], 'a runtime');
    this.#manager = manager;
    this.configuration = configuration;
  }

  /** The engine, between startup and shutdown. */
  get runtime(): Engine | undefined {
    return this.#engine;
  }

  /** Watchers of items that are not done. */
  get submittedTasks(): ReadonlySet<Promise<void>> {
    return this.#tasks;
  }

  /** Why the runtime itself failed, when it did; items have exceptions of their own. */
  exception(): Error | undefined {
    return this.#exception;
  }

  /** Where its engine says what happens, unless its configuration names another logger. Before the startup. */
  logTo(logger: Logger): void {
    this.#logger = logger;
  }

  /** Opens the engine and begins to process messages. @throws {HeddleError} STATE_CONFLICT the second time, and as `Engine.open` */
  async runtimeStartup(): Promise<Runner> {
    if (this.#isStarted) {
      throw new HeddleError('STATE_CONFLICT', 'this runtime was started before', { hint: 'make another one' });
    }
    this.#isStarted = true;
    try {
      this.#engine = await Engine.open({
        ...(this.#logger === undefined ? {} : { logger: this.#logger }),
        ...this.configuration.engine,
        onDispose: 'cancel',
      });
    } catch (error) {
      this.#exception = asError(error);
      this.commandQueue.close(error);
      throw error;
    }
    this.#runner = this.#run();
    return { done: this.#runner };
  }

  /** Gives items their results and exceptions. @throws {HeddleError} STATE_CONFLICT unless the runtime is started */
  updater(): AbstractWorkflowUpdater {
    const { backend = 'threads', commandBackend = 'commands', updater } = this.configuration;
    if (this.#engine === undefined) {
      throw new HeddleError('STATE_CONFLICT', 'this runtime is not running', { hint: 'runtimeStartup() comes first' });
    }
    const options = {
      engine: this.#engine,
      datastore: this.#manager.datastore,
      calls: backend,
      commands: commandBackend,
      signal: this.#cancelled.signal,
    };
    this.#updater ??= updater?.(options) ?? new EngineUpdater(options);
    return this.#updater;
  }

  /** Cancels what runs, what waits and what is still to come: items that are not done get that as their exception. */
  async cancel(): Promise<void> {
    this.#cancelled.abort(new HeddleError('JOB_CANCELLED', 'the dispatch was cancelled'));
    await this.#engine?.cancel();
  }

  /** Stops behind the messages there are, waits for the watchers, closes the engine. Doing it twice is the same as once. @throws what the runtime itself failed of */
  runtimeShutdown(): Promise<void> {
    this.#shutdown ??= this.#stop();
    return this.#shutdown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtimeShutdown();
  }

  async #run(): Promise<void> {
    try {
      await manageExecution({
        commandQueue: this.commandQueue,
        updater: () => this.updater(),
        editItem: (uid) => this.#manager.editItem(uid),
        submitted: (watcher) => this.#see(watcher),
      });
    } catch (error) {
      this.#exception = asError(error);
    }
  }

  #see(watcher: Promise<void>): void {
    this.#tasks.add(watcher);
    const forget = (): void => void this.#tasks.delete(watcher);
    watcher.then(forget, (error: unknown) => {
      this.#exception ??= asError(error);
      forget();
    });
  }

  async #stop(): Promise<void> {
    if (!this.#isStarted || this.commandQueue.isStopped) this.commandQueue.close();
    else await this.commandQueue.put({ command: 'stop' });
    await this.#runner;
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.[Symbol.asyncDispose]();
    if (this.#exception !== undefined) throw this.#exception;
  }
}

/** Runs items on this machine, or wherever the backends of its engine are. */
export function localExecutor(configuration: RuntimeConfiguration = {}): ExecutorFactory<unknown> {
  return (manager) => new RuntimeManager(manager, configuration);
}
