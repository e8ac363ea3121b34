// Whoever executes the tasks themselves keeps account here; then reset, and run.
import { Experiment, ExperimentExecutor, HeddleError, LocalTask } from 'heddle';

const task = (name: string, ...deps: readonly string[]): LocalTask =>
  new LocalTask(name, { commands: [`echo ${name}`], deps });
const experiment = new Experiment({ name: 'diamond' });
for (const each of [task('1'), task('2', '1'), task('3', '1')]) experiment.addTask(each);

const executor = new ExperimentExecutor(experiment);
// Added later, and seen.
experiment.addTask(task('4', '2', '3'));
for (let ready = executor.getExecutableTasks(); ready.length > 0; ready = executor.getExecutableTasks()) {
  console.log(`Ready to execute: ${ready.join(' ')}`);
  for (const name of ready) {
    executor.markTaskRunning(name);
    if (name === '3') executor.markTaskFailed(name, new Error('no'));
    else executor.markTaskCompleted(name, `result of ${name}`);
  }
}
console.log(executor.getExecutionStatus(), executor.isExecutionFailed());

for (const wrong of [
  () => executor.markTaskRunning('5'),
  () => executor.markTaskRunning('4'),
  () => executor.markTaskCompleted('1'),
]) {
  try {
    wrong();
  } catch (error) {
    if (HeddleError.is(error)) console.log(`${error.code}: ${error.message}`);
  }
}

if (!executor.isExecutionCompleted()) {
  executor.resetExecution();
  console.log(executor.getExecutionStatus());
  await executor.run();
}
console.log(executor.getExecutionSummary().statusSummary, executor.isExecutionCompleted());
