import { execFileSync } from 'node:child_process';
import { type CallPayload, type Definition, type Graph, GraphBuilder } from '../../src/model/index.ts';
import { Engine } from '../../src/index.ts';
import { scratch } from '../engine.ts';
import { NOOP } from '../graphs.ts';
import { ms, type Row } from '../row.ts';

/**
 * Minimum effective task granularity (METG) at 50 % efficiency, after Slaughter et al., "Task Bench: A Parameterized
 * Benchmark for Evaluating Parallel Runtime Performance" (SC20): the shortest tasks with which the workers still do useful work half the time.
 * Tasks are independent and keep a core busy for a known time; efficiency is that time over workers times wall time, the
 * median of three runs; the length is halved and then narrowed by bisection to a twentieth.
 */
const EFFICIENCY = 0.5;
const RUNS = 3;
/** Useful work in one run, a worker: long enough for what is paid once not to matter. */
const WORK_US = 400_000;

const SPIN = new URL('../spin.ts', import.meta.url).href;

interface Place {
  readonly backend: string;
  readonly workers: number;
  readonly longestUs: number;
  readonly shortestUs: number;
  readonly graph: (tasks: number, us: number) => Graph;
}

function calls(backend: string): (tasks: number, us: number) => Graph {
  return (tasks, us) => {
    const builder = new GraphBuilder(`${tasks} x ${us} us`);
    const definition = builder.definition({ ...NOOP, name: 'spin', backend });
    const payload: CallPayload = { call: { kind: 'module', module: SPIN, name: 'spin' }, args: [us] };
    const text = JSON.stringify(payload);
    for (let i = 0; i < tasks; i += 1) builder.add(`task-${i}`, { definition, payload: text, edges: [] });
    return builder.build();
  };
}

/** Steps of the shell's own arithmetic a microsecond, on this machine, now. */
function stepsPerMicrosecond(): number {
  const steps = 300_000;
  const begin = performance.now();
  execFileSync('sh', ['-c', shellSpin(steps)]);
  return steps / ((performance.now() - begin) * 1000);
}

function shellSpin(steps: number): string {
  return `i=0; while [ $i -lt ${Math.max(1, Math.round(steps))} ]; do i=$((i+1)); done`;
}

function commands(): (tasks: number, us: number) => Graph {
  const rate = stepsPerMicrosecond();
  return (tasks, us) => {
    const builder = new GraphBuilder(`${tasks} x ${us} us`);
    const spin: Definition = { ...NOOP, name: 'spin', kind: 'command', backend: 'commands' };
    const definition = builder.definition(spin);
    const payload = JSON.stringify({ argv: [['sh'], ['-c'], [shellSpin(us * rate)]] });
    for (let i = 0; i < tasks; i += 1) builder.add(`task-${i}`, { definition, payload, edges: [] });
    return builder.build();
  };
}

/** Tasks before those that count: workers are started, and what they run is compiled. */
const WARM_UP_TASKS = 500;

/** Share of the workers' time that is useful, with tasks of so many microseconds. */
async function efficiency(place: Place, us: number): Promise<number> {
  const tasks = Math.max(place.workers * 20, Math.round((WORK_US * place.workers) / us));
  await using directory = await scratch('memory');
  await using engine = await Engine.open({ directory: directory.path, slots: place.workers });
  engine.listen(() => undefined);
  await through(engine, place.graph(Math.min(tasks, WARM_UP_TASKS), us));
  const found: number[] = [];
  for (let i = 0; i < RUNS; i += 1) {
    const graph = place.graph(tasks, us);
    const begin = performance.now();
    await through(engine, graph);
    found.push((tasks * us) / 1000 / ((performance.now() - begin) * place.workers));
  }
  return found.toSorted((a, b) => a - b)[RUNS >> 1] as number;
}

async function through(engine: Engine, graph: Graph): Promise<void> {
  const run = await engine.run(graph);
  const view = await run.wait();
  if (view.counts.done !== graph.size) throw new Error(`${view.counts.done} of ${graph.size} tasks are done`);
}

async function metg(place: Place): Promise<{ readonly us: number }> {
  let enough = place.longestUs;
  if ((await efficiency(place, enough)) < EFFICIENCY) return { us: Number.POSITIVE_INFINITY };
  let tooShort = enough / 2;
  while (tooShort > place.shortestUs && (await efficiency(place, tooShort)) >= EFFICIENCY) {
    enough = tooShort;
    tooShort /= 2;
  }
  while (enough / tooShort > 1.05) {
    const middle = Math.sqrt(enough * tooShort);
    if ((await efficiency(place, middle)) >= EFFICIENCY) enough = middle;
    else tooShort = middle;
  }
  return { us: enough };
}

const BUDGET_US = { inline: 20, threads: 60, commands: 2000 } as const;

export const granularity: Row = {
  name: 'metg',
  repetitions: 1,
  probes: {
    inline: {
      run: async () => metg({ backend: 'inline', workers: 1, longestUs: 200, shortestUs: 1, graph: calls('inline') }),
    },
    threads: {
      run: async () =>
        metg({ backend: 'threads', workers: 2, longestUs: 1000, shortestUs: 5, graph: calls('threads') }),
    },
    commands: {
      run: async () => metg({ backend: 'commands', workers: 2, longestUs: 16_000, shortestUs: 200, graph: commands() }),
    },
  },
  conclude(median) {
    return (['inline', 'threads', 'commands'] as const).map((backend) => {
      const us = median(backend, 'us');
      const budget = BUDGET_US[backend];
      return {
        what: `shortest tasks at 50 % efficiency (METG), ${backend}`,
        ours: ms(us / 1000),
        rival: '-',
        ratio: '-',
        budget: `<= ${ms(budget / 1000)}`,
        isMet: us <= budget,
        method: `independent tasks that keep a core busy for a known time, ${backend === 'inline' ? '1 worker' : '2 workers on 2 cores'}, in memory, workers warm; efficiency = that time / (workers x wall time), median of ${RUNS} runs, by bisection (Task Bench, SC20)`,
      };
    });
  },
};
