import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Graph, textAt } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { checkGraph } from './graph-check.ts';
import { criticalPath, descendants, joinSegments, sliceSegment, upwardRanks } from './graph-measure.ts';
import { DEFAULT_RETRY } from './policy.ts';
import type { Definition } from './task.ts';

const noop: Definition = {
  name: 'noop',
  kind: 'call',
  resources: { cpus: 1 },
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: 10_000,
  priority: 0,
};

type Nodes = readonly { readonly ms: number; readonly edges: readonly number[] }[];

function built(nodes: Nodes): Graph {
  const builder = new GraphBuilder('test');
  nodes.forEach(({ ms, edges }, i) =>
    builder.add(`n${i}`, { definition: { ...noop, priority: i % 3 }, edges, expectedMs: ms, payload: `[${i}]` }),
  );
  builder.returns('{"$ref":[0]}');
  return builder.build();
}

/** a takes 3, then b 5 or c 1 (not known), then d 2. */
const diamond: Nodes = [
  { ms: 3, edges: [] },
  { ms: 5, edges: [0] },
  { ms: 0, edges: [0] },
  { ms: 2, edges: [1, 2] },
];

const nodes = fc
  .array(fc.record({ ms: fc.nat({ max: 100 }), edges: fc.array(fc.nat(), { maxLength: 4 }) }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((list): Nodes => list.map(({ ms, edges }, i) => ({ ms, edges: i === 0 ? [] : edges.map((from) => from % i) })));

/** All paths, the slow and certain way. */
function longestFrom(list: Nodes, start: number, weigh: (ms: number) => number): number {
  let longest = 0;
  list.forEach(({ edges }, i) => {
    if (edges.includes(start)) longest = Math.max(longest, longestFrom(list, i, weigh));
  });
  return longest + weigh((list[start] as Nodes[number]).ms);
}

test('ranks nodes by the longest path that begins with them; unknown times count as a millisecond', () => {
  const ranks = new Float64Array(4);

  upwardRanks(built(diamond), ranks);

  expect([...ranks]).toEqual([10, 7, 3, 2]);
});

test('ranks are those of all paths tried out', () => {
  fc.assert(
    fc.property(nodes, (list) => {
      const ranks = new Float64Array(list.length);
      upwardRanks(built(list), ranks);
      expect([...ranks]).toEqual(list.map((_, i) => longestFrom(list, i, (ms) => Math.max(ms, 1))));
    }),
    { numRuns: 50 },
  );
});

test('finds the critical path', () => {
  expect(criticalPath(built(diamond))).toEqual({ lengthMs: 10, nodes: [0, 1, 3] });
  expect(criticalPath(built(diamond), Float64Array.of(1, 1, 9, 1))).toEqual({ lengthMs: 11, nodes: [0, 2, 3] });
});

test('the critical path is a path, and as long as the longest', () => {
  fc.assert(
    fc.property(nodes, (list) => {
      const { lengthMs, nodes: path } = criticalPath(built(list));
      expect(lengthMs).toBe(Math.max(...list.map((_, i) => longestFrom(list, i, (ms) => ms))));
      expect(path.reduce((sum, i) => sum + (list[i] as Nodes[number]).ms, 0)).toBe(lengthMs);
      path.slice(1).forEach((node, k) => expect((list[node] as Nodes[number]).edges).toContain(path[k]));
    }),
    { numRuns: 50 },
  );
});

test('marks what comes after a node, and not the node', () => {
  expect([...descendants(built(diamond), [1])]).toEqual([0, 0, 0, 1]);
  expect([...descendants(built(diamond), [0])]).toEqual([0, 1, 1, 1]);
  expect([...descendants(built(diamond), [])]).toEqual([0, 0, 0, 0]);
});

test('a graph cut into segments and joined again is the same', () => {
  fc.assert(
    fc.property(nodes, fc.nat(), (list, where) => {
      const graph = built(list);
      const cut = where % (list.length + 1);
      const segments = [sliceSegment(graph, 0, cut), sliceSegment(graph, cut, list.length)];

      segments.forEach(checkGraph);
      expect(segments[1]).toMatchObject({ base: cut, size: list.length - cut });
      expect(joinSegments(segments)).toEqual(graph);
    }),
    { numRuns: 50 },
  );
});

test('joins a graph and what a builder appended to it', () => {
  const first = built(diamond);
  const builder = new GraphBuilder('test', { after: first });
  builder.add('more', { definition: { ...noop, name: 'other' }, edges: ['n3'] });

  const joined = joinSegments([first, builder.build()]);

  checkGraph(joined);
  expect(joined.size).toBe(5);
  expect(textAt(joined.names, 4)).toBe('more');
  expect(joined.definitions[joined.definitionOf[4] as number]?.name).toBe('other');
  expect(joined.result).toBe('{"$ref":[0]}');
});
