import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BackendTask,
  Executor,
  type HeddleError,
  LocalTask,
  ShellTask,
  type ShellTaskResult,
  TaskGraph,
  type TimeoutError,
  type WorkflowExecutionError,
  WorkflowExecutor,
} from 'heddle';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

let folder: string;
beforeEach(() => {
  folder = ownFolder('executor');
});
afterEach(() => giveBack(folder));

const failureOf = async <Expected extends Error>(work: Promise<unknown>): Promise<Expected> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: Expected) => error,
  );

const codesOf = (error: HeddleError | undefined): readonly number[] => {
  const details = error?.details as { readonly result: ShellTaskResult } | undefined;
  return (details?.result.commands ?? []).map(({ returncode }) => returncode);
};

test('every command of a task that goes on has its record, and the task has failed', async () => {
  await using executor = new Executor();
  const commands = ['echo one; echo of one >&2', 'cd /; exit 4', 'pwd; printf three'];
  const options = { commands, onFailure: 'continue', workingDirectory: folder } as const;
  const error = await failureOf<HeddleError>(
    executor.executeTask(new ShellTask('stops', { ...options, onFailure: 'stop' })),
  );
  const results = await failureOf<WorkflowExecutionError>(
    executor.execute(new TaskGraph([new ShellTask('goes on', options)])),
  );

  expect(error).toMatchObject({ name: 'TaskExecutionError', taskName: 'stops', details: { cause: 'exit' } });
  expect(codesOf(error)).toEqual([0, 4]);
  expect(codesOf(results.failedTasks['goes on'])).toEqual([0, 4, 0]);
  expect(results.failedTasks['goes on']).toMatchObject({ message: "task 'goes on' failed: exit code 4" });
});

test('records say what each command wrote, also in several lines, and in a shell of its own', async () => {
  await using executor = new Executor();
  const commands = ['x=1; echo "one$$x"; echo of one >&2', 'echo "two$$x"; true', 'printf three'];

  const result: ShellTaskResult = await executor.executeTask(
    new ShellTask('all', { commands, workingDirectory: folder }),
  );

  expect(result).toEqual({
    taskName: 'all',
    taskType: 'ShellTask',
    status: 'completed',
    success: true,
    commandsExecuted: 3,
    commands: [
      {
        index: 0,
        text: 'x=1; echo "one$x"; echo of one >&2',
        returncode: 0,
        stdout: 'one1\n',
        stderr: 'of one\n',
        success: true,
      },
      { index: 1, text: 'echo "two$x"; true', returncode: 0, stdout: 'two\n', stderr: '', success: true },
      { index: 2, text: 'printf three', returncode: 0, stdout: 'three', stderr: '', success: true },
    ],
  });
});

test('a command that is stopped has come to no end of its own', async () => {
  await using executor = new Executor();
  const task = new ShellTask('slow', { commands: ['echo one', 'echo two; sleep 300', 'echo three'], timeout: 500 });
  const error = await failureOf<TimeoutError>(executor.executeTask(task));

  expect(error).toMatchObject({ name: 'TimeoutError', taskName: 'slow' });
  expect(codesOf(error.cause as HeddleError)).toEqual([0, -1]);
});

test('sequential is one at a time, however many could run', async () => {
  await using executor = new Executor({ executionMode: 'sequential', maxWorkers: 4 });
  const command = `mkdir ${folder}/busy && sleep 0.05 && rmdir ${folder}/busy`;
  const graph = new TaskGraph(['a', 'b', 'c', 'd'].map((name) => new ShellTask(name, { commands: [command] })));

  expect(Object.keys(await executor.execute(graph))).toEqual(['a', 'b', 'c', 'd']);
});

test('what is in memory can be gone on with after the engine has been closed, functions of this process too', async () => {
  const calls: string[] = [];
  let isMended = false;
  const graph = new TaskGraph([
    new LocalTask('first', { func: () => calls.push('first') }),
    new LocalTask('second', {
      deps: ['first'],
      func: () => {
        calls.push('second');
        if (!isMended) throw new Error('not yet');
        return 'mended';
      },
    }),
  ]);
  await using executor = new Executor();
  const { checkpoint } = await failureOf<WorkflowExecutionError>(executor.execute(graph));
  // Longer than an engine that has nothing to do stays open.
  await sleep(600);
  isMended = true;

  expect(await executor.recoverAndContinue(graph, checkpoint)).toEqual({ first: 1, second: 'mended' });
  expect(calls).toEqual(['first', 'second', 'second']);
});

test('another graph can not go on from a checkpoint', async () => {
  await using executor = new Executor();
  const graph = (command: string): TaskGraph => new TaskGraph([new ShellTask('a', { commands: [command] })]);
  const { checkpoint } = await failureOf<WorkflowExecutionError>(executor.execute(graph('exit 1')));

  await expect(executor.recoverAndContinue(graph('exit 0'), checkpoint)).rejects.toMatchObject({
    code: 'CODE_CHANGED',
  });
  await expect(executor.recoverAndContinue(graph('exit 1'), { ...checkpoint, run: 'r-none' })).rejects.toMatchObject({
    code: 'RUN_NOT_FOUND',
  });
});

