// Plugins are called in order; one that throws, or never answers, changes nothing.
import { type ExecutionPlugin, Executor, LocalTask, type Task, TaskGraph } from 'heddle';

/** Tasks end when they end. */
const lines: string[] = [];

class ProfilingPlugin implements ExecutionPlugin {
  readonly #started = new Map<Task, number>();

  beforeTaskExecution(task: Task): void {
    this.#started.set(task, Date.now());
  }

  afterTaskExecution(task: Task, result: unknown): void {
    const seconds = (Date.now() - (this.#started.get(task) ?? Number.NaN)) / 1000;
    lines.push(`Task ${task.name} took ${seconds >= 0 ? 'its time' : seconds}: ${JSON.stringify(result)}`);
  }

  onTaskFailure(task: Task, error: Error): void {
    lines.push(`Task ${task.name} failed: ${error.message}`);
  }
}
const throwing: ExecutionPlugin = {
  name: 'throwing',
  beforeTaskExecution: () => {
    throw new Error('not today');
  },
};
const silent: ExecutionPlugin = { name: 'silent', afterTaskExecution: () => new Promise(() => undefined) };
const order: string[] = [];
const ordered = (name: string): ExecutionPlugin => ({
  beforeTaskExecution: (task) => order.push(`${name} ${task.name}`),
});

const plugins = [throwing, silent, new ProfilingPlugin(), ordered('one'), ordered('two')];
const executor = new Executor({ plugins, pluginTimeout: 0.2 });
await executor
  .execute(
    new TaskGraph([
      new LocalTask('double', { func: ({ x }) => x * 2, inputs: { x: 5 } }),
      new LocalTask('shell', { commands: ['exit 1'], deps: ['double'] }),
    ]),
  )
  .catch((error: Error) => console.log(error.name));
console.log(lines.toSorted().join('\n'));
console.log(order.join(', '));
const notices = executor.notices.map(({ code, plugin, task }) => `${code} ${plugin} ${task}`);
console.log(notices.toSorted().join('\n'));
