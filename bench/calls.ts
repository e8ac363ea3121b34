/** No-op calls through the engine, and through what others have for that. */
import { fileURLToPath } from 'node:url';
import { type Backend, Engine, type Graph, GraphBuilder } from '../src/index.ts';
import { DEFAULT_RETRY, type Definition } from '../src/model/index.ts';
import { quantile, scratch } from './engine.ts';
import type { Figures } from './row.ts';

const BODIES = new URL('./bodies.ts', import.meta.url).href;

const WARM_UP = 5000;
/** Workers, here and there: as many as the machine these budgets are for has cores. */
export const WORKERS = 2;

/** A call of one of `bodies.ts`, as a task. */
export function callOf(backend: string): Definition {
  return {
    name: 'call',
    kind: 'call',
    backend,
    resources: { cpus: 1 },
    retry: DEFAULT_RETRY,
    timeouts: {},
    graceMs: 0,
    priority: 0,
  };
}

export function payloadOf(name: string): string {
  return JSON.stringify({ call: { kind: 'module', module: BODIES, name }, args: [] });
}

/** So many calls of a function that does nothing. */
export function noopCalls(size: number, backend: string): Graph {
  const builder = new GraphBuilder(`${size} calls`);
  const definition = builder.definition(callOf(backend));
  const payload = payloadOf('noop');
  for (let i = 0; i < size; i += 1) builder.add(`call-${i}`, { definition, payload });
  return builder.build();
}

interface CallsOptions {
  readonly size: number;
  readonly backend: string;
  /** Stands in for the built-in one of its name. */
  readonly instead?: Backend;
  readonly durable?: boolean;
}

/** How many calls a second, once the workers are warm, with somebody listening. */
export async function callRate({ size, backend, instead, durable }: CallsOptions): Promise<Figures> {
  await using directory = await scratch();
  await using engine = await Engine.open({
    slots: WORKERS,
    ...(instead === undefined ? {} : { backends: [instead] }),
    ...(durable === true ? { store: directory.path, durability: 'normal' } : {}),
  });
  let events = 0;
  engine.listen((batch) => {
    events += batch.length;
  });
  await through(engine, noopCalls(WARM_UP, backend));
  const graph = noopCalls(size, backend);
  const cpu = process.cpuUsage();
  const thread = process.threadCpuUsage();
  const begin = performance.now();
  await through(engine, graph);
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const own = process.threadCpuUsage(thread);
  return {
    callsPerSecond: size / seconds,
    cpuMicros: (user + system) / size,
    mainMicros: (own.user + own.system) / size,
    events,
  };
}

async function through(engine: Engine, graph: Graph): Promise<void> {
  const run = await engine.run(graph);
  const view = await run.wait();
  if (view.counts.done !== graph.size) throw new Error(`${view.counts.done} of ${graph.size} calls are done`);
}

const NOOP_FILE = fileURLToPath(new URL('./noop-for-piscina.mjs', import.meta.url));

/** The same calls by piscina: two threads with one task each in flight, or all handed over at once to its own queue. */
export async function piscinaRate(size: number, inFlight: number | 'all'): Promise<Figures> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({ filename: NOOP_FILE, minThreads: WORKERS, maxThreads: WORKERS });
  const run = async (): Promise<void> => {
    await pool.run(undefined);
  };
  await keepBusy(WARM_UP, WORKERS, run);
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await keepBusy(size, inFlight === 'all' ? size : inFlight, run);
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await pool.destroy();
  return { callsPerSecond: size / seconds, cpuMicros: (user + system) / size };
}

/** The same calls by workerpool in child processes, all handed over at once to its own queue. */
export async function workerpoolRate(size: number): Promise<Figures> {
  const { pool: makePool } = (await import('workerpool')).default;
  const pool = makePool({ workerType: 'process', minWorkers: WORKERS, maxWorkers: WORKERS });
  const run = async (): Promise<void> => {
    await pool.exec(nothing, []);
  };
  await keepBusy(WARM_UP, WORKERS, run);
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await keepBusy(size, size, run);
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await pool.terminate();
  return { callsPerSecond: size / seconds, cpuMicros: (user + system) / size };
}

function nothing(): void {
  // What workerpool takes the text of.
}

async function keepBusy(size: number, inFlight: number, run: () => Promise<void>): Promise<void> {
  let left = size;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await run();
    }
  };
  await Promise.all(Array.from({ length: Math.min(size, inFlight) }, one));
}

const JOBS = 60;
const BETWEEN_MS = 10;

/**
 * One thread is stuck in a loop and is cancelled without grace; meanwhile other jobs come one by one. How long until the
 * cancellation is told, and how late the others started.
 */
export async function stuckThread(): Promise<Figures> {
  await using engine = await Engine.open({ slots: WORKERS });
  await through(engine, noopCalls(100, 'threads'));
  const stuck = new GraphBuilder('stuck');
  stuck.add('spin', { definition: stuck.definition(callOf('threads')), payload: payloadOf('spin') });
  const starts = new Map<string, number>();
  engine.listen((events) => {
    for (const event of events) {
      if (event.kind === 'job' && event.status === 'done') starts.set(event.job, performance.now());
    }
  });
  const spinning = await engine.run(stuck.build());
  await pause(200);
  const delays = new Float64Array(JOBS);
  let cancelMs = 0;
  let cancelled: Promise<void> | undefined;
  for (let i = 0; i < JOBS; i += 1) {
    if (i === JOBS / 2) {
      const begin = performance.now();
      cancelled = spinning.cancel().then(async () => {
        await spinning.wait();
        cancelMs = performance.now() - begin;
      });
    }
    const begin = performance.now();
    await through(engine, noopCalls(1, 'threads'));
    delays[i] = performance.now() - begin;
    await pause(BETWEEN_MS);
  }
  await cancelled;
  return { cancelMs, worstDelayMs: quantile(delays, 1), medianDelayMs: quantile(delays, 0.5) };
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
