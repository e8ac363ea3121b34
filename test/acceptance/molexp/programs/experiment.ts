// An experiment of two tasks, and how it stands.
import { Experiment, ExperimentExecutor, LocalTask } from 'heddle';

const experiment = new Experiment({ name: 'molecular_analysis' });
experiment.addTask(new LocalTask('prepare_data', { commands: ['echo 1 2 3 > data.txt'] }));
experiment.addTask(new LocalTask('analyze', { commands: ['wc -w < data.txt'], deps: ['prepare_data'] }));

const executor = new ExperimentExecutor(experiment);
const results = await executor.run();
console.log(Object.keys(results).join(' '));
console.log(`Completed: ${executor.isExecutionCompleted()}`);
console.log(executor.getExecutionStatus());

// A failing command fails its task; what depends on it stays pending.
const broken = new Experiment({ name: 'broken' });
broken.addTask(new LocalTask('fails', { commands: ['exit 3', 'echo never'] }));
broken.addTask(new LocalTask('waits', { commands: ['echo never'], deps: ['fails'] }));
const failing = new ExperimentExecutor(broken);
const { fails } = (await failing.run()) as { fails: { success: boolean; result: { commandsExecuted: number } } };
console.log(failing.isExecutionFailed(), failing.isExecutionCompleted(), failing.getExecutionStatus());
console.log(fails.success, fails.result.commandsExecuted);
