import { expect, test } from 'vitest';
import { STATUSES, TRANSITIONS } from '../../model/index.ts';
import { Param } from '../experiments/index.ts';
import { type ExecutionPlan, planExecution } from './execution-plan.ts';
import type { ExecutorOptions } from './executor-options.ts';
import { LocalTask, ShellTask, type Task } from './task.ts';
import { TaskGraph } from './task-graph.ts';
import { TaskStates } from './task-states.ts';
import { TASK_STATUSES, taskStatusOf } from './task-status.ts';

const planOf = (tasks: readonly Task[], options: ExecutorOptions = {}, params: object = {}): ExecutionPlan =>
  planExecution(new TaskGraph(tasks), {
    options,
    backend: undefined,
    isOwn: false,
    isAlone: false,
    project: '/project',
    held: new Map(),
    params: Param(params) as Param,
  });
const shell = (name: string, deps: readonly string[] = []): Task => new ShellTask(name, { commands: ['true'], deps });

test('the retry policy is in seconds, counts the first attempt, and no wait is cut short', () => {
  const { graph } = planOf([shell('a')], { retryPolicy: { maxAttempts: 4, backoffFactor: 3, initialDelay: 1.5 } });

  // Before attempt n + 1 the engine waits initialDelayMs * backoffFactor ** (n - 1).
  expect(graph.definitions[0]?.retry).toMatchObject({ maxAttempts: 4, backoffFactor: 3, initialDelayMs: 1500 });
  expect(graph.definitions[0]?.retry.maxDelayMs).toBe(365 * 86_400_000);
});

test("a task's own policies stand in for the executor's", () => {
  const own = new LocalTask('own', { commands: ['true'], retry: { maxAttempts: 2 }, resources: { memory: '1GB' } });
  const { graph } = planOf([own], { retryPolicy: { maxAttempts: 9 }, memoryLimitMb: 100 });

  expect(graph.definitions[0]).toMatchObject({ retry: { maxAttempts: 2 }, resources: { memoryBytes: 1e9 } });
});

test('auto is parallel where more than one task could run at a time', () => {
  const chain = [shell('a'), shell('b', ['a'])];
  const pair = [shell('a'), shell('b')];

  expect(planOf(chain).mode).toBe('sequential');
  expect(planOf(pair).mode).toBe('parallel');
  expect(planOf(pair, { executionMode: 'sequential' }).mode).toBe('sequential');
  expect(planOf(chain, { executionMode: 'parallel' }).mode).toBe('parallel');
});

test('what a function closes over keeps it in this process, and a durable store refuses it', () => {
  const rate = [2];
  const task = new LocalTask('scaled', { func: ({ x }) => x * (rate[0] ?? 1), inputs: { x: 1 } });

  expect(planOf([task]).graph.definitions[0]?.backend).toBe('inline');
  expect(() => planOf([task], { store: 'store' })).toThrow(expect.objectContaining({ code: 'FUNCTION_CANNOT_TRAVEL' }));
  expect(() => planOf([task], { memoryLimitMb: 100 })).toThrow(
    expect.objectContaining({ code: 'FUNCTION_CANNOT_TRAVEL' }),
  );
});

test('the same tasks and parameters are the same graph', () => {
  const tasks = (): readonly Task[] => [new ShellTask('a', { commands: ['echo $x'] })];

  expect(planOf(tasks(), {}, { x: 1 }).fingerprint).toBe(planOf(tasks(), {}, { x: 1 }).fingerprint);
  expect(planOf(tasks(), {}, { x: 1 }).fingerprint).not.toBe(planOf(tasks(), {}, { x: 2 }).fingerprint);
});

test('every status has one word, and what never ran because another failed is pending', () => {
  expect(STATUSES.map((status) => taskStatusOf(status, ''))).toEqual([
    'pending',
    'pending',
    'running',
    'completed',
    'failed',
    'cancelled',
  ]);
  expect(taskStatusOf('cancelled', 'upstream')).toBe('pending');
  expect(taskStatusOf('cancelled', 'run-abort')).toBe('pending');
  expect(taskStatusOf('cancelled', 'user')).toBe('cancelled');
});

test('the lists of tasks are disjoint and whole, whatever is told in whatever order', () => {
  const names = ['a', 'b', 'c', 'd'];
  const states = new TaskStates(names);
  const details = ['', 'upstream', 'user', 'error'] as const;
  let seq = 0;
  for (const from of STATUSES) {
    for (const status of TRANSITIONS[from]) {
      for (const detail of details) {
        seq += 1;
        const job = names[seq % names.length] as string;
        states.apply({
          kind: 'job',
          run: 'r' as never,
          seq,
          job: job as never,
          index: 0,
          from,
          status,
          detail,
          fence: 1,
          at: seq,
        });

        const { completedTasks, runningTasks, pendingTasks, failedTasks, cancelledTasks } = states.lists();
        const all = [completedTasks, runningTasks, pendingTasks, failedTasks, cancelledTasks].flat();
        expect(all.toSorted()).toEqual(names);
        expect(TASK_STATUSES.reduce((sum, word) => sum + states.counts()[word], 0)).toBe(names.length);
      }
    }
  }
});
