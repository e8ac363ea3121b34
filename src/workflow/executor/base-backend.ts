import { customBackend, type CustomTask } from '../../jobs/index.ts';
import type { Backend } from '../../model/index.ts';
import type { TaskResults } from './executor-errors.ts';
import { readShellResult } from './shell-record.ts';
import type { ShellTaskResult, Task } from './task.ts';
import type { TaskGraph } from './task-graph.ts';

/** A task that is to be executed: one attempt of it. */
export interface BackendTask {
  readonly name: string;
  readonly type: string;
  readonly deps: readonly string[];
  /** Its own, those of the run's parameters over them. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Of a shell task: with their variables filled in. */
  readonly commands?: readonly string[];
  /** Of a function task: it is called with the inputs. */
  readonly func?: (inputs: never) => unknown;
  /** Random, and never used again: a key for whatever must happen once. */
  readonly attempt: string;
  /** From 1. */
  readonly attemptNumber: number;
  /** The attempt's own, absolute; of a shell task it is there. */
  readonly directory: string;
  /** Does here what the task says: gives what the function returns, or throws what it throws; of a shell task, its record. */
  execute(): Promise<unknown>;
}

/** Whoever executes tasks, one at a time as it is asked. */
export interface TaskBackend {
  /** @default 'custom' */
  readonly name?: string;
  /**
   * Executes a task; what it returns is the task's result, what it throws fails the task. A number returned for a shell task is its
   * exit code; a record of `success: false` fails it. The signal asks it to end.
   */
  executeTask(task: BackendTask, signal: AbortSignal): unknown;
  /** Executes a whole graph. @default `walk(graph)`: the engine gives it the tasks as their turn comes */
  executeGraph?(graph: TaskGraph, walk: (graph: TaskGraph) => Promise<TaskResults>): Promise<TaskResults>;
}

/** A backend that has everything but `executeTask`. */
export abstract class BaseBackend implements TaskBackend {
  readonly name: string = 'custom';

  abstract executeTask(task: BackendTask, signal: AbortSignal): unknown;

  /** The engine gives the tasks to `executeTask` as their turn comes. */
  executeGraph(graph: TaskGraph, walk: (graph: TaskGraph) => Promise<TaskResults>): Promise<TaskResults> {
    return walk(graph);
  }
}

/** A task as its execution knows it. */
export interface PlannedTask {
  readonly task: Task;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Of a shell task: with their variables filled in. */
  readonly commands: readonly string[];
}

/** What a backend gave instead of the record of a shell task, by run and task. */
export type GivenResults = Map<string, unknown>;

/** The key of `GivenResults`. */
export const givenKey = (run: string, task: string): string => `${run}/${task}`;

/** What an executor knows that a backend of tasks is told of. */
export interface Adaptation {
  readonly planned: (run: string, task: string) => PlannedTask | undefined;
  readonly given: GivenResults;
  readonly slots: number | undefined;
}

/** Gives a backend of tasks to the engine as one of its own. */
export function adaptBackend(backend: TaskBackend, { planned, given, slots }: Adaptation): Backend {
  return customBackend({
    name: nameOf(backend),
    ...(slots === undefined ? {} : { slots }),
    executeTask: async (custom, signal) => {
      const known = planned(custom.run, custom.job);
      // Of a run that another executor began nothing more is known.
      if (known === undefined) return custom.execute();
      const returned = await backend.executeTask(backendTask(custom, known), signal);
      if (known.task.work.kind === 'function' || typeof returned === 'number' || returned === undefined)
        return returned;
      given.set(givenKey(custom.run, custom.job), returned);
      return exitCodeOf(returned);
    },
  });
}

export function isTaskBackend(backend: object): backend is TaskBackend {
  return 'executeTask' in backend;
}

export function nameOf({ name }: TaskBackend): string {
  return name ?? 'custom';
}

function backendTask(custom: CustomTask, { task, inputs, commands }: PlannedTask): BackendTask {
  const { work, name, type, deps } = task;
  const execute = async (): Promise<unknown> => {
    const returned = await custom.execute();
    if (work.kind === 'function') return returned;
    return readShellResult(task, commands, { directory: custom.directory, succeeded: returned === 0 });
  };
  return {
    ...{ name, type, deps, inputs, execute },
    ...(work.kind === 'function' ? { func: work.func } : { commands }),
    ...{ attempt: custom.attempt, attemptNumber: custom.fence, directory: custom.directory },
  };
}

function exitCodeOf(returned: unknown): number {
  if (typeof returned !== 'object' || returned === null) return 0;
  const { success, commands } = returned as Partial<ShellTaskResult>;
  if (success !== false) return 0;
  const failed = Array.isArray(commands) ? commands.findLast((each) => !each.success)?.returncode : undefined;
  return typeof failed === 'number' && failed > 0 ? failed : 1;
}
