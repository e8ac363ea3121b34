import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type AnyFunction, dropLocal } from '../../calls/index.ts';
import { type Engine, type EngineOpenOptions, systemClock, withBuiltIn } from '../../jobs/index.ts';
import { asError, type Backend, type CallReference, HeddleError } from '../../model/index.ts';
import { Param } from '../experiments/index.ts';
import { type GivenResults, isTaskBackend, nameOf, type PlannedTask, type TaskBackend } from './base-backend.ts';
import { Deadline } from './deadline.ts';
import { EngineKeeper } from './engine-keeper.ts';
import { Execution, type ExecutionParts } from './execution.ts';
import { type ExecutionPlan, planExecution } from './execution-plan.ts';
import { type Checkpoint, type TaskResults, TimeoutError, WorkflowExecutionError } from './executor-errors.ts';
import {
  checkExecutorOptions,
  checkSettings,
  type ExecutorOptions,
  type ExecutorSettings,
} from './executor-options.ts';
import { limitIn } from './executor-limits.ts';
import { hookedBackend } from './hooked-backend.ts';
import { ownBackends } from './own-backends.ts';
import { isTargetChoice } from './target-choice.ts';
import { LateMonitor } from './late-monitor.ts';
import { PerformanceLog, type PerformanceStats } from './performance-stats.ts';
import { type ExecutorNotice, PluginCalls } from './plugins.ts';
import type { Task } from './task.ts';
import { TaskGraph } from './task-graph.ts';
import { TASK_STATUSES, type TaskStatus } from './task-status.ts';

/** What one execution is given. */
export interface ExecuteOptions {
  /** Fill the variables of commands, and are among the inputs of functions: over what the tasks say themselves. */
  readonly params?: object;
}

/** What the facades over an executor want to know of an execution. @internal */
export interface Watch {
  readonly begun?: (execution: Execution) => void;
  readonly onChange?: (execution: Execution, task: string) => void;
  /** Whether checkpoints carry results. */
  readonly savesResults?: boolean;
  /** Whatever the tasks depend on. */
  readonly isAlone?: boolean;
  /** Goes on from there instead of starting. */
  readonly from?: string;
}

/** How an executor stands. */
export interface ExecutorStatus {
  readonly isExecuting: boolean;
  /** How what is, or was last, executed goes. */
  readonly mode: 'sequential' | 'parallel' | undefined;
  readonly maxWorkers: number | undefined;
  /** Tasks of what is executing now; when nothing is, of what was executed last. */
  readonly tasks: Readonly<Record<TaskStatus, number>>;
}

/** Notices kept for whoever asks. */
const MAX_NOTICES = 1000;
/** Executions that failed in memory whose results are kept for a recovery. */
const MAX_KEPT = 16;
const DEFAULT_CHECKPOINT_INTERVAL = 100;

/**
 * Executes tasks and graphs of them on an engine of its own: a thin face, in the words of MolExp, over `Engine`. The engine is opened when it
 * is first wanted, and closed when it has had nothing to do for a moment.
 *
 * @example
 * const executor = new Executor({ maxWorkers: 4 });
 * const task = new LocalTask('example', { func: ({ x }) => x * 2, inputs: { x: 5 } });
 * await executor.executeTask(task); // 10
 *
 * @throws {HeddleError} INPUT_INVALID, naming the option and its range
 */
export class Executor implements AsyncDisposable {
  readonly #options: ExecutorOptions;
  readonly #keeper: EngineKeeper;
  readonly #plugins: PluginCalls;
  readonly #monitor: LateMonitor | undefined;
  readonly #held = new Map<AnyFunction, CallReference>();
  readonly #given: GivenResults = new Map();
  readonly #log = new PerformanceLog();
  readonly #active = new Map<string, Execution>();
  readonly #kept = new Map<string, Execution['kept']>();
  readonly #notices: ExecutorNotice[] = [];
  readonly #project: string = resolve('.');
  #settings: ExecutorSettings = {};
  #stopLogging: () => void = () => undefined;
  #engine: Engine | undefined;
  #last: Execution | undefined;
  #checkpoint: Checkpoint | undefined;
  /** Checkpoints that are being taken. */
  readonly #taking = new Set<Promise<void>>();

