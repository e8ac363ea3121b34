import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allTraces, tracesFolder, whyNoTraces } from '../wfformat/shared-traces.ts';
import { CHAIN } from './flows.ts';
import { Sandbox } from './harness.ts';

const CORES = [2, 8, 32, 128] as const;

interface Simulated {
  readonly jobs: number;
  readonly workSeconds: number;
  readonly criticalPath: { readonly seconds: number; readonly jobs: readonly string[] };
  readonly runs: readonly { readonly cores: number; readonly makespanSeconds: number; readonly utilisation: number }[];
}

interface Task {
  readonly seconds: number;
  readonly parents: readonly string[];
  readonly children: string[];
}

/** The trace as its own text says it: nothing of the project reads it here. */
function tasksOf(trace: string): ReadonlyMap<string, Task> {
  const { workflow } = JSON.parse(readFileSync(join(tracesFolder, trace), 'utf8')) as {
    workflow: {
      specification: { tasks: { id: string; parents: string[] }[] };
      execution: { tasks: { id: string; runtimeInSeconds: number }[] };
    };
  };
  const seconds = new Map(workflow.execution.tasks.map((task) => [task.id, task.runtimeInSeconds]));
  const tasks = new Map<string, Task>(
    workflow.specification.tasks.map(({ id, parents }) => [
      id,
      { seconds: seconds.get(id) ?? 0, parents, children: [] },
    ]),
  );
  for (const [id, task] of tasks) for (const parent of task.parents) tasks.get(parent)?.children.push(id);
  return tasks;
}

/** Longest way from the start of each task to the end of everything. */
function upwardRanks(tasks: ReadonlyMap<string, Task>): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  const rankOf = (id: string): number => {
    const known = ranks.get(id);
    if (known !== undefined) return known;
    const task = tasks.get(id) as Task;
    const rank = task.seconds + Math.max(0, ...task.children.map(rankOf));
    ranks.set(id, rank);
    return rank;
  };
  for (const id of tasks.keys()) rankOf(id);
  return ranks;
}

/** A list schedule, written out: whenever a core is free, the ready task with the largest rank starts. */
function listSchedule(tasks: ReadonlyMap<string, Task>, ranks: ReadonlyMap<string, number>, cores: number): number {
  const waits = new Map([...tasks].map(([id, task]) => [id, task.parents.length]));
  let ready = [...tasks.keys()].filter((id) => waits.get(id) === 0);
  let running: { readonly id: string; readonly until: number }[] = [];
  let now = 0;
  while (ready.length > 0 || running.length > 0) {
    ready.sort((a, b) => (ranks.get(b) as number) - (ranks.get(a) as number));
    const starting = ready.slice(0, cores - running.length);
    ready = ready.slice(starting.length);
    running.push(...starting.map((id) => ({ id, until: now + (tasks.get(id) as Task).seconds })));
    now = Math.min(...running.map((each) => each.until));
    const ended = running.filter((each) => each.until <= now);
    running = running.filter((each) => each.until > now);
    for (const { id } of ended) {
      for (const child of (tasks.get(id) as Task).children) {
        const left = (waits.get(child) as number) - 1;
        waits.set(child, left);
        if (left === 0) ready.push(child);
      }
    }
  }
  return now;
}

const missing = whyNoTraces();
if (missing !== undefined) console.warn(`skipped: ${missing}`);

describe.skipIf(missing !== undefined)('the recorded traces in virtual time', () => {
  test.for(missing === undefined ? allTraces() : [])(
    '%s takes what an independent schedule takes, on any number of cores',
    async (trace) => {
      await using box = new Sandbox();
      const tasks = tasksOf(trace);
      const ranks = upwardRanks(tasks);
      const work = [...tasks.values()].reduce((sum, task) => sum + task.seconds, 0);
      const longest = Math.max(...ranks.values());

      const simulated = await box.json<Simulated>([
        'simulate',
        join(tracesFolder, trace),
        ...CORES.flatMap((cores) => ['--cores', String(cores)]),
      ]);

      expect(simulated.jobs).toBe(tasks.size);
      expect(simulated.workSeconds).toBeCloseTo(work, 3);
      expect(simulated.criticalPath.seconds).toBeCloseTo(longest, 3);
      for (const { cores, makespanSeconds } of simulated.runs) {
        const independent = listSchedule(tasks, ranks, cores);
        expect(Math.abs(makespanSeconds - independent) / independent).toBeLessThanOrEqual(0.02);
        // Graham's bound for any list schedule.
        expect(makespanSeconds).toBeLessThanOrEqual(work / cores + (1 - 1 / cores) * longest + 1e-6);
      }
    },
  );
});

test('a table for people, with the chain that no number of cores makes shorter', async () => {
  await using box = new Sandbox();
  box.write('flow.js', CHAIN);

  const ended = await box.run(['simulate', 'flow.js', '--cores', '4', '-p', 'ms=90000']);

  expect(ended.code).toBe(0);
  expect(ended.stdout).toMatch(/^critical path {2}4m30s: step-1 > step-2 > step-3$/m);
  expect(ended.stdout).toMatch(/^ +4 +4m30s +4m30s +1\.0 +25%$/m);
});

test('a job that asks for more than the machine has is refused', async () => {
  await using box = new Sandbox();
  box.write(
    'flow.js',
    "import { command, sh, workflow } from 'heddle';\nconst big = command('big', { run: () => sh`true`, resources: { cpus: 8, time: '1h' } });\nexport default workflow('w', () => void big({}));\n",
  );

  expect(await box.run(['simulate', 'flow.js', '--cores', '4'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('8 cpus'),
  });
  expect(await box.json(['simulate', 'flow.js', '--cores', '8'])).toMatchObject({ runs: [{ makespanSeconds: 3600 }] });
});
