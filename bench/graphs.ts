import { DEFAULT_RETRY, type Definition, type Graph, GraphBuilder } from '../src/model/index.ts';

/** A call that does nothing: all that is measured is what surrounds it. */
export const NOOP: Definition = {
  name: 'noop',
  kind: 'call',
  backend: 'inline',
  resources: { cpus: 1 },
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: 10_000,
  priority: 0,
};

/** A linear congruential step (Numerical Recipes): cheap, and the same on every run. */
export function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
}

/** How far back an upstream lies at most: wide enough that thousands of jobs are ready at a time. */
const WINDOW = 10_000;

/** Named no-ops, each with up to `edges` upstream jobs among the 10,000 some way before it. */
export function noops(size: number, edges: number): Graph {
  const builder = new GraphBuilder(`${size} no-ops`);
  const definition = builder.definition(NOOP);
  const draw = draws(1);
  for (let i = 0; i < size; i += 1) builder.add(`task-${i}`, { definition, edges: upstream(i, edges, draw) });
  return builder.build();
}

function upstream(node: number, edges: number, draw: (below: number) => number): number[] {
  const last = node - WINDOW;
  if (last < 0) return [];
  const from = new Set<number>();
  for (let k = 0; k < edges; k += 1) from.add(Math.max(0, last - WINDOW) + draw(Math.min(last, WINDOW) + 1));
  return [...from];
}

/** No-ops, each waiting for the one before. */
export function chain(size: number): Graph {
  const builder = new GraphBuilder(`chain of ${size}`);
  const definition = builder.definition(NOOP);
  for (let i = 0; i < size; i += 1) builder.add(`step-${i}`, { definition, edges: i === 0 ? [] : [i - 1] });
  return builder.build();
}

/** One job that waits, and `size` named ones that wait for it or for three others of them. */
export function blocked(size: number, waitMs: number): Graph {
  const builder = new GraphBuilder(`${size} blocked`);
  const definition = builder.definition(NOOP);
  const draw = draws(1);
  const wait = { ...NOOP, name: 'wait' };
  builder.add('gate', { definition: wait, payload: { call: { kind: 'builtin', name: 'wait' }, args: [waitMs] } });
  for (let i = 1; i <= size; i += 1) {
    const edges = new Set([0]);
    for (let k = 0; edges.size < Math.min(3, i) && k < 10; k += 1) edges.add(draw(i));
    builder.add(`task-${i}`, { definition, edges: [...edges] });
  }
  return builder.build();
}
