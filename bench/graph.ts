/**
 * Builds, validates and orders 1,000,000 tasks with 3,000,000 edges through the exported builder, names included.
 * Budget: 4 s, and 400 MiB (V8 heap and array buffers together) over the empty process.
 * Run it with `node --expose-gc bench/graph.ts`; `--backward` makes every edge
 * point to a node added later, so that the order of adding is none.
 */
import { GraphBuilder, type Definition, topologicalOrder, upwardRanks, DEFAULT_RETRY } from '../src/model/index.ts';

const NODES = 1_000_000;
const EDGES_A_NODE = 3;
const MIB = 1024 * 1024;

const backward = process.argv.includes('--backward');

const noop: Definition = {
  name: 'noop',
  kind: 'call',
  resources: { cpus: 1 },
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: 10_000,
  priority: 0,
};

function inUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

globalThis.gc?.();
const empty = inUse();
let peak = 0;
const sample = (): void => {
  peak = Math.max(peak, inUse() - empty);
};

/** A linear congruential step: cheap, and the same on every run. */
let state = 1;
function chance(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % below;
}

/** An upstream that makes no cycle: of an earlier pair of nodes, or (backward) of a later one. */
function upstreamOf(i: number): number {
  const pair = i >>> 1;
  if (!backward) return 2 * chance(pair) + chance(2);
  return 2 * (pair + 1 + chance(NODES / 2 - pair - 1)) + chance(2);
}

const start = performance.now();
const builder = new GraphBuilder('million');
const definition = builder.definition(noop);
for (let i = 0; i < NODES; i += 1) {
  const edges: number[] = [];
  for (let k = 0; k < EDGES_A_NODE && i > 1 && i < NODES - 2; k += 1) edges.push(upstreamOf(i));
  builder.add(`task-${i}`, { definition, edges });
  if (i % 10_000 === 0) sample();
}
const added = performance.now();
const graph = builder.build();
sample();
const built = performance.now();
const order = topologicalOrder(graph);
sample();
const ordered = performance.now();
upwardRanks(graph, new Float64Array(graph.size));
sample();
const ranked = performance.now();

const row = (what: string, value: string): void => console.log(`${what.padEnd(34)}${value.padStart(12)}`);
row('tasks', String(order.length));
row('edges', String(graph.edgeFrom.length));
row('add', `${(added - start).toFixed(0)} ms`);
row('build (validate, order)', `${(built - added).toFixed(0)} ms`);
row('order again', `${(ordered - built).toFixed(0)} ms`);
row('upward ranks', `${(ranked - ordered).toFixed(0)} ms`);
row('build, validate and order', `${(built - start).toFixed(0)} ms`);
row('peak over the empty process', `${(peak / MIB).toFixed(0)} MiB`);
row('graph at rest', `${((inUse() - empty) / MIB).toFixed(0)} MiB`);
