import {
  definitionOf,
  descendants,
  downstream,
  type Graph,
  GraphBuilder,
  HeddleError,
  nearestName,
  topologicalOrder,
} from '../../model/index.ts';
import type { Task } from './task.ts';
import { TaskPool } from './task-pool.ts';

/** What the checks need of every task: they look at names and edges only. */
const SHAPE = definitionOf('task', 'call', {});

/**
 * Tasks and who needs whom, by name. Without any task it is valid. Its questions are answered from the tasks there are when they are
 * asked: tasks added later count.
 */
export class TaskGraph {
  readonly name: string;
  readonly taskPool: TaskPool;

  constructor(pool: TaskPool | Iterable<Task> = [], options: { /** @default 'graph' */ readonly name?: string } = {}) {
    this.taskPool = pool instanceof TaskPool ? pool : new TaskPool(pool);
    this.name = options.name ?? 'graph';
  }

  get size(): number {
    return this.taskPool.size;
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

  /** @throws {HeddleError} GRAPH_UNKNOWN_NODE for a task that is needed and not there, GRAPH_CYCLE */
  validateDependencies(): void {
    this.#edges();
  }

  /** Whether tasks wait for each other in a circle. @throws {HeddleError} GRAPH_UNKNOWN_NODE */
  hasCycle(): boolean {
    try {
      this.#edges();
      return false;
    } catch (error) {
      if (HeddleError.is(error) && error.code === 'GRAPH_CYCLE') return true;
      throw error;
    }
  }

  /** Names of all tasks, each after those it needs. @throws {HeddleError} GRAPH_UNKNOWN_NODE, GRAPH_CYCLE */
  topologicalSort(): readonly string[] {
    const { names } = this.taskPool;
    return Array.from(topologicalOrder(this.#edges()), (i) => names[i] as string);
  }

  /** What a task needs: directly, or `transitive`ly. @throws {HeddleError} JOB_NOT_FOUND */
  getDependencies(name: string, options: { readonly transitive?: boolean } = {}): readonly string[] {
    const { deps } = this.getTask(name);
    if (options.transitive !== true) return deps;
    const found = new Set(deps);
    // A set hands out what is added to it while it is gone through.
    for (const each of found) for (const further of this.getTask(each).deps) found.add(further);
    return [...found];
  }

  /** What needs a task: directly, or `transitive`ly. @throws {HeddleError} JOB_NOT_FOUND, GRAPH_UNKNOWN_NODE */
  getDependents(name: string, options: { readonly transitive?: boolean } = {}): readonly string[] {
    this.getTask(name);
    const { names } = this.taskPool;
    const at = names.indexOf(name);
    const edges = this.#edges();
    if (options.transitive === true) {
      const marked = descendants(edges, [at]);
      return names.filter((_, i) => marked[i] === 1);
    }
    const { offsets, to } = downstream(edges);
    return Array.from(to.subarray(offsets[at], offsets[at + 1]), (i) => names[i] as string);
  }

  /** Tasks that are not completed and whose dependencies all are, in the order of the pool. */
  getReadyTasks(completed: Iterable<string> = []): readonly string[] {
    const done = new Set(completed);
    return [...this.taskPool]
      .filter(({ name, deps }) => !done.has(name) && deps.every((each) => done.has(each)))
      .map(({ name }) => name);
  }

  /** The largest number of tasks that could run at a time if all took equally long. */
  get width(): number {
    const level = new Map<string, number>();
    const widths: number[] = [];
    for (const name of this.topologicalSort()) {
      const own = 1 + Math.max(-1, ...this.getTask(name).deps.map((each) => level.get(each) as number));
      level.set(name, own);
      widths[own] = (widths[own] ?? 0) + 1;
    }
    return widths.reduce((most, width) => Math.max(most, width), 0);
  }

  /** The engine's own graph of these names and edges: its builder does the checking. */
  #edges(): Graph {
    const { names } = this.taskPool;
    const builder = new GraphBuilder(this.name);
    const definition = builder.definition(SHAPE);
    for (const { name, deps } of this.taskPool) {
      const missing = deps.find((each) => !this.taskPool.hasTask(each));
      if (missing !== undefined) throw unknownDependency(name, missing, names);
      builder.add(name, { definition, edges: deps });
    }
    return builder.build();
  }
}

function unknownDependency(task: string, missing: string, names: readonly string[]): HeddleError {
  const nearest = nearestName(missing, names);
  return new HeddleError('GRAPH_UNKNOWN_NODE', `task '${task}' depends on non-existent task '${missing}'`, {
    details: { name: missing, neededBy: task },
    hint: nearest === undefined ? 'add it, or drop the dependency' : `did you mean '${nearest}'?`,
  });
}
