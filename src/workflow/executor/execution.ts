import { type Engine, type RunHandle, systemClock } from '../../jobs/index.ts';
import { asError, asRunId, type EngineEvent, HeddleError, isFinal, newRunId, type Outcome } from '../../model/index.ts';
import { type GivenResults, givenKey } from './base-backend.ts';
import { type Checkpoint, errorOfTask, type ExecutionProgress, type TaskResults } from './executor-errors.ts';
import type { ExecutionPlan } from './execution-plan.ts';
import type { PluginCalls } from './plugins.ts';
import { readShellResult } from './shell-record.ts';
import type { ShellTaskResult } from './task.ts';
import { type ExecutionState, type TaskState, TaskStates } from './task-states.ts';
import type { TaskStatus } from './task-status.ts';

/** What an execution has of its executor. */
export interface ExecutionParts {
  readonly engine: Engine;
  readonly plan: ExecutionPlan;
  readonly plugins: PluginCalls;
  readonly given: GivenResults;
  /** Results of tasks that were completed before it went on, where they are in memory. */
  readonly known: ReadonlyMap<string, Promise<unknown>>;
  /** Told when a task has ended, its hooks answered or not. */
  readonly onEnd?: (execution: Execution, task: string) => void;
  /** Told whenever a task stands otherwise. */
  readonly onChange?: (execution: Execution, task: string) => void;
}

const chance = {
  next: (): number => crypto.getRandomValues(new Uint32Array(1)).reduce((_, each) => each / 2 ** 32, 0),
};

/** One run of a graph of tasks, as the engine tells of it. */
export class Execution {
  readonly run: string;
  readonly plan: ExecutionPlan;
  readonly states: TaskStates;
  readonly #parts: ExecutionParts;
  readonly #results: Map<string, Promise<unknown>>;
  readonly #unlisten: () => void;
  /** What was told before the run was known to have begun. */
  #early: EngineEvent[] | undefined = [];
  #handle: RunHandle | undefined;
  #isPaused = false;

  private constructor(parts: ExecutionParts, run: string) {
    this.run = run;
    this.plan = parts.plan;
    this.#parts = parts;
    this.#results = new Map(parts.known);
    this.states = new TaskStates(parts.plan.tasks.keys());
    this.#unlisten = parts.engine.listen((events) => this.#hear(events));
  }

