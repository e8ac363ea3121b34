import { join } from 'node:path';
import { type Backend, Engine, inlineBackend } from '../../src/index.ts';

import { ChurningMap } from '../../src/engine/churning-map.ts';
import type { AttemptId, AttemptOrder } from '../../src/model/index.ts';
import { quantile, runThrough, scratch } from '../engine.ts';
import { noops } from '../graphs.ts';
import { count, type Figures, type Line, ms, perSecond, type Row, times } from '../row.ts';
import { bareUpdates } from '../sqlite-floor.ts';

const STEPS = 500_000;
const EDGES = 2;
const A_TRANSACTION = 200;
const WHAT = 'durable no-op steps, full, SQLite';
const RATE_BUDGET = 60_000;
/** Of the rate of bare updates in transactions of 200: one a job, where ours has two rows and two transitions. */
const BARE_BUDGET = 0.2;
const RIVAL_BUDGET = 15;
const P99_BUDGET_MS = 8;

async function throughput(edges: number): Promise<Figures> {
  await using directory = await scratch();
  return await runThrough(noops(STEPS, edges), { store: directory.path, durability: 'full' });
}

/** The inline backend, noting when it reported the end of each job. */
function noting(ends: Float64Array): Backend {
  const inner = inlineBackend();
  // A Map's old tables would be carried from one collection of garbage to the next.
  const orderOf = new ChurningMap<AttemptId, AttemptOrder>();
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    open: (context) =>
      inner.open({
        ...context,
        report(event) {
          if (event.kind === 'ended') {
            ends[orderOf.get(event.attempt)?.index as number] = performance.now();
            orderOf.delete(event.attempt);
          }
          context.report(event);
        },
      }),
    launch(orders) {
      for (const order of orders) orderOf.set(order.attempt, order);
      return inner.launch(orders);
    },
    cancel: (attempt, graceMs) => inner.cancel(attempt, graceMs),
    recover: (queries) => inner.recover(queries),
    release: (attempts) => inner.release(attempts),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
}

/** How long after its body's end a job is told to be done, under full load. */
async function latency(): Promise<Figures> {
  await using directory = await scratch();
  const ends = new Float64Array(STEPS);
  const waits = new Float64Array(STEPS);
  await using engine = await Engine.open({ store: directory.path, durability: 'full', backends: [noting(ends)] });
  engine.listen((events) => {
    const now = performance.now();
    for (const event of events) {
      if (event.kind === 'job' && event.status === 'done') waits[event.index] = now - (ends[event.index] as number);
    }
  });
  const run = await engine.run(noops(STEPS, EDGES));
  await run.wait();
  return { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), worst: quantile(waits, 1) };
}

const RUNS = 20;
const STEPS_A_RUN = 50;

/**
 * OpenWorkflow on SQLite in a file: some workflows of no-op steps, one worker that takes all of them at a time. The
 * clock stops at the last step's end, not when a caller hears of it: its handles poll.
 */
async function openWorkflow(): Promise<Figures> {
  const { OpenWorkflow } = await import('openworkflow');
  const { BackendSqlite } = await import('openworkflow/sqlite');
  await using directory = await scratch();
  const backend = BackendSqlite.connect(join(directory.path, 'openworkflow.db'));
  const client = new OpenWorkflow({ backend });
  const ended = Promise.withResolvers<void>();
  let running = RUNS;
  const steps = client.defineWorkflow({ name: 'no-ops' }, async ({ step }) => {
    for (let i = 0; i < STEPS_A_RUN; i += 1) await step.run({ name: `step-${i}` }, () => undefined);
    running -= 1;
    if (running === 0) ended.resolve();
  });
  const worker = client.newWorker({ concurrency: RUNS });
  for (let i = 0; i < RUNS; i += 1) await steps.run();
  const begin = performance.now();
  await worker.start();
  await ended.promise;
  const seconds = (performance.now() - begin) / 1000;
  await worker.stop();
  await backend.stop();
  return { stepsPerSecond: (RUNS * STEPS_A_RUN) / seconds };
}

export const durable: Row = {
  name: 'durable',
  repetitions: 3,
  probes: {
    free: { run: () => throughput(0) },
    edges: { run: () => throughput(EDGES) },
    bare: { run: async () => ({ updatesPerSecond: await bareUpdates(STEPS, A_TRANSACTION) }) },
    openworkflow: { run: openWorkflow },
    latency: { run: latency },
  },
  conclude(median) {
    const bare = median('bare', 'updatesPerSecond');
    const rival = median('openworkflow', 'stepsPerSecond');
    const slower = Math.min(median('free', 'jobsPerSecond'), median('edges', 'jobsPerSecond'));
    const p99 = median('latency', 'p99');
    const floor = (A_TRANSACTION / bare) * 1000;
    return [
      rateLine('no edges', median('free', 'jobsPerSecond'), bare),
      rateLine(`${EDGES} edges each`, median('edges', 'jobsPerSecond'), bare),
      {
        what: `${WHAT}: against OpenWorkflow`,
        ours: perSecond(slower),
        rival: `${perSecond(rival)} OpenWorkflow`,
        ratio: times(slower / rival),
        budget: `>= ${RIVAL_BUDGET} x`,
        isMet: slower >= RIVAL_BUDGET * rival,
        method: `the slower of the two; OpenWorkflow 0.10.1 on its SQLite backend: ${RUNS} workflows of ${STEPS_A_RUN} no-op steps, one worker, ${RUNS} at a time`,
      },
      {
        what: `${WHAT}: from a body's end to its 'done' told`,
        ours: `p99 ${ms(p99)}, p50 ${ms(median('latency', 'p50'))}`,
        rival: `${ms(floor)} bare transaction of ${A_TRANSACTION}`,
        ratio: times(p99 / floor),
        budget: `p99 <= ${P99_BUDGET_MS} ms`,
        isMet: p99 <= P99_BUDGET_MS,
        method: `${EDGES} edges each, at full load; from the backend reporting the end to the listener hearing of it, after the commit`,
      },
    ];
  },
};

function rateLine(shape: string, rate: number, bare: number): Line {
  return {
    what: `${WHAT}, ${shape}`,
    ours: perSecond(rate),
    rival: `${perSecond(bare)} bare updates`,
    ratio: times(rate / bare),
    budget: `>= ${perSecond(RATE_BUDGET)} and >= ${BARE_BUDGET} x`,
    isMet: rate >= RATE_BUDGET && rate >= BARE_BUDGET * bare,
    method: `${count(STEPS)} named no-ops, Engine.open({ store, durability: 'full' }), somebody listening, engine.run to the end; bare: one UPDATE of the status by primary key a job, on the store's own table with 1,000,000 granted rows, in order, by node:sqlite, WAL, full, ${A_TRANSACTION} a transaction`,
  };
}