test('a workflow goes on where another executor on the same store has left it, with its results', async () => {
  const store = join(folder, 'store');
  const at = (name: string, ...commands: readonly string[]): ShellTask =>
    new ShellTask(name, {
      commands: [`echo ${name} >> log`, ...commands],
      workingDirectory: folder,
      deps: name === 'b' ? ['a'] : [],
    });
  const graph = (): TaskGraph => new TaskGraph([at('a'), at('b', 'test -e key')], { name: 'kept' });
  await using first = new WorkflowExecutor({ options: { store }, checkpointInterval: 1 });
  const error = await failureOf<WorkflowExecutionError>(first.executeWorkflow(graph()));
  expect(first.getExecutionState()).toMatchObject({ completedTasks: ['a'], failedTasks: ['b'], pendingTasks: [] });
  await first[Symbol.asyncDispose]();
  writeFileSync(join(folder, 'key'), '');

  await using second = new WorkflowExecutor({ options: { store }, resumeFromCheckpoint: true });
  const results = await second.executeWorkflow(graph());

  expect(second.run).toBe(error.checkpoint.run);
  expect(Object.keys(results)).toEqual(['a', 'b']);
  expect(results['a']).toMatchObject({ success: true, commandsExecuted: 1 });
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('a\nb\nb\n');
});

test('the global timeout ends what runs, and says what there is', async () => {
  await using executor = new Executor({ timeout: 0.5 });
  const graph = new TaskGraph([
    new ShellTask('slow', { commands: ['sleep 300'], workingDirectory: folder }),
    new ShellTask('after', { commands: [`touch ${folder}/after`], deps: ['slow'] }),
  ]);
  const error = await failureOf<TimeoutError>(executor.execute(graph));

  expect(error).toMatchObject({
    name: 'TimeoutError',
    code: 'EXECUTION_TIMEOUT',
    completionRatio: 0,
    partialResults: {},
  });
  expect(executor.getStatus().tasks).toMatchObject({ completed: 0, running: 0, failed: 0 });
  expect(existsSync(join(folder, 'after'))).toBe(false);
});

test('a task waits for plugins that are asked before it, and one that is cancelled meanwhile never starts', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  await using executor = new Executor({
    timeout: 1,
    plugins: [
      {
        beforeTaskExecution: () => {
          asked.resolve();
          return answer.promise;
        },
      },
    ],
  });
  const work = failureOf<TimeoutError>(
    executor.execute(new TaskGraph([new ShellTask('waits', { commands: [`touch ${folder}/began; sleep 300`] })])),
  );
  await asked.promise;
  expect(existsSync(join(folder, 'began'))).toBe(false);
  await sleep(1500);
  answer.resolve();

  expect(await work).toMatchObject({ name: 'TimeoutError' });
  expect(executor.getStatus().tasks).toMatchObject({ cancelled: 1, failed: 0 });
  expect(existsSync(join(folder, 'began'))).toBe(false);
});

test('what a backend of one’s own says of a shell task is its result, its exit code, or its failure', async () => {
  const executeTask = async (task: BackendTask): Promise<unknown> => {
    if (task.name === 'done here') return task.execute();
    return { ['own record']: { rows: 3 }, ['own code']: 7, ['own failure']: { success: false } }[task.name];
  };
  await using executor = new Executor({ backend: { name: 'mine', executeTask } });
  const names = ['done here', 'own record', 'own code', 'own failure'];
  const graph = new TaskGraph(names.map((name) => new ShellTask(name, { commands: ['echo hi'] })));
  const error = await failureOf<WorkflowExecutionError>(executor.execute(graph));

  expect(error.partialResults).toMatchObject({
    'done here': { success: true, commands: [{ stdout: 'hi\n' }] },
    'own record': { rows: 3 },
  });
  expect(Object.values(error.failedTasks).map(({ message }) => message)).toEqual([
    "task 'own code' failed: exit code 7",
    "task 'own failure' failed: exit code 1",
  ]);
});

test('a backend of one’s own may do something around a whole graph', async () => {
  const told: string[] = [];
  await using executor = new Executor({
    backend: {
      executeTask: (task: BackendTask) => task.execute(),
      executeGraph: async (graph, walk) => {
        told.push(`before ${graph.size}`);
        const results = await walk(graph);
        told.push(`after ${Object.keys(results).length}`);
        return results;
      },
    },
  });

  expect(await executor.execute(new TaskGraph([new LocalTask('a', { func: () => 1 })]))).toEqual({ a: 1 });
  expect(told).toEqual(['before 1', 'after 1']);
});

test('checkpoints come each so many finished tasks, with results where that is asked for', async () => {
  await using workflow = new WorkflowExecutor({ checkpointInterval: 2, saveIntermediateResults: true });
  const tasks = ['a', 'b', 'c'].map((name, i, all) => {
    return new LocalTask(name, { func: ({ n }) => n, inputs: { n: i }, deps: all.slice(Math.max(0, i - 1), i) });
  });

  expect(await workflow.executeWorkflow(new TaskGraph(tasks))).toEqual({ a: 0, b: 1, c: 2 });
  expect(workflow.checkpoint).toMatchObject({ totalTasks: 3, results: { a: 0, b: 1 } });
});
