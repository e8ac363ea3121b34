// Parameters reach the commands: over what the tasks say themselves, always quoted.
import { Experiment, ExperimentExecutor, HeddleError, LocalTask, Param } from 'heddle';

const experiment = new Experiment({ name: 'parameter_study' });
experiment.addTask(
  new LocalTask('prepare_simulation', {
    commands: ['echo setup --temp ${temperature} --pressure ${pressure} > prepared_system.inp'],
    inputs: { temperature: 100 },
  }),
);
experiment.addTask(
  new LocalTask('run_simulation', {
    commands: ['cat prepared_system.inp > simulation_output.dat'],
    deps: ['prepare_simulation'],
  }),
);
experiment.addTask(
  new LocalTask('analyze_results', { commands: ['cat simulation_output.dat'], deps: ['run_simulation'] }),
);

const executor = new ExperimentExecutor(experiment, 'parameter_study_executor');
const results = await executor.run(new Param({ temperature: 300.0, pressure: 1.0, ensemble: 'NPT' }));
const { commands } = results['analyze_results'] as { commands: readonly { readonly stdout: string }[] };
console.log(commands[0]?.stdout.trim());

const summary = executor.getExecutionSummary();
console.log(`Experiment: ${summary.experimentName}`);
console.log(`Tasks executed: ${summary.taskCount}`);
console.log('Status:', summary.statusSummary);

try {
  await executor.run(new Param({ temperature: 300, presure: 1 }));
} catch (error) {
  if (HeddleError.is(error)) console.log(`${error.code}: ${error.message}`);
}
console.log(executor.getExecutionStatus());
