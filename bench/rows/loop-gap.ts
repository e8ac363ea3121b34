import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Engine } from '../../src/index.ts';

import { scratch } from '../engine.ts';
import { noops } from '../graphs.ts';
import { longMap } from '../long-map.ts';
import { type Figures, ms, type Row, times } from '../row.ts';

const JOBS = 1_000_000;
const EDGES = 3;
const ELEMENTS = 100_000;
const BUDGET_MS = 50;
const IDLE_MS = 10_000;

/**
 * Watches the loop by a timer of a millisecond while `work` runs; the longest time it came late, in milliseconds, and
 * the most that this thread computed between two looks: what others on the machine took is not in it.
 */
async function longestGap(work: () => Promise<void>): Promise<Figures> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  // Only from its second look on it knows how long one took.
  await delay(50);
  histogram.reset();
  const begin = performance.now();
  let before = process.threadCpuUsage();
  let longestCpuUs = 0;
  const looking = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    longestCpuUs = Math.max(longestCpuUs, user + system);
    before = process.threadCpuUsage();
  }, 1);
  await work();
  await delay(5);
  clearInterval(looking);
  histogram.disable();
  return {
    longestMs: histogram.max / 1e6,
    longestCpuMs: longestCpuUs / 1000,
    p99Ms: histogram.percentile(99) / 1e6,
    ms: performance.now() - begin,
  };
}

async function throughEngine(): Promise<Figures> {
  await using directory = await scratch();
  await using engine = await Engine.open({ store: directory.path });
  engine.listen(() => undefined);
  const graph = noops(JOBS, EDGES);
  return await longestGap(async () => {
    const run = await engine.run(graph);
    const view = await run.wait();
    if (view.counts.done !== JOBS) throw new Error(`only ${view.counts.done} jobs are done`);
  });
}

async function throughMap(): Promise<Figures> {
  await using directory = await scratch();
  await using engine = await Engine.open({ store: directory.path });
  engine.listen(() => undefined);
  const few = await engine.run(longMap.build({ elements: 10 }));
  await few.wait();
  return await longestGap(async () => {
    const run = await engine.run(longMap.build({ elements: ELEMENTS }));
    const view = await run.wait();
    if (view.counts.done !== ELEMENTS + 4) throw new Error(`only ${view.counts.done} jobs are done`);
  });
}

/** The same watch over a loop on which nothing happens: what the machine itself adds. */
async function idle(): Promise<Figures> {
  return longestGap(async () => {
    await delay(IDLE_MS);
  });
}

export const loopGap: Row = {
  name: 'loop-gap',
  repetitions: 3,
  probes: { heddle: { run: throughEngine }, map: { run: throughMap }, idle: { run: idle } },
  conclude(median) {
    const longest = median('heddle', 'longestMs');
    const mapped = median('map', 'longestMs');
    return [
      {
        what: 'longest event-loop gap from run start to end, 1,000,000 jobs, persisted',
        ours: ms(longest),
        rival: `${ms(median('idle', 'longestMs'))} idle loop`,
        ratio: times(longest / median('idle', 'longestMs')),
        budget: `<= ${BUDGET_MS} ms`,
        isMet: longest <= BUDGET_MS,
        method: `engine.run of named no-ops with ${EDGES} edges each on SQLite (normal), somebody listening; monitorEventLoopDelay every 1 ms, its maximum`,
      },
      {
        what: 'longest event-loop gap, map of 100,000 elements known at run time, persisted',
        ours: ms(mapped),
        rival: `${ms(median('idle', 'longestMs'))} idle loop`,
        ratio: times(mapped / median('idle', 'longestMs')),
        budget: `<= ${BUDGET_MS} ms`,
        isMet: mapped <= BUDGET_MS,
        method: `a list made in a thread, ${ELEMENTS} calls inline, their list counted in a thread; read off as above. Of its own this thread computed for at most ${ms(median('map', 'longestCpuMs'))} between two looks`,
      },
    ];
  },
};
