import { type Detail, type EngineEvent, isFinal, type Outcome, type Status } from '../../model/index.ts';
import { countStatuses, TASK_STATUSES, TaskStatus, taskStatusOf } from './task-status.ts';

/** What is known of a task in an execution. Times are epoch milliseconds; 0: not yet. */
export interface TaskState {
  readonly status: Status;
  readonly detail: Detail;
  readonly outcome?: Outcome;
  /** When its latest attempt was given its place. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attempts: number;
}

/** Which tasks stand how: no task is in two lists, and every task in one. */
export interface ExecutionState {
  readonly completedTasks: readonly string[];
  readonly runningTasks: readonly string[];
  readonly pendingTasks: readonly string[];
  readonly failedTasks: readonly string[];
  readonly cancelledTasks: readonly string[];
  /** Nothing new starts: whoever asked for that. */
  readonly isPaused: boolean;
}

type JobEvent = Extract<EngineEvent, { kind: 'job' }>;

const NOT_YET: TaskState = { status: 'created', detail: '', startedAt: 0, endedAt: 0, attempts: 0 };

/** How the tasks of an execution stand, as the engine tells it. */
export class TaskStates {
  readonly #states: Map<string, TaskState>;

  constructor(names: Iterable<string>) {
    this.#states = new Map(Array.from(names, (name) => [name, NOT_YET]));
  }

  get size(): number {
    return this.#states.size;
  }

  get(name: string): TaskState {
    return this.#states.get(name) ?? NOT_YET;
  }

  /** What was so before anything was told. */
  set(name: string, state: Partial<TaskState>): void {
    this.#states.set(name, { ...this.get(name), ...state });
  }

  /** Takes in what was told; gives whether the task has ended by it. */
  apply({ job, status, detail, outcome, at, fence }: JobEvent): boolean {
    const before = this.get(job);
    const hasEnded = isFinal(status);
    const started = status === 'running' && before.status !== 'running' ? at : before.startedAt;
    this.#states.set(job, {
      status,
      detail,
      ...(outcome === undefined ? {} : { outcome }),
      startedAt: started,
      endedAt: hasEnded ? at : 0,
      attempts: Math.max(fence, before.attempts),
    });
    return hasEnded;
  }

  word(name: string): TaskStatus {
    const { status, detail } = this.get(name);
    return taskStatusOf(status, detail);
  }

  /** Names by the word that is theirs now, in the order of the graph. */
  named(word: TaskStatus): readonly string[] {
    return [...this.#states.keys()].filter((name) => this.word(name) === word);
  }

  counts(): Readonly<Record<TaskStatus, number>> {
    const counts = countStatuses([...this.#states.keys()].map((name) => this.word(name)));
    return Object.fromEntries(TASK_STATUSES.map((word) => [word, counts[word] ?? 0])) as Record<TaskStatus, number>;
  }

  lists(): Omit<ExecutionState, 'isPaused'> {
    return {
      completedTasks: this.named(TaskStatus.completed),
      runningTasks: this.named(TaskStatus.running),
      pendingTasks: this.named(TaskStatus.pending),
      failedTasks: this.named(TaskStatus.failed),
      cancelledTasks: this.named(TaskStatus.cancelled),
    };
  }

  *[Symbol.iterator](): Generator<readonly [string, TaskState], void> {
    yield* this.#states;
  }
}
