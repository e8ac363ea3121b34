import { failureOfTask, ResourceLimitError, type TaskFailure } from '../../jobs/index.ts';
import { HeddleError } from '../../model/index.ts';
import type { Param } from '../experiments/index.ts';

/** Results of tasks, by their names. */
export type TaskResults = Readonly<Record<string, unknown>>;

/**
 * From where an execution goes on: its run, which the journal has written down task by task. Plain data: it can be kept in a file, and given
 * to another process that opens the same store.
 */
export interface Checkpoint {
  readonly run: string;
  readonly graph: string;
  /** Of the graph: another one can't go on from here. */
  readonly fingerprint: string;
  readonly completedTasks: readonly string[];
  readonly totalTasks: number;
  readonly params: Param;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Of what was completed, where `saveIntermediateResults` was asked for. */
  readonly results?: TaskResults;
}

/** How far an execution came. */
export interface ExecutionProgress {
  readonly graph: string;
  readonly run: string;
  readonly completed: number;
  readonly total: number;
}

interface IncompleteInit {
  readonly partialResults: TaskResults;
  readonly checkpoint: Checkpoint;
  readonly failedTasks: Readonly<Record<string, HeddleError>>;
  readonly cause?: unknown;
  readonly hint?: string;
}

/** Not every task of a graph completed. What did is in `partialResults`. */
export class WorkflowExecutionError extends HeddleError<ExecutionProgress> {
  override readonly name: string = 'WorkflowExecutionError';
  /** Of the tasks that completed. */
  readonly partialResults: TaskResults;
  /** Completed tasks of all, 0 to 1. */
  readonly completionRatio: number;
  /** For `recoverAndContinue`. */
  readonly checkpoint: Checkpoint;
  /** Why tasks failed, by name: `TaskExecutionError`, `ResourceLimitError` or `TimeoutError` each. */
  readonly failedTasks: Readonly<Record<string, HeddleError>>;

  constructor(message: string, progress: ExecutionProgress, init: IncompleteInit) {
    const { cause, hint, partialResults, checkpoint, failedTasks } = init;
    super('WORKFLOW_FAILED', message, {
      details: progress,
      ...(cause === undefined ? {} : { cause }),
      ...(hint === undefined ? {} : { hint }),
    });
    this.completionRatio = ratioOf(progress);
    this.partialResults = quietly(this, 'partialResults', partialResults);
    this.checkpoint = quietly(this, 'checkpoint', checkpoint);
    this.failedTasks = quietly(this, 'failedTasks', failedTasks);
  }
}

/** What a `TimeoutError` knows of what it ended. */
export interface TimeoutInit {
  readonly taskName?: string;
  readonly partialResults?: TaskResults;
  readonly checkpoint?: Checkpoint;
  readonly cause?: unknown;
  readonly hint?: string;
}

/** The executor's global `timeout` passed, or a task's own. */
export class TimeoutError extends HeddleError<Partial<ExecutionProgress>> {
  override readonly name: string = 'TimeoutError';
  /** Of one task that took too long; undefined when it was the whole. */
  readonly taskName: string | undefined;
  readonly partialResults: TaskResults;
  /** For `recoverAndContinue`; undefined of a single task. */
  readonly checkpoint: Checkpoint | undefined;
  readonly completionRatio: number;

  constructor(message: string, progress: Partial<ExecutionProgress>, init: TimeoutInit = {}) {
    const { cause, hint, taskName, partialResults = {}, checkpoint } = init;
    super('EXECUTION_TIMEOUT', message, {
      details: progress,
      ...(cause === undefined ? {} : { cause }),
      ...(hint === undefined ? {} : { hint }),
    });
    this.taskName = taskName;
    this.completionRatio = ratioOf(progress);
    this.partialResults = quietly(this, 'partialResults', partialResults);
    this.checkpoint = quietly(this, 'checkpoint', checkpoint);
  }
}

/** There to be read, and not printed with the error: results may be large. */
function quietly<Value>(error: object, name: string, value: Value): Value {
  Object.defineProperty(error, name, { value, enumerable: false, writable: true });
  return value;
}

function ratioOf({ completed = 0, total = 0 }: Partial<ExecutionProgress>): number {
  return total === 0 ? 1 : completed / total;
}

/** The error of a failed task, by why it failed. */
export function errorOfTask(failure: TaskFailure): HeddleError {
  const { job: task, cause: detail } = failure;
  const error = failureOfTask(failure);
  if (detail === 'memory') {
    return new ResourceLimitError(
      error.message,
      { task, resource: 'memory' },
      {
        cause: error,
        hint: 'raise memoryLimitMb, or its resources.memory',
      },
    );
  }
  if (detail === 'timeout') return new TimeoutError(error.message, {}, { taskName: task, cause: error });
  return error;
}
