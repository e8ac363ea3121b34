import { asError, HeddleError } from '../../model/index.ts';
import { Param } from '../experiments/index.ts';
import { Executor } from './executor.ts';
import { type TaskResults, WorkflowExecutionError } from './executor-errors.ts';
import type { ExecutorOptions } from './executor-options.ts';
import { Experiment } from './experiment.ts';
import type { Execution } from './execution.ts';
import { countStatuses, type TaskStatus } from './task-status.ts';

/** What is told of a task that failed, in its place among the results. */
export interface FailedTask {
  readonly taskName: string;
  readonly status: 'failed';
  readonly success: false;
  readonly error: Error;
  /** Of a shell task: what its commands came to. */
  readonly result?: unknown;
}

/** How an execution stands. */
export interface ExecutionSummary {
  readonly name: string;
  readonly experimentName: string;
  readonly taskCount: number;
  /** Only the words that some task has; they add up to `taskCount`. */
  readonly statusSummary: Readonly<Partial<Record<TaskStatus, number>>>;
  /** All tasks are completed. */
  readonly completed: boolean;
  /** At least one has failed. */
  readonly failed: boolean;
  /** Of completed tasks, their results; of failed ones, a `FailedTask`. */
  readonly results: TaskResults;
}

interface Marked {
  readonly status: TaskStatus;
  readonly result?: unknown;
}

/**
 * Runs the tasks of an experiment, or keeps account while somebody else does: `markTaskRunning`, `markTaskCompleted` and `markTaskFailed` are for
 * those who execute tasks themselves. A task that fails is failed; those that depend on it stay `pending`.
 *
 * @example
 * const executor = new ExperimentExecutor(experiment);
 * await executor.run(new Param({ temperature: 300 }));
 * executor.getExecutionStatus(); // { completed: 2 }
 */
export class ExperimentExecutor {
  readonly name: string;
  readonly experiment: Experiment;
  readonly #options: ExecutorOptions;
  /** Tasks that are not here are pending, so that those added later are seen. */
  readonly #marks = new Map<string, Marked>();
  #isRunning = false;

  /**
   * `options` are those of the executor that `run` uses.
   *
   * @throws {HeddleError} INPUT_INVALID without an experiment, or of one without tasks
   */
  constructor(experiment: Experiment, name?: string, options: ExecutorOptions = {}) {
    if (!(experiment instanceof Experiment))
      throw new HeddleError('INPUT_INVALID', 'Experiment is required', {
        hint: "new ExperimentExecutor(new Experiment({ name: 'study' }))",
      });
    if (experiment.taskPool.size === 0)
      throw new HeddleError('INPUT_INVALID', `experiment '${experiment.name}' must have a task pool with tasks in it`, {
        hint: 'add some: experiment.addTask(...)',
      });
    this.experiment = experiment;
    this.name = name ?? `${experiment.name}_executor`;
    this.#options = options;
  }

