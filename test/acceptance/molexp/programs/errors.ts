// Each class of errors, by a fault that brings it about.
import {
  Executor,
  LocalTask,
  ResourceLimitError,
  TaskExecutionError,
  TaskGraph,
  TimeoutError,
  WorkflowExecutionError,
} from 'heddle';

const told = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof TaskExecutionError) console.log(`task: ${error.taskName}, ${error.details?.cause}`);
    else if (error instanceof WorkflowExecutionError) {
      console.log(`workflow: ${error.completionRatio}, ${JSON.stringify(error.partialResults)}`);
      for (const each of Object.values(error.failedTasks)) console.log(`  ${each.name}: ${each.message}`);
    } else if (error instanceof ResourceLimitError) console.log(`limit: ${error.taskName}: ${error.message}`);
    else if (error instanceof TimeoutError) console.log(`timeout: ${error.completionRatio}, ${error.message}`);
    else throw error;
  }
};
const broken = (): never => {
  throw new RangeError('no such element');
};

const executor = new Executor({ resourceConstraints: { maxCpuPerTask: 4, maxMemoryPerTaskGb: 8 } });
await told(executor.executeTask(new LocalTask('exits', { commands: ['exit 3'] })));
await told(executor.executeTask(new LocalTask('throws', { func: broken })));
await told(
  executor.execute(
    new TaskGraph(
      [
        new LocalTask('a', { func: () => 1 }),
        new LocalTask('b', { func: () => 2, deps: ['a'] }),
        new LocalTask('c', { func: broken, deps: ['b'] }),
        new LocalTask('d', { func: () => 4, deps: ['c'] }),
      ],
      { name: 'study' },
    ),
  ),
);
await told(executor.executeTask(new LocalTask('wide', { commands: ['true'], resources: { cpus: 8 } })));
await told(executor.executeTask(new LocalTask('large', { commands: ['true'], resources: { memory: '9GB' } })));

const limited = new Executor({ memoryLimitMb: 100 });
const hoard = (): number => {
  const all: Buffer[] = [];
  const end = Date.now() + 30_000;
  while (Date.now() < end) all.push(Buffer.alloc(10_000_000, 1));
  return all.length;
};
try {
  await limited.executeTask(new LocalTask('hoards', { func: hoard }));
} catch (error) {
  console.log(error instanceof ResourceLimitError && `limit: ${error.taskName}`);
}

const brief = new Executor({ timeout: 1 });
const slow = [
  new LocalTask('quick', { commands: ['true'] }),
  new LocalTask('slow', { commands: ['sleep 60'], deps: ['quick'] }),
];
await told(brief.execute(new TaskGraph(slow, { name: 'slow study' })));