  /** Begins a run. `begun` is told of it before anything starts. */
  static async start(parts: ExecutionParts, begun: (execution: Execution) => void): Promise<Execution> {
    const { engine, plan } = parts;
    const execution = new Execution(parts, newRunId(engine.now, chance));
    begun(execution);
    return execution.#take(async () => {
      const { name, fingerprint, params, graph } = plan;
      execution.#handle = await engine.run(graph, { id: execution.run, name, fingerprint, parameters: params });
    });
  }

  /** Goes on with a run that has not ended, or in which tasks failed. */
  static async goOn(parts: ExecutionParts, run: string, begun: (execution: Execution) => void): Promise<Execution> {
    const { engine } = parts;
    const row = await engine.store.run(asRunId(run));
    if (row === undefined)
      throw new HeddleError('RUN_NOT_FOUND', `there is no run '${run}' to go on with`, {
        hint: 'a checkpoint in memory is gone with its executor: give it a store',
      });
    const execution = new Execution(parts, run);
    begun(execution);
    return execution.#take(async () => {
      execution.#handle = isFinal(row.status) ? await engine.retry(run) : await engine.resume(run);
      await execution.#lookAtAll();
    });
  }

  get total(): number {
    return this.states.size;
  }

  get completed(): readonly string[] {
    return this.states.named('completed');
  }

  get progress(): ExecutionProgress {
    return { graph: this.plan.name, run: this.run, completed: this.completed.length, total: this.total };
  }

  /** Resolves when the run has ended and every plugin has answered, or was given up. */
  async ended(): Promise<void> {
    const view = await this.#begun.wait();
    // What the engine tells last is heard in the turn in which whoever waits is told.
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    await this.#parts.plugins.settled();
    this.#unlisten();
    if (view.status !== 'pending') return;
    throw new HeddleError('ENGINE_CLOSED', `graph '${this.plan.name}' was interrupted`, {
      details: this.progress,
      hint: `'heddle resume ${this.run}' continues it`,
    });
  }

  async cancel(): Promise<void> {
    await this.#begun.cancel();
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#begun.pause();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.#begun.resume();
  }

  state(): ExecutionState {
    const isPaused = this.#isPaused || (this.#handle?.view().detail ?? '') === 'paused';
    return { ...this.states.lists(), isPaused };
  }

  /** Results of the tasks that are completed, in the order of the graph. */
  async results(): Promise<TaskResults> {
    const names = this.completed;
    const values = await Promise.all(names.map((name) => this.resultOf(name)));
    return Object.fromEntries(names.map((name, i) => [name, values[i]]));
  }

  /** Results by name that can be had again without the engine. */
  get kept(): ReadonlyMap<string, Promise<unknown>> {
    return this.#results;
  }

  /** Of a completed task; of a shell task that failed, its record. */
  resultOf(task: string): Promise<unknown> {
    let result = this.#results.get(task);
    if (result !== undefined) return result;
    result = this.#read(task);
    result.catch(() => undefined);
    if (this.states.word(task) === 'completed') this.#results.set(task, result);
    return result;
  }

  /** Why a task failed; of a shell task, with the record of its commands. */
  async errorOf(task: string): Promise<HeddleError> {
    const { detail, outcome } = this.states.get(task);
    const isShell = this.plan.tasks.get(task)?.task.work.kind === 'shell';
    // A record that can't be read is no reason to keep the failure back.
    const result = isShell ? await this.resultOf(task).catch(() => undefined) : undefined;
    return errorOfTask({
      ...{ job: task, cause: detail },
      ...(outcome === undefined ? {} : { outcome }),
      ...(result === undefined ? {} : { result }),
    });
  }

  async errors(): Promise<Readonly<Record<string, HeddleError>>> {
    const names = this.states.named('failed');
    const errors = await Promise.all(names.map((name) => this.errorOf(name)));
    return Object.fromEntries(names.map((name, i) => [name, errors[i] as HeddleError]));
  }

  checkpoint(results?: TaskResults): Checkpoint {
    const { name: graph, fingerprint, params } = this.plan;
    return {
      ...{ run: this.run, graph, fingerprint, params, completedTasks: this.completed, totalTasks: this.total },
      at: this.#parts.engine.now,
      ...(results === undefined ? {} : { results }),
    };
  }

  get #begun(): RunHandle {
    if (this.#handle !== undefined) return this.#handle;
    throw new HeddleError('STATE_CONFLICT', `graph '${this.plan.name}' has not begun`);
  }

  async #take(begin: () => Promise<void>): Promise<Execution> {
    try {
      await begin();
    } catch (error) {
      this.#unlisten();
      throw error;
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#hear(early);
    return this;
  }

  #hear(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.kind !== 'job' || event.run !== this.run) continue;
      if (this.#early !== undefined) this.#early.push(event);
      else if (this.states.apply(event)) this.#taskEnded(event.job);
      else this.#parts.onChange?.(this, event.job);
    }
  }

  #taskEnded(name: string): void {
    const { onChange, onEnd, plugins } = this.#parts;
    onChange?.(this, name);
    const task = this.plan.tasks.get(name)?.task;
    const word: TaskStatus = this.states.word(name);
    if (task !== undefined && word === 'completed')
      void plugins.call('afterTaskExecution', task, async () => [await this.resultOf(name)]);
    if (task !== undefined && word === 'failed')
      void plugins.call('onTaskFailure', task, async () => [await this.errorOf(name)]);
    onEnd?.(this, name);
  }

  /** How tasks stand of which nothing more may be told. */
  async #lookAtAll(): Promise<void> {
    const { control } = this.#begun;
    const look = async (name: string): Promise<void> => {
      const { status, detail, fence } = await control.job(name);
      const outcome: Outcome | undefined = status === 'failed' ? (await control.why(name)).lastOutcome : undefined;
      const seen: Partial<TaskState> = { status, detail, attempts: fence };
      this.states.set(name, outcome === undefined ? seen : { ...seen, outcome });
    };
    await Promise.all([...this.plan.tasks.keys()].map(look));
  }

  async #read(name: string): Promise<unknown> {
    const planned = this.plan.tasks.get(name);
    if (planned === undefined || planned.task.work.kind === 'function') return this.#begun.value(name);
    const given = this.#parts.given.get(givenKey(this.run, name));
    if (given !== undefined) return given;
    return this.#readRecord(name);
  }

  async #readRecord(name: string): Promise<ShellTaskResult> {
    const { task, commands } = this.plan.tasks.get(name) as NonNullable<ReturnType<ExecutionPlan['tasks']['get']>>;
    const succeeded = this.states.word(name) === 'completed';
    try {
      return await readShellResult(task, commands, { directory: this.#begun.directory(name), succeeded });
    } catch (error) {
      throw new HeddleError('FILE_NOT_FOUND', `what task '${name}' wrote can't be read: ${asError(error).message}`, {
        cause: error,
      });
    }
  }
}
