import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine, type EngineOpenOptions, type Graph } from '../src/index.ts';
import type { Figures } from './row.ts';

/** Where what is measured against memory's speed lies; a disk's where there is no such place. */
const MEMORY_FILE_SYSTEM = '/dev/shm';

/** A directory of one's own on the disk of temporary files or in memory, removed at the end. */
export async function scratch(place: 'disk' | 'memory' = 'disk'): Promise<AsyncDisposable & { readonly path: string }> {
  const parent = place === 'memory' && process.platform === 'linux' ? MEMORY_FILE_SYSTEM : tmpdir();
  const path = await mkdtemp(join(parent, 'heddle-bench-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

/** Runs a graph to its end with somebody listening, and gives how long that took from `run` on. */
export async function runThrough(graph: Graph, options: EngineOpenOptions): Promise<Figures & { readonly ms: number }> {
  await using engine = await Engine.open(options);
  let events = 0;
  engine.listen((batch) => {
    events += batch.length;
  });
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const run = await engine.run(graph);
  const view = await run.wait();
  const took = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  if (view.status !== 'done' || view.counts.done !== graph.size) {
    throw new Error(`the run ended ${view.status} with ${view.counts.done} of ${graph.size} jobs done`);
  }
  return { ms: took, jobsPerSecond: (graph.size / took) * 1000, cpuMs: (user + system) / 1000, events };
}

/** The p-quantile of some numbers; sorts them. */
export function quantile(numbers: Float64Array, p: number): number {
  numbers.sort();
  return numbers[Math.min(numbers.length - 1, Math.floor(numbers.length * p))] ?? Number.NaN;
}
