// What can be changed while it goes: monitoring, logs, checkpoints.
import { ExecutionMonitor, Executor, HeddleError, LocalTask, TaskGraph } from 'heddle';

const executor = new Executor({ maxWorkers: 2, monitor: new ExecutionMonitor({ intervalMs: 200 }) });
executor.configure({ enableMonitoring: true, logLevel: 'INFO', checkpointInterval: 2, resourceMonitoring: true });
const graph = new TaskGraph(['a', 'b', 'c', 'd', 'e'].map((name) => new LocalTask(name, { commands: ['true'] })));
await executor.execute(graph);
console.log(executor.checkpoint?.totalTasks, (executor.checkpoint?.completedTasks.length ?? 0) >= 2);
console.log(executor.getStatus().tasks.completed, executor.getStatus().mode);
const { completedTasks, wallSeconds, usage } = executor.getPerformanceStats();
console.log(completedTasks, wallSeconds > 0, usage !== undefined);
try {
  executor.configure({ checkpointInterval: 0 });
} catch (error) {
  if (HeddleError.is(error)) console.log(`${error.message}: ${error.hint}`);
}
