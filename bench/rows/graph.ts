import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { draws } from '../graphs.ts';
import { type Figures, mib, MIB, ms, type Row, times } from '../row.ts';

const NODES = 1_000_000;
const EDGES = 3;

/** `bench/graph.ts` prints what it measured; this reads it off. */
async function exportedBuilder(flags: readonly string[]): Promise<Figures> {
  const script = fileURLToPath(new URL('../graph.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', script, ...flags], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const read = (what: string): number => Number(new RegExp(`${what} +(\\d+)`).exec(stdout)?.[1]);
  return { ms: read('build, validate and order'), peakBytes: read('peak over the empty process') * MIB };
}

interface PlainNode {
  readonly name: string;
  readonly upstream: PlainNode[];
  readonly downstream: PlainNode[];
  waits: number;
}

/** What one would write without a library: objects, a map by name, and Kahn's order. */
async function plainObjects(): Promise<Figures> {
  const inUse = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const empty = inUse();
  let peak = 0;
  const draw = draws(1);
  const begin = performance.now();
  const nodes = new Map<string, PlainNode>();
  const all: PlainNode[] = [];
  for (let i = 0; i < NODES; i += 1) {
    const node: PlainNode = { name: `task-${i}`, upstream: [], downstream: [], waits: 0 };
    for (let k = 0; k < EDGES && i > 0; k += 1) {
      const from = nodes.get(`task-${draw(i)}`) as PlainNode;
      node.upstream.push(from);
      from.downstream.push(node);
      node.waits += 1;
    }
    nodes.set(node.name, node);
    all.push(node);
    if (i % 10_000 === 0) peak = Math.max(peak, inUse() - empty);
  }
  const order = all.filter((node) => node.waits === 0);
  for (let head = 0; head < order.length; head += 1) {
    for (const next of (order[head] as PlainNode).downstream) {
      next.waits -= 1;
      if (next.waits === 0) order.push(next);
    }
  }
  if (order.length !== NODES) throw new Error('a cycle where none was built');
  return { ms: performance.now() - begin, peakBytes: Math.max(peak, inUse() - empty) };
}

export const graph: Row = {
  name: 'graph',
  repetitions: 3,
  probes: {
    heddle: { run: () => exportedBuilder([]) },
    backward: { run: () => exportedBuilder(['--backward']) },
    objects: { run: plainObjects },
  },
  conclude(median) {
    const took = Math.max(median('heddle', 'ms'), median('backward', 'ms'));
    const peak = Math.max(median('heddle', 'peakBytes'), median('backward', 'peakBytes'));
    const what = `build, validate and order 1,000,000 tasks with 3,000,000 edges`;
    return [
      {
        what,
        ours: ms(took),
        rival: `${ms(median('objects', 'ms'))} plain objects`,
        ratio: times(took / median('objects', 'ms')),
        budget: '<= 4 s',
        isMet: took <= 4000,
        method:
          'GraphBuilder, names included, the slower of edges to earlier and to later tasks; rival: objects in a Map, order by Kahn, nothing checked',
      },
      {
        what: `${what}: peak over the empty process`,
        ours: mib(peak),
        rival: `${mib(median('objects', 'peakBytes'))} plain objects`,
        ratio: times(peak / median('objects', 'peakBytes')),
        budget: '<= 400 MiB',
        isMet: peak <= 400 * MIB,
        method: 'V8 heap and array buffers together, looked at every 10,000 tasks and after each step',
      },
    ];
  },
};