  constructor(options: ExecutorOptions = {}) {
    checkExecutorOptions(options);
    this.#options = options;
    const { backend, monitor, plugins = [], pluginTimeout = 10, store } = options;
    this.#monitor = monitor === undefined ? undefined : new LateMonitor(monitor);
    this.#plugins = new PluginCalls({
      plugins,
      clock: systemClock,
      timeoutMs: pluginTimeout * 1000,
      notice: (notice) => this.#notice(notice),
    });
    this.#keeper = new EngineKeeper({
      store,
      staysOpen: typeof backend === 'object' && !isTaskBackend(backend) && !isTargetChoice(backend),
      open: () => this.#engineOptions(),
      opened: (engine) => {
        this.#engine = engine;
        this.#logTo(engine);
      },
    });
  }

  /**
   * Executes one task, whatever it depends on, and gives its result: what its function returns, or the record of its commands.
   *
   * @throws {TaskExecutionError} when it fails; {ResourceLimitError} by memory; {TimeoutError} when it takes too long
   */
  async executeTask<Result>(task: Task<Result>, options: ExecuteOptions = {}): Promise<Result> {
    try {
      const results = await this.executeWatched(new TaskGraph([task], { name: task.name }), options, { isAlone: true });
      return results[task.name] as Result;
    } catch (error) {
      if (error instanceof WorkflowExecutionError) throw error.failedTasks[task.name] ?? error;
      throw error;
    }
  }

  /**
   * Executes the tasks of a graph, each once and after those it depends on, and gives their results by name.
   *
   * @throws {WorkflowExecutionError} when tasks failed, with what the others gave
   * @throws {TimeoutError} when the global timeout passed; {ResourceLimitError} before anything starts
   * @throws {HeddleError} GRAPH_UNKNOWN_NODE, GRAPH_CYCLE, TEMPLATE_INVALID, FUNCTION_CANNOT_TRAVEL, before anything starts
   */
  async execute(graph: TaskGraph, options: ExecuteOptions = {}): Promise<TaskResults> {
    const { backend } = this.#options;
    const walk = (walked: TaskGraph): Promise<TaskResults> => this.executeWatched(walked, options);
    if (typeof backend === 'object' && isTaskBackend(backend) && backend.executeGraph !== undefined)
      return backend.executeGraph(graph, walk);
    return walk(graph);
  }

  /** As `execute`, told of. @internal */
  async executeWatched(graph: TaskGraph, options: ExecuteOptions, watch: Watch = {}): Promise<TaskResults> {
    const plan = this.plan(graph, options.params, watch.isAlone);
    if (plan.tasks.size === 0) return {};
    return this.#keeper.use((engine) => this.#conduct(engine, plan, watch));
  }

  /** Checks a graph, and says how it would be executed. @internal */
  plan(graph: TaskGraph, params: object = {}, isAlone = false): ExecutionPlan {
    const { backend } = this.#options;
    return planExecution(graph, {
      options: this.#options,
      backend: typeof backend === 'object' ? nameOf(backend as TaskBackend) : backend,
      isOwn: typeof backend === 'object' && isTaskBackend(backend),
      target: typeof backend === 'object' && isTargetChoice(backend) ? backend : undefined,
      project: this.#project,
      held: this.#held,
      params: Param(params) as Param,
      isAlone,
    });
  }

  /** @internal */
  use<Result>(work: (engine: Engine) => Promise<Result>): Promise<Result> {
    return this.#keeper.use(work);
  }

  /**
   * Goes on from a checkpoint: what was completed does not run again; what failed does, and what depends on it.
   *
   * @throws {HeddleError} RUN_NOT_FOUND, CODE_CHANGED when it was taken of another graph; else as `execute`
   */
  async recoverAndContinue(graph: TaskGraph, checkpoint: Checkpoint): Promise<TaskResults> {
    const { run, fingerprint, params } = checkpoint;
    if (this.plan(graph, params).fingerprint !== fingerprint)
      throw new HeddleError('CODE_CHANGED', `graph '${graph.name}' is not what it was at its checkpoint`, {
        details: { run },
        hint: 'execute(graph) runs it from scratch',
      });
    return this.executeWatched(graph, { params }, { from: run });
  }

  /** Changes settings while it goes. @throws {HeddleError} INPUT_INVALID, naming the setting and its range */
  configure(settings: ExecutorSettings): void {
    checkSettings(settings);
    const { enableMonitoring } = settings;
    if (enableMonitoring === true && this.#monitor === undefined)
      throw new HeddleError('INPUT_INVALID', 'executor.configure: there is no monitor to enable', {
        hint: 'give one: new Executor({ monitor: new ExecutionMonitor() })',
      });
    this.#settings = { ...this.#settings, ...settings };
    if (enableMonitoring !== undefined) {
      this.#monitor?.switch(enableMonitoring).catch((error: unknown) => {
        this.#engine?.logs.warn({ code: 'MONITOR_FAILED', error: asError(error) }, 'the monitor could not be switched');
      });
    }
    if (settings.logLevel !== undefined && this.#engine !== undefined) this.#logTo(this.#engine);
  }

  getStatus(): ExecutorStatus {
    const shown = this.#active.size > 0 ? [...this.#active.values()] : this.#last === undefined ? [] : [this.#last];
    const counts = shown.map(({ states }) => states.counts());
    const sum = (word: TaskStatus): number => counts.reduce((total, each) => total + each[word], 0);
    return {
      isExecuting: this.#active.size > 0,
      mode: shown.at(-1)?.plan.mode,
      maxWorkers: this.#options.maxWorkers,
      tasks: Object.fromEntries(TASK_STATUSES.map((word) => [word, sum(word)])) as ExecutorStatus['tasks'],
    };
  }

  /** Over all it has executed. */
  getPerformanceStats(): PerformanceStats {
    return this.#log.stats(systemClock.now().wall, this.#settings.resourceMonitoring === true);
  }

  /** The latest checkpoint; undefined before the first. */
  get checkpoint(): Checkpoint | undefined {
    return this.#checkpoint;
  }

  /** What went wrong and changed nothing: the latest thousand. */
  get notices(): readonly ExecutorNotice[] {
    return this.#notices;
  }

  /** Closes its engine; what is executing is cancelled and left to be resumed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
    this.#stopLogging();
    for (const reference of this.#held.values()) if (reference.kind === 'local') dropLocal(reference.id);
    this.#held.clear();
  }

  /** Executes, recovers as often as it may, and says how it ended. */
  async #conduct(engine: Engine, plan: ExecutionPlan, watch: Watch): Promise<TaskResults> {
    const { timeout, recoveryStrategy = 'ignore', maxRecoveryAttempts = 3, recoveryDelay = 0 } = this.#options;
    let current: Execution | undefined;
    using deadline = new Deadline(timeout, () => void current?.cancel().catch(() => undefined));
    let from = watch.from;
    for (let recoveries = 0; ; recoveries += 1) {
      current = await this.#once(
        { engine, plan, watch, from },
        (begun) => {
          current = begun;
        },
        deadline,
      );
      if (current.completed.length === current.total) return await current.results();
      const wasCancelled = deadline.hasPassed || current.states.named('cancelled').length > 0;
      if (wasCancelled || recoveryStrategy === 'ignore' || recoveries >= maxRecoveryAttempts) break;
      await deadline.pause(recoveryDelay);
      if (deadline.hasPassed) break;
      from = recoveryStrategy === 'restartFailed' ? current.run : undefined;
    }
    return await this.#incomplete(current, deadline);
  }

  async #once(
    { engine, plan, watch, from }: { engine: Engine; plan: ExecutionPlan; watch: Watch; from: string | undefined },
    begin: (execution: Execution) => void,
    deadline: Deadline,
  ): Promise<Execution> {
    const beganAt = engine.now;
    const parts: ExecutionParts = {
      ...{ engine, plan, plugins: this.#plugins, given: this.#given },
      known: (from === undefined ? undefined : this.#kept.get(from)) ?? new Map<string, Promise<unknown>>(),
      ...(watch.onChange === undefined ? {} : { onChange: watch.onChange }),
      onEnd: this.#checkpoints(engine, watch.savesResults ?? false),
    };
    let execution: Execution | undefined;
    const begun = (one: Execution): void => {
      execution = one;
      this.#active.set(one.run, one);
      begin(one);
    };
    this.#log.began(beganAt);
    try {
      const started = await (from === undefined ? Execution.start(parts, begun) : Execution.goOn(parts, from, begun));
      watch.begun?.(started);
      if (deadline.hasPassed) await started.cancel();
      await started.ended();
      await Promise.all(this.#taking);
      this.#log.add(started, beganAt);
      return started;
    } catch (error) {
      throw limitIn(error);
    } finally {
      this.#log.ended(engine.now);
      if (execution !== undefined) this.#leave(execution);
    }
  }

  #leave(execution: Execution): void {
    const { run } = execution;
    this.#active.delete(run);
    this.#last = execution;
    this.#kept.delete(run);
    if (execution.completed.length < execution.total) this.#kept.set(run, execution.kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Counts what ends, and takes a checkpoint each so many. */
  #checkpoints(engine: Engine, savesResults: boolean): (execution: Execution) => void {
    let finished = 0;
    return (execution) => {
      finished += 1;
      const { checkpointInterval = DEFAULT_CHECKPOINT_INTERVAL } = this.#settings;
      if (finished % checkpointInterval !== 0) return;
      const take = async (): Promise<void> => {
        await engine.committed();
        this.#checkpoint = execution.checkpoint(savesResults ? await execution.results() : undefined);
      };
      const taking = take().catch((error: unknown) => {
        engine.logs.warn({ code: 'CHECKPOINT_FAILED', error: asError(error) }, 'a checkpoint could not be taken');
      });
      this.#taking.add(taking);
      void taking.then(() => this.#taking.delete(taking));
    };
  }

  async #incomplete(execution: Execution, deadline: Deadline): Promise<TaskResults> {
    const { partialResultsThreshold = 1, timeout = 0 } = this.#options;
    const { progress, plan } = execution;
    const { completed, total } = progress;
    const partialResults = await execution.results();
    if (completed / total >= partialResultsThreshold) return partialResults;
    const checkpoint = execution.checkpoint();
    this.#checkpoint = checkpoint;
    const far = `${completed} of ${total} tasks completed`;
    if (deadline.hasPassed) {
      const message = `graph '${plan.name}' took longer than ${timeout} s: ${far}`;
      throw new TimeoutError(message, progress, {
        partialResults,
        checkpoint,
        hint: 'recoverAndContinue goes on with it',
      });
    }
    const failedTasks = await execution.errors();
    const [cause] = Object.values(failedTasks);
    const why = cause === undefined ? 'it was cancelled' : cause.message;
    const hint = 'recoverAndContinue(graph, error.checkpoint) runs again what failed, and what depends on it';
    throw new WorkflowExecutionError(`graph '${plan.name}' is incomplete: ${far}; ${why}`, progress, {
      ...{ partialResults, checkpoint, failedTasks, cause, hint },
    });
  }

  async #engineOptions(): Promise<EngineOpenOptions> {
    const { backend, maxWorkers, executionMode, resourceManager } = this.#options;
    const planned = (run: string, task: string): PlannedTask | undefined => this.#active.get(run)?.plan.tasks.get(task);
    const own = await ownBackends(backend, { planned, given: this.#given, slots: maxWorkers });
    const before = this.#plugins.any
      ? (each: Backend): Backend =>
          hookedBackend(each, ({ run, job }) => {
            const task = this.#active.get(run)?.plan.tasks.get(job)?.task;
            return task === undefined ? undefined : this.#plugins.call('beforeTaskExecution', task);
          })
      : undefined;
    // More workers than processors are the user's own decision.
    const slots = maxWorkers !== undefined && maxWorkers > availableParallelism() ? maxWorkers : undefined;
    const maxJobs = executionMode === 'sequential' ? 1 : maxWorkers;
    const given = resourceManager?.engineOptions() ?? {};
    const observers = [...(given.observers ?? []), ...(this.#monitor === undefined ? [] : [this.#monitor])];
    return {
      ...given,
      project: this.#project,
      ...(slots === undefined ? {} : { slots }),
      ...(maxJobs === undefined ? {} : { maxJobs }),
      backends: before === undefined ? own : withBuiltIn(own).map(before),
      observers,
    };
  }

  #notice(notice: ExecutorNotice): void {
    this.#notices.push(notice);
    if (this.#notices.length > MAX_NOTICES) this.#notices.shift();
    this.#engine?.logs.warn({ ...notice }, notice.message);
  }

  #logTo(engine: Engine): void {
    const level = this.#settings.logLevel?.toLowerCase() as
      | Lowercase<NonNullable<ExecutorSettings['logLevel']>>
      | undefined;
    this.#stopLogging();
    this.#stopLogging = level === undefined ? () => undefined : engine.logs.add(process.stderr, { level });
  }
}
