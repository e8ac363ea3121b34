// Never more than there is, however many workers; a request above what one task may have is refused before anything starts.
import { Executor, LocalTask, ResourceLimitError, ResourceManager, TaskGraph } from 'heddle';

const resourceManager = new ResourceManager({
  totalCpuCores: 2,
  totalMemoryGb: 64,
  allocationStrategy: 'fair',
  enableOversubscription: false,
});
const executor = new Executor({
  maxWorkers: 8,
  resourceManager,
  resourceConstraints: { maxCpuPerTask: 4, maxMemoryPerTaskGb: 8 },
});
// Two have a place; a third at the same time has none, and fails.
const takePlace =
  'if mkdir one 2> /dev/null; then place=one; else mkdir two && place=two; fi && sleep 0.1; rmdir "$$place"';
const names = Array.from({ length: 8 }, (_, i) => `load-${i}`);
const results = await executor.execute(
  new TaskGraph(names.map((name) => new LocalTask(name, { commands: [takePlace] }))),
);
console.log(Object.keys(results).length);
try {
  await executor.executeTask(new LocalTask('wide', { commands: ['true'], resources: { cpus: 8 } }));
} catch (error) {
  console.log(error instanceof ResourceLimitError && error.message);
}