  /**
   * Runs all tasks, from scratch, and gives what became of them by name. It does not throw because a task failed: `isExecutionFailed`
   * says so, and its result is a `FailedTask`.
   *
   * @throws {HeddleError} STATE_CONFLICT while it runs; GRAPH_UNKNOWN_NODE, GRAPH_CYCLE, TEMPLATE_INVALID and what else keeps it from starting
   */
  async run(params: object = {}): Promise<TaskResults> {
    this.#mustBeIdle('run');
    this.#marks.clear();
    this.#isRunning = true;
    try {
      await using executor = new Executor(this.#options);
      const given = Param({ ...this.experiment.params, ...params });
      let last: Execution | undefined;
      await this.#execute(executor, given, (execution) => {
        last = execution;
      });
      if (last !== undefined) await this.#takeResults(last);
      return this.getExecutionSummary().results;
    } finally {
      this.#isRunning = false;
    }
  }

  /** Pending tasks all of whose dependencies are completed, in the order of the pool. */
  getExecutableTasks(): readonly string[] {
    const { names } = this.experiment.taskPool;
    const completed = names.filter((name) => this.#statusOf(name) === 'completed');
    return this.experiment
      .toGraph()
      .getReadyTasks(completed)
      .filter((name) => this.#statusOf(name) === 'pending');
  }

  /** How one task stands. @throws {HeddleError} JOB_NOT_FOUND */
  getTaskStatus(name: string): TaskStatus {
    this.experiment.getTask(name);
    return this.#statusOf(name);
  }

  /** @throws {HeddleError} JOB_NOT_FOUND, STATE_CONFLICT unless it is pending and what it depends on is completed */
  markTaskRunning(name: string): void {
    this.#mustBe('pending', name, 'running');
    const unmet = this.experiment.getTask(name).deps.filter((each) => this.#statusOf(each) !== 'completed');
    if (unmet.length > 0)
      throw new HeddleError(
        'STATE_CONFLICT',
        `task '${name}' can't be running: it depends on ${unmet.map((each) => `'${each}'`).join(', ')}`,
        {
          details: { task: name, unmet },
          hint: 'getExecutableTasks() gives those that can',
        },
      );
    this.#marks.set(name, { status: 'running' });
  }

  /** @throws {HeddleError} JOB_NOT_FOUND, STATE_CONFLICT unless it is running */
  markTaskCompleted(name: string, result?: unknown): void {
    this.#mustBe('running', name, 'completed');
    this.#marks.set(name, { status: 'completed', result });
  }

  /** @throws {HeddleError} JOB_NOT_FOUND, STATE_CONFLICT unless it is running */
  markTaskFailed(name: string, error: unknown): void {
    this.#mustBe('running', name, 'failed');
    this.#marks.set(name, { status: 'failed', result: failedTask(name, asError(error)) });
  }

  /** How many tasks have each status; statuses that none has are left out. */
  getExecutionStatus(): Readonly<Partial<Record<TaskStatus, number>>> {
    return countStatuses(this.experiment.taskPool.names.map((name) => this.#statusOf(name)));
  }

  /** All tasks are completed. */
  isExecutionCompleted(): boolean {
    return this.experiment.taskPool.names.every((name) => this.#statusOf(name) === 'completed');
  }

  /** At least one task has failed. */
  isExecutionFailed(): boolean {
    return this.experiment.taskPool.names.some((name) => this.#statusOf(name) === 'failed');
  }

  /** All tasks are pending again, without results. @throws {HeddleError} STATE_CONFLICT while it runs */
  resetExecution(): void {
    this.#mustBeIdle('be reset');
    this.#marks.clear();
  }

  getExecutionSummary(): ExecutionSummary {
    const { names } = this.experiment.taskPool;
    const ended = names.filter((name) => ['completed', 'failed'].includes(this.#statusOf(name)));
    return {
      name: this.name,
      experimentName: this.experiment.name,
      taskCount: names.length,
      statusSummary: this.getExecutionStatus(),
      completed: this.isExecutionCompleted(),
      failed: this.isExecutionFailed(),
      results: Object.fromEntries(ended.map((name) => [name, this.#marks.get(name)?.result])),
    };
  }

  async #execute(executor: Executor, params: Param, begun: (execution: Execution) => void): Promise<void> {
    const mark = ({ states }: Execution, task: string): void => {
      this.#marks.set(task, { status: states.word(task) });
    };
    try {
      await executor.executeWatched(this.experiment.toGraph(), { params }, { begun, onChange: mark });
    } catch (error) {
      // Which tasks failed is said task by task.
      if (error instanceof WorkflowExecutionError) return;
      const task = templateTask(error);
      if (task !== undefined) this.#marks.set(task, { status: 'failed', result: failedTask(task, asError(error)) });
      throw error;
    }
  }

  async #takeResults(execution: Execution): Promise<void> {
    for (const [name] of execution.states) {
      const status = execution.states.word(name);
      if (status === 'completed') this.#marks.set(name, { status, result: await execution.resultOf(name) });
      else if (status === 'failed') this.#marks.set(name, { status, result: await failureIn(execution, name) });
      else this.#marks.set(name, { status });
    }
  }

  #statusOf(name: string): TaskStatus {
    return this.#marks.get(name)?.status ?? 'pending';
  }

  #mustBe(wanted: TaskStatus, name: string, next: TaskStatus): void {
    this.experiment.getTask(name);
    this.#mustBeIdle(`have task '${name}' marked`);
    const status = this.#statusOf(name);
    if (status === wanted) return;
    throw new HeddleError('STATE_CONFLICT', `task '${name}' can't become ${next}: it is ${status}, not ${wanted}`, {
      details: { task: name, status, next },
      hint: wanted === 'running' ? 'markTaskRunning comes first' : 'resetExecution() makes all tasks pending again',
    });
  }

  #mustBeIdle(what: string): void {
    if (!this.#isRunning) return;
    throw new HeddleError('STATE_CONFLICT', `'${this.name}' is running, and can't ${what} meanwhile`, {
      hint: 'await run() first',
    });
  }
}

/** The task whose command can't be filled in. */
function templateTask(error: unknown): string | undefined {
  if (!HeddleError.is(error) || error.code !== 'TEMPLATE_INVALID') return undefined;
  return (error.details as { readonly task?: string } | undefined)?.task;
}

function failedTask(taskName: string, error: Error): FailedTask {
  return { taskName, status: 'failed', success: false, error };
}

async function failureIn(execution: Execution, name: string): Promise<FailedTask> {
  const failed = failedTask(name, await execution.errorOf(name));
  const isShell = execution.plan.tasks.get(name)?.task.work.kind === 'shell';
  return isShell ? { ...failed, result: await execution.resultOf(name) } : failed;
}
