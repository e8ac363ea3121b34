// Options with the meaning of the document; what is no value of one is refused, naming it and its range.
import { Executor, type ExecutorOptions, HeddleError, LocalTask } from 'heddle';

const executor = new Executor({
  maxWorkers: 8,
  executionMode: 'parallel',
  timeout: 3600,
  memoryLimitMb: 4096,
  retryPolicy: { maxAttempts: 3, backoffFactor: 2, initialDelay: 0.01 },
});
// Fails twice: the third attempt is the last that the policy gives.
const flaky = new LocalTask('flaky', { commands: ['echo x >> tries; test $$(wc -l < tries) -eq 3'] });
console.log((await executor.executeTask(flaky)).success, executor.getPerformanceStats().retries);

const wrong: readonly object[] = [
  { maxWorkers: 0 },
  { executionMode: 'quick' },
  { timeout: -1 },
  { retryPolicy: { backoffFactor: 0.5 } },
  { partialResultsThreshold: 80 },
  { maxWorker: 4 },
];
for (const options of wrong) {
  try {
    new Executor(options as ExecutorOptions);
  } catch (error) {
    if (HeddleError.is(error)) console.log(`${error.code}: ${error.message}: ${error.hint}`);
  }
}
