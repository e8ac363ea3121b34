import { expect, test } from 'vitest';
import { LocalTask, type Task } from './task.ts';
import { TaskGraph } from './task-graph.ts';
import { TaskPool } from './task-pool.ts';

const task = (name: string, ...deps: readonly string[]): Task => new LocalTask(name, { commands: ['true'], deps });
const diamond = (): TaskGraph =>
  new TaskGraph(new TaskPool([task('4', '2', '3'), task('2', '1'), task('3', '1'), task('1')]));

test('a graph without tasks is valid everywhere', () => {
  const graph = new TaskGraph();

  graph.validateDependencies();
  expect(graph.hasCycle()).toBe(false);
  expect(graph.topologicalSort()).toEqual([]);
  expect(graph.getReadyTasks()).toEqual([]);
  expect(graph.width).toBe(0);
});

test('each task comes after those it needs', () => {
  expect(diamond().topologicalSort()).toEqual(['1', '2', '3', '4']);
});

test('a task that is needed and not there is named, with the nearest name', () => {
  const graph = new TaskGraph([task('prepare'), task('run', 'prepaer')]);

  expect(() => graph.validateDependencies()).toThrow(
    expect.objectContaining({
      code: 'GRAPH_UNKNOWN_NODE',
      message: "task 'run' depends on non-existent task 'prepaer'",
      hint: "did you mean 'prepare'?",
    }),
  );
});

test('tasks that wait for each other are found and named', () => {
  const graph = new TaskGraph([task('a', 'c'), task('b', 'a'), task('c', 'b')]);

  expect(graph.hasCycle()).toBe(true);
  expect(() => graph.topologicalSort()).toThrow(
    /wait for each other: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)/,
  );
});

test('dependencies and dependents, direct and transitive', () => {
  const graph = diamond();

  expect(graph.getDependencies('4')).toEqual(['2', '3']);
  expect(graph.getDependencies('4', { transitive: true })).toEqual(['2', '3', '1']);
  expect(graph.getDependents('1')).toEqual(['2', '3']);
  expect(graph.getDependents('1', { transitive: true })).toEqual(['4', '2', '3']);
  expect(() => graph.getDependents('5')).toThrow("task '5' not found");
});

test('ready is what is not completed and needs only what is', () => {
  const graph = diamond();

  expect(graph.getReadyTasks()).toEqual(['1']);
  expect(graph.getReadyTasks(['1'])).toEqual(['2', '3']);
  expect(graph.getReadyTasks(['1', '2'])).toEqual(['3']);
  expect(graph.getReadyTasks(['1', '2', '3'])).toEqual(['4']);
  expect(graph.width).toBe(2);
});

test('a name is taken once', () => {
  const pool = new TaskPool([task('a')]);

  expect(() => pool.addTask(task('a'))).toThrow("two tasks are named 'a'");
  pool.removeTask('a');
  pool.addTask(task('a'));
  expect(pool.names).toEqual(['a']);
});
