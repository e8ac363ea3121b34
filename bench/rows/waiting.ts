import { setTimeout as delay } from 'node:timers/promises';
import { Engine } from '../../src/index.ts';
import { scratch } from '../engine.ts';
import { blocked } from '../graphs.ts';
import { count, type Figures, ms, type Row, times } from '../row.ts';

const JOBS = 1_000_000;
const QUIET_MS = 10_000;
/** Longer than all that is measured. */
const FOR_EVER_MS = 3_600_000;
const HEAP_BUDGET = 250;
/** The timer that ends the ten seconds, and what Node does around it. */
const OWN_TURNS = 4;

function inUse(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A million jobs behind one that waits: what each costs, and what happens while nothing happens. */
async function waitingJobs(): Promise<Figures> {
  await using directory = await scratch();
  await using engine = await Engine.open({ store: directory.path });
  let events = 0;
  engine.listen((batch) => {
    events += batch.length;
  });
  const before = inUse();
  const graph = blocked(JOBS, FOR_EVER_MS);
  const names = graph.names.bytes.byteLength + graph.names.offsets.byteLength;
  const run = await engine.run(graph);
  await engine.committed();
  while (run.counts().running === 0) await delay(50);
  await delay(2000);
  const bytes = (inUse() - before - names) / JOBS;

  const turns = performance.nodeTiming.uvMetricsInfo.loopCount;
  const cpu = process.cpuUsage();
  const told = events;
  await delay(QUIET_MS);
  const { user, system } = process.cpuUsage(cpu);
  const figures = {
    bytes,
    turns: performance.nodeTiming.uvMetricsInfo.loopCount - turns,
    cpuMs: (user + system) / 1000,
    events: events - told,
    pending: run.counts().pending,
  };
  await run.cancel();
  return figures;
}

/** The same ten seconds in a process with nothing in it. */
async function empty(): Promise<Figures> {
  await delay(2000);
  const turns = performance.nodeTiming.uvMetricsInfo.loopCount;
  const cpu = process.cpuUsage();
  await delay(QUIET_MS);
  const { user, system } = process.cpuUsage(cpu);
  return { turns: performance.nodeTiming.uvMetricsInfo.loopCount - turns, cpuMs: (user + system) / 1000 };
}

/** What a job costs as an object with a list of what it waits for, and a set of those. */
async function plainObjects(): Promise<Figures> {
  const before = inUse();
  const graph = blocked(JOBS, FOR_EVER_MS);
  const columns = inUse() - before;
  const jobs: { index: number; status: string; waits: number; upstream: number[]; downstream: Set<number> }[] = [];
  for (let node = 0; node < graph.size; node += 1) {
    const upstream = [...graph.edgeFrom.subarray(graph.edgeOffsets[node] as number, graph.edgeOffsets[node + 1])];
    jobs.push({ index: node, status: 'pending', waits: upstream.length, upstream, downstream: new Set() });
    for (const from of upstream) jobs[from]?.downstream.add(node);
  }
  return { bytes: (inUse() - before - columns) / jobs.length };
}

export const waiting: Row = {
  name: 'waiting',
  repetitions: 1,
  probes: {
    heddle: { run: waitingJobs, nodeFlags: ['--expose-gc'] },
    objects: { run: plainObjects, nodeFlags: ['--expose-gc'] },
    empty: { run: empty },
  },
  conclude(median) {
    const bytes = median('heddle', 'bytes');
    const turns = median('heddle', 'turns');
    if (median('heddle', 'pending') !== JOBS) throw new Error(`only ${median('heddle', 'pending')} jobs waited`);
    return [
      {
        what: 'memory per waiting job with 3 edges, its name apart',
        ours: `${count(bytes)} bytes`,
        rival: `${count(median('objects', 'bytes'))} bytes plain objects`,
        ratio: times(bytes / median('objects', 'bytes')),
        budget: `<= ${HEAP_BUDGET} bytes`,
        isMet: bytes <= HEAP_BUDGET,
        method: `V8 heap and array buffers after gc, graph and engine together, with 1,000,000 jobs blocked in a durable run (normal)`,
      },
      {
        what: '1,000,000 blocked jobs: wake-ups in 10 s',
        ours: `${count(turns)} turns, ${ms(median('heddle', 'cpuMs'))} CPU`,
        rival: `${count(median('empty', 'turns'))} turns, ${ms(median('empty', 'cpuMs'))} CPU empty process`,
        ratio: times(turns / Math.max(1, median('empty', 'turns'))),
        budget: 'none of ours',
        isMet: turns <= Math.max(OWN_TURNS, median('empty', 'turns')) && median('heddle', 'events') === 0,
        method:
          "turns of the event loop (libuv's loop count) and CPU of the process; the timer that ends the 10 s is one of them",
      },
    ];
  },
};
