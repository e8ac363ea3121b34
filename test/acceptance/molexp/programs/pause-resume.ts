// Held up and let go on by others, while it executes: what runs goes on, nothing new starts.
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LocalTask, TaskGraph, WorkflowExecutor } from 'heddle';

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(20);
};
const waits = (name: string, ...deps: readonly string[]): LocalTask =>
  new LocalTask(name, { commands: [`touch ${name}.begun; until [ -e ${name}.go ]; do sleep 0.05; done`], deps });
const graph = new TaskGraph([waits('first'), waits('second', 'first'), waits('third', 'second')]);

await using workflow = new WorkflowExecutor({ options: { store: 'store' } });
const results = workflow.executeWorkflow(graph);
const show = (): void => {
  const { completedTasks, runningTasks, pendingTasks, failedTasks, isPaused } = workflow.getExecutionState();
  console.log(isPaused, [completedTasks, runningTasks, pendingTasks, failedTasks].map((all) => all.join()).join(' | '));
};

await until(() => existsSync('first.begun'));
await workflow.pause();
await workflow.pause();
writeFileSync('first.go', '');
await until(() => workflow.getExecutionState().completedTasks.length === 1);
show();
await workflow.resume();
await workflow.resume();
await until(() => existsSync('second.begun'));

// From another process.
const heddle = (...args: readonly string[]): Promise<unknown> =>
  promisify(execFile)(process.execPath, [process.argv[2] as string, ...args, '--store', 'store']);
await heddle('pause', workflow.run as string);
writeFileSync('second.go', '');
await until(() => workflow.getExecutionState().completedTasks.length === 2);
show();
await heddle('resume', workflow.run as string);
writeFileSync('third.go', '');
console.log(Object.keys(await results).join(' '));
show();
