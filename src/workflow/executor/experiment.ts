import { HeddleError } from '../../model/index.ts';
import { Param } from '../experiments/index.ts';
import type { Task } from './task.ts';
import { TaskGraph } from './task-graph.ts';
import { TaskPool } from './task-pool.ts';

export interface ExperimentOfTasksOptions {
  readonly name: string;
  readonly readme?: string;
  readonly taskPool?: TaskPool;
  /** What every run of it is given, where the run does not say otherwise. */
  readonly params?: object;
}

/**
 * Named tasks that are run together, by an `ExperimentExecutor`, with parameters. For one workflow over many parameters,
 * compared as a table, there is `experiment(workflow, space)`.
 *
 * @example
 * const study = new Experiment({ name: 'study' });
 * study.addTask(new LocalTask('prepare', { commands: ['python3 prepare.py'] }));
 */
export class Experiment {
  readonly name: string;
  readonly readme: string;
  readonly taskPool: TaskPool;
  readonly params: Param;

  /** @throws {HeddleError} INPUT_INVALID, PARAMETER_INVALID */
  constructor({ name, readme = '', taskPool = new TaskPool(), params = {} }: ExperimentOfTasksOptions) {
    if (typeof name !== 'string' || name === '')
      throw new HeddleError('INPUT_INVALID', 'an experiment has no name', {
        hint: "new Experiment({ name: 'study' })",
      });
    this.name = name;
    this.readme = readme;
    this.taskPool = taskPool;
    this.params = Param(params) as Param;
  }

  /** @throws {HeddleError} GRAPH_DUPLICATE when the name is taken */
  addTask(task: Task): void {
    this.taskPool.addTask(task);
  }

  /** @throws {HeddleError} JOB_NOT_FOUND */
  removeTask(name: string): void {
    this.taskPool.removeTask(name);
  }

  /** @throws {HeddleError} JOB_NOT_FOUND */
  getTask(name: string): Task {
    return this.taskPool.getTask(name);
  }

  /** The graph of its tasks: the same pool, so that tasks added later are in it. */
  toGraph(): TaskGraph {
    return new TaskGraph(this.taskPool, { name: this.name });
  }
}
