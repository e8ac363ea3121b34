import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

/**
 * The examples of MolExp's own document, as its users would write them for Heddle: each is a program that is run by Node as it
 * stands, in an empty folder, and what it prints is what the document promises. What needs clusters, clouds or a dashboard is elsewhere.
 */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'configure.ts': [
    '5 true',
    '5 parallel',
    '5 true true',
    "executor.configure: checkpointInterval can't be 0: give a whole number, 1 or more",
  ],
  'custom-backend.ts': [
    `{ first: 'first with {"x":5}', second: 'second with {"y":6}' }`,
    'TaskExecutionError Custom backend execution failed',
  ],
  'errors.ts': [
    'task: exits, exit',
    'task: throws, error',
    'workflow: 0.5, {"a":1,"b":2}',
    "  TaskExecutionError: task 'c' failed: RangeError: no such element",
    "limit: wide: task 'wide' asks for 8 cpus, and a task may have 4",
    "limit: large: task 'large' asks for 9 GB of memory, and a task may have 8",
    'limit: hoards',
    "timeout: 0.5, graph 'slow study' took longer than 1 s: 1 of 2 tasks completed",
  ],
  'experiment.ts': [
    'prepare_data analyze',
    'Completed: true',
    '{ completed: 2 }',
    'true false { failed: 1, pending: 1 }',
    'false 1',
  ],
  'graph.ts': ['after first second example', '10', 'completed 2 "first\\nsecond\\n" 0'],
  'manual-control.ts': [
    'Ready to execute: 1',
    'Ready to execute: 2 3',
    '{ completed: 2, failed: 1, pending: 1 } true',
    "JOB_NOT_FOUND: task '5' not found",
    "STATE_CONFLICT: task '4' can't be running: it depends on '3'",
    "STATE_CONFLICT: task '1' can't become completed: it is completed, not running",
    '{ pending: 4 }',
    '{ completed: 4 } true',
  ],
  'monitor.ts': ['true true true'],
  'options.ts': [
    'true 2',
    "INPUT_INVALID: Executor: maxWorkers can't be 0: give a whole number, 1 or more",
    "INPUT_INVALID: Executor: executionMode can't be 'quick': choose 'sequential', 'parallel', 'auto'",
    "INPUT_INVALID: Executor: timeout can't be -1: give a number of seconds above 0",
    "INPUT_INVALID: Executor: retryPolicy: backoffFactor can't be 0.5: give a number, 1 or more",
    "INPUT_INVALID: Executor: partialResultsThreshold can't be 80: give a number between 0 and 1",
    "INPUT_INVALID: Executor has no field 'maxWorker': did you mean 'maxWorkers'?",
  ],
  'parameters.ts': [
    'setup --temp 300 --pressure 1',
    'Experiment: parameter_study',
    'Tasks executed: 3',
    'Status: { completed: 3 }',
    "TEMPLATE_INVALID: command 0 of task 'prepare_simulation' (echo setup --temp ${temperature} --pressure ${pressure} > prepared_system.inp): nothing gives 'pressure' a value",
    '{ failed: 1, pending: 2 }',
  ],
  'pause-resume.ts': [
    'true first |  | second,third | ',
    'true first,second |  | third | ',
    'first second third',
    'false first,second,third |  |  | ',
  ],
  'profiling-plugin.ts': [
    'WorkflowExecutionError',
    'Task double took its time: 10',
    "Task shell failed: task 'shell' failed: exit code 1",
    'one double, two double, one shell, two shell',
    'PLUGIN_FAILED throwing double',
    'PLUGIN_FAILED throwing shell',
    'PLUGIN_SILENT silent double',
  ],
  'recovery.ts': [
    '0.5 a,b a,b',
    'a,b,c,d',
    'a,b',
    'mended-a mended-b mended-c mended-c mended-d partial-a partial-b partial-c failed-a failed-c failed-c all-a all-c all-a all-c',
  ],
  'resource-manager.ts': ['8', "task 'wide' asks for 8 cpus, and a task may have 4"],
  'single-task.ts': ['Result: 10'],
};

const FOLDER = join(import.meta.dirname, 'programs');
/** Makes `heddle` mean the sources, as an installed package would. */
const SOURCES = join(import.meta.dirname, '..', 'use-sources.ts');
const BIN = join(import.meta.dirname, '../../../bin/heddle.cjs');

test('every program is judged', () => {
  expect(readdirSync(FOLDER)).toEqual(Object.keys(PROGRAMS));
});

test.each(Object.entries(PROGRAMS))('%s prints what the document promises', async (program, printed) => {
  const folder = ownFolder(`molexp-${program}`);

  const { stdout } = await promisify(execFile)(process.execPath, ['--import', SOURCES, join(FOLDER, program), BIN], {
    cwd: folder,
    env: { ...process.env, HEDDLE_SOURCE: '1' },
  });

  expect(stdout.replace(/\n$/, '').split('\n')).toEqual(printed);
  await giveBack(folder);
});
