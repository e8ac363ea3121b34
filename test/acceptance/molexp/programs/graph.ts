// A graph: every task once, after those it depends on; results by name.
import { Executor, LocalTask, TaskGraph } from 'heddle';

const executor = new Executor();
const graph = new TaskGraph();
graph.addTask(new LocalTask('after', { commands: ['cat order', 'echo after >> order'], deps: ['first', 'second'] }));
graph.addTask(new LocalTask('first', { commands: ['echo first >> order'] }));
graph.addTask(new LocalTask('second', { commands: ['echo second >> order'], deps: ['first'] }));
graph.addTask(new LocalTask('example', { func: ({ x }) => x * 2, inputs: { x: 5 } }));
const results = await executor.execute(graph);
console.log(Object.keys(results).join(' '));
console.log(results['example']);
const { status, commandsExecuted, commands } = results['after'] as {
  status: string;
  commandsExecuted: number;
  commands: readonly { readonly returncode: number; readonly stdout: string }[];
};
console.log(status, commandsExecuted, JSON.stringify(commands[0]?.stdout), commands[1]?.returncode);
