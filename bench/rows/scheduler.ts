import { runThrough } from '../engine.ts';
import { noops } from '../graphs.ts';
import { count, type Figures, type Line, perSecond, type Row, times } from '../row.ts';

const SIZE = 500_000;
const EDGES = 3;
const BUDGET = 150_000;

/** What one would write without an engine: each task awaits the promises of the tasks before it. */
async function plainPromises(): Promise<Figures> {
  const graph = noops(SIZE, EDGES);
  const begin = performance.now();
  const tasks: Promise<void>[] = [];
  const task = async (node: number): Promise<void> => {
    const upstream: Promise<void>[] = [];
    for (let e = graph.edgeOffsets[node] as number; e < (graph.edgeOffsets[node + 1] as number); e += 1) {
      upstream.push(tasks[graph.edgeFrom[e] as number] as Promise<void>);
    }
    await Promise.all(upstream);
  };
  for (let node = 0; node < graph.size; node += 1) tasks.push(task(node));
  await Promise.all(tasks);
  return { jobsPerSecond: (SIZE / (performance.now() - begin)) * 1000 };
}

function line(what: string, rate: number, rival: number, method: string): Line {
  return {
    what,
    ours: perSecond(rate),
    rival: `${perSecond(rival)} plain promises`,
    ratio: times(rate / rival),
    budget: `>= ${perSecond(BUDGET)}`,
    isMet: rate >= BUDGET,
    method,
  };
}

export const scheduler: Row = {
  name: 'scheduler',
  repetitions: 3,
  probes: {
    free: { run: () => runThrough(noops(SIZE, 0), {}) },
    edges: { run: () => runThrough(noops(SIZE, EDGES), {}) },
    promises: { run: plainPromises },
  },
  conclude(median) {
    const rival = median('promises', 'jobsPerSecond');
    const how = `${count(SIZE)} named no-ops, Engine.open() in memory, somebody listening; engine.run to the end`;
    return [
      line('no-op tasks, nothing persisted, no edges', median('free', 'jobsPerSecond'), rival, how),
      line(`no-op tasks, nothing persisted, ${EDGES} edges each`, median('edges', 'jobsPerSecond'), rival, how),
    ];
  },
};
