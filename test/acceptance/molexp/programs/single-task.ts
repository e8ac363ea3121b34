// One task: its function's value is its result.
import { Executor, LocalTask } from 'heddle';

const executor = new Executor({ maxWorkers: 4 });
const task = new LocalTask('example', { func: ({ x }) => x * 2, inputs: { x: 5 } });
const result = await executor.executeTask(task);
console.log(`Result: ${result}`);
