// Strategies of recovery, and going on from where an error left off.
import { readFileSync, writeFileSync } from 'node:fs';
import { Executor, LocalTask, TaskGraph, WorkflowExecutionError } from 'heddle';

const log = 'echo $name >> log';
const study = (key: string): TaskGraph =>
  new TaskGraph(
    ['a', 'b', 'c', 'd'].map((name, i, all) => {
      const deps = i === 0 ? [] : [all[i - 1] as string];
      const gate = name === 'c' ? [`test -e ${key}`] : [];
      return new LocalTask(name, { commands: [log, ...gate], deps, inputs: { name: `${key}-${name}` } });
    }),
    { name: key },
  );

// 50 % is not enough to be accepted: what failed runs again, once what it lacked is there.
const ignoring = new Executor({ partialResultsThreshold: 0.8 });
try {
  await ignoring.execute(study('mended'));
} catch (error) {
  if (!(error instanceof WorkflowExecutionError)) throw error;
  console.log(error.completionRatio, Object.keys(error.partialResults).join(), error.checkpoint.completedTasks.join());
  writeFileSync('mended', '');
  const results = await ignoring.recoverAndContinue(study('mended'), error.checkpoint);
  console.log(Object.keys(results).join());
}

// Enough for a threshold of a half: there is what there is.
const content = new Executor({ partialResultsThreshold: 0.5 });
console.log(Object.keys(await content.execute(study('partial'))).join());

// By itself: c makes, when it fails, what it lacks the next time.
const healing = (key: string): TaskGraph =>
  new TaskGraph([
    new LocalTask('a', { commands: [log], inputs: { name: `${key}-a` } }),
    new LocalTask('c', {
      commands: [log, `test -e ${key} || { touch ${key}; exit 1; }`],
      deps: ['a'],
      inputs: { name: `${key}-c` },
    }),
  ]);
const options = { maxRecoveryAttempts: 3, recoveryDelay: 0.01 };
await new Executor({ ...options, recoveryStrategy: 'restartFailed' }).execute(healing('failed'));
await new Executor({ ...options, recoveryStrategy: 'restartAll' }).execute(healing('all'));

// What ran, in its order: nothing that was completed runs again, but where all is to.
console.log(readFileSync('log', 'utf8').trim().replaceAll('\n', ' '));
