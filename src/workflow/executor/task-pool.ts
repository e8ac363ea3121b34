import { HeddleError, nearestName } from '../../model/index.ts';
import { Task } from './task.ts';

/** Tasks by their names, in the order in which they were added. */
export class TaskPool implements Iterable<Task> {
  readonly #tasks = new Map<string, Task>();

  /** @throws {HeddleError} GRAPH_DUPLICATE, INPUT_INVALID */
  constructor(tasks: Iterable<Task> = []) {
    for (const task of tasks) this.addTask(task);
  }

  get size(): number {
    return this.#tasks.size;
  }

  get names(): readonly string[] {
    return [...this.#tasks.keys()];
  }

  /** @throws {HeddleError} GRAPH_DUPLICATE when the name is taken */
  addTask(task: Task): void {
    if (!(task instanceof Task))
      throw new HeddleError('INPUT_INVALID', 'what was added is no task', {
        hint: "make one: new LocalTask('fit', { commands: ['python3 fit.py'] })",
      });
    if (this.#tasks.has(task.name))
      throw new HeddleError('GRAPH_DUPLICATE', `two tasks are named '${task.name}'`, {
        details: { name: task.name },
        hint: 'give one of them another name',
      });
    this.#tasks.set(task.name, task);
  }

  /** @throws {HeddleError} JOB_NOT_FOUND */
  removeTask(name: string): void {
    this.getTask(name);
    this.#tasks.delete(name);
  }

  hasTask(name: string): boolean {
    return this.#tasks.has(name);
  }

  /** @throws {HeddleError} JOB_NOT_FOUND, with the nearest name */
  getTask(name: string): Task {
    const task = this.#tasks.get(name);
    if (task !== undefined) return task;
    const nearest = nearestName(name, this.#tasks.keys());
    throw new HeddleError('JOB_NOT_FOUND', `task '${name}' not found`, {
      details: { name },
      hint: nearest === undefined ? `there is ${this.names.join(', ') || 'none'}` : `did you mean '${nearest}'?`,
    });
  }

  [Symbol.iterator](): Iterator<Task> {
    return this.#tasks.values();
  }
}
