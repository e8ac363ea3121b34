import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Engine, type Graph } from '../../src/index.ts';

import { scratch } from '../engine.ts';
import { noops } from '../graphs.ts';
import { type Figures, ms, type Row, times } from '../row.ts';

const JOBS = 1_000_000;
const EDGES = 3;
const BUDGET_MS = 50;

/** Watches the loop by a timer of a millisecond while `work` runs; the longest time it came late, in milliseconds. */
async function longestGap(work: () => Promise<void>): Promise<Figures> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  histogram.enable();
  const begin = performance.now();
  await work();
  await new Promise((resolve) => setTimeout(resolve, 5));
  histogram.disable();
  return { longestMs: histogram.max / 1e6, p99Ms: histogram.percentile(99) / 1e6, ms: performance.now() - begin };
}

async function throughEngine(): Promise<Figures> {
  await using directory = await scratch();
  await using engine = await Engine.open({ store: directory.path });
  engine.listen(() => undefined);
  const graph = noops(JOBS, EDGES);
  return longestGap(async () => {
    const run = await engine.run(graph);
    const view = await run.wait();
    if (view.counts.done !== JOBS) throw new Error(`only ${view.counts.done} jobs are done`);
  });
}

/** The loop's gaps while as much is copied in one go as a run's edges are: what an engine without slices would hold it for. */
async function oneGo(): Promise<Figures> {
  const graph: Graph = noops(JOBS, EDGES);
  return longestGap(async () => {
    const waits = new Map<number, number>();
    for (let node = 0; node < graph.size; node += 1) {
      waits.set(node, (graph.edgeOffsets[node + 1] as number) - (graph.edgeOffsets[node] as number));
    }
    const ready = [...waits].filter(([, count]) => count === 0);
    if (ready.length === 0) throw new Error('nothing is ready');
  });
}

export const loopGap: Row = {
  name: 'loop-gap',
  repetitions: 3,
  probes: { heddle: { run: throughEngine }, naive: { run: oneGo } },
  conclude(median) {
    const longest = median('heddle', 'longestMs');
    return [
      {
        what: 'longest event-loop gap from run start to end, 1,000,000 jobs, persisted',
        ours: ms(longest),
        rival: `${ms(median('naive', 'longestMs'))} counting edges in one go`,
        ratio: times(longest / median('naive', 'longestMs')),
        budget: `<= ${BUDGET_MS} ms`,
        isMet: longest <= BUDGET_MS,
        method: `engine.run of named no-ops with ${EDGES} edges each on SQLite (normal), somebody listening; monitorEventLoopDelay every 1 ms, its maximum`,
      },
    ];
  },
};
