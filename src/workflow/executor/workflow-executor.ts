import { checkFields, HeddleError } from '../../model/index.ts';
import type { Execution } from './execution.ts';
import { type ExecuteOptions, Executor } from './executor.ts';
import type { Checkpoint, TaskResults } from './executor-errors.ts';
import type { ExecutorOptions } from './executor-options.ts';
import type { TaskGraph } from './task-graph.ts';
import type { ExecutionState } from './task-states.ts';

export interface WorkflowExecutorOptions {
  /** Executes; it stays its maker's to dispose. @default one of its own, made of `options` */
  readonly executor?: Executor;
  readonly options?: ExecutorOptions;
  /**
   * `true`: an unfinished run of the same graph in the executor's `store`, or one in which tasks failed, is gone on with, the latest
   * there is; without any, a new one starts. Or from which checkpoint. @default false
   */
  readonly resumeFromCheckpoint?: boolean | Checkpoint;
  /** Checkpoints carry the results there are. @default false */
  readonly saveIntermediateResults?: boolean;
  /**
   * A checkpoint each so many finished tasks. The journal has written each of them down before it was told: a checkpoint loses nothing
   * between two, it is a word for where the run is, to be kept and gone on from. @default 100
   */
  readonly checkpointInterval?: number;
}

const FIELDS: readonly string[] = [
  'executor',
  'options',
  'resumeFromCheckpoint',
  'saveIntermediateResults',
  'checkpointInterval',
];

/**
 * Executes one graph at a time, and lets others look at it and hold it up meanwhile.
 *
 * @example
 * const executor = new WorkflowExecutor();
 * const results = executor.executeWorkflow(graph);
 * await executor.pause(); // what runs goes on, nothing new starts
 * executor.getExecutionState().pendingTasks;
 * await executor.resume();
 * await results;
 */
export class WorkflowExecutor implements AsyncDisposable {
  readonly #executor: Executor;
  readonly #options: WorkflowExecutorOptions;
  #graph: TaskGraph | undefined;
  #execution: Execution | undefined;
  #isExecuting = false;
  #pause: PromiseWithResolvers<void> | undefined;

  /** @throws {HeddleError} INPUT_INVALID */
  constructor(options: WorkflowExecutorOptions = {}) {
    checkFields(options, FIELDS, 'WorkflowExecutor');
    this.#executor = options.executor ?? new Executor(options.options);
    this.#options = options;
    const { checkpointInterval } = options;
    if (checkpointInterval !== undefined) this.#executor.configure({ checkpointInterval });
  }

  /** As `Executor.execute`. @throws {HeddleError} STATE_CONFLICT while it executes another */
  async executeWorkflow(graph: TaskGraph, options: ExecuteOptions = {}): Promise<TaskResults> {
    if (this.#isExecuting)
      throw new HeddleError('STATE_CONFLICT', `graph '${this.#graph?.name}' is executing`, {
        hint: 'an executor of workflows executes one at a time: await the first, or make another',
      });
    this.#isExecuting = true;
    this.#graph = graph;
    this.#execution = undefined;
    try {
      // Whoever asked for a pause before it began asked that nothing starts.
      await this.#pause?.promise;
      const { saveIntermediateResults = false } = this.#options;
      const from = await this.#from(graph, options);
      return await this.#executor.executeWatched(graph, options, {
        savesResults: saveIntermediateResults,
        begun: (execution) => this.#begun(execution),
        ...(from === undefined ? {} : { from }),
      });
    } finally {
      this.#isExecuting = false;
    }
  }

  /** No new task starts; what runs goes on. Asked twice it is the same. Resolves when that is written down. */
  async pause(): Promise<void> {
    this.#pause ??= Promise.withResolvers<void>();
    if (this.#isExecuting) await this.#execution?.pause();
  }

  /** Tasks start again. Asked twice, or of what is not paused, it does nothing. */
  async resume(): Promise<void> {
    this.#pause?.resolve();
    this.#pause = undefined;
    if (this.#isExecuting) await this.#execution?.resume();
  }

  /** Which tasks stand how: now, or when it ended. No task is in two lists, and each is in one. */
  getExecutionState(): ExecutionState {
    const isPaused = this.#pause !== undefined;
    if (this.#execution !== undefined) {
      const state = this.#execution.state();
      return { ...state, isPaused: state.isPaused || isPaused };
    }
    const pendingTasks = this.#graph?.taskPool.names ?? [];
    return { completedTasks: [], runningTasks: [], pendingTasks, failedTasks: [], cancelledTasks: [], isPaused };
  }

  /** The run that executes, or did last: `heddle pause RUN` holds it up from elsewhere, where there is a store. */
  get run(): string | undefined {
    return this.#execution?.run;
  }

  get checkpoint(): Checkpoint | undefined {
    return this.#executor.checkpoint;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#options.executor === undefined) await this.#executor[Symbol.asyncDispose]();
  }

  #begun(execution: Execution): void {
    this.#execution = execution;
    if (this.#pause !== undefined) execution.pause().catch(() => undefined);
  }

  /** The run to go on with. */
  async #from(graph: TaskGraph, options: ExecuteOptions): Promise<string | undefined> {
    const { resumeFromCheckpoint = false } = this.#options;
    if (resumeFromCheckpoint === false) return undefined;
    const { fingerprint } = this.#executor.plan(graph, options.params);
    if (resumeFromCheckpoint !== true) {
      if (resumeFromCheckpoint.fingerprint === fingerprint) return resumeFromCheckpoint.run;
      throw new HeddleError('CODE_CHANGED', `graph '${graph.name}' is not what it was at its checkpoint`, {
        details: { run: resumeFromCheckpoint.run },
        hint: 'without resumeFromCheckpoint it runs from scratch',
      });
    }
    return this.#executor.use(async (engine) => {
      const runs = await engine.runs();
      const latest = runs.find((row) => row.fingerprint === fingerprint);
      return latest === undefined || latest.status === 'done' ? undefined : latest.id;
    });
  }
}
