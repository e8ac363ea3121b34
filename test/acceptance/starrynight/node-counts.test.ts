import { expect, test } from 'vitest';
import { gather, map, noop, parallel, scatter, seq, type Step, task, workflow } from '../../../src/index.ts';
import { type Graph, textAt } from '../../../src/model/index.ts';

/** StarryNight's pipelines: nodes and edges after compiling, as its own tests count them; and what went wrong there. */

const build = (fn: () => unknown): Graph => workflow('pipeline', fn).build();

/** A step of its own. */
const node = (name: string): ReturnType<typeof noop> => noop().named(name);
const nodes = (count: number, from = 0): readonly Step[] =>
  Array.from({ length: count }, (_, i) => node(`n${from + i}`));

/** Edges as `a->b`. */
function edges({ size, names, edgeOffsets, edgeFrom }: Graph): readonly string[] {
  return Array.from({ length: size }, (_, i) =>
    Array.from(
      edgeFrom.subarray(edgeOffsets[i], edgeOffsets[i + 1]),
      (from) => `${textAt(names, from)}->${textAt(names, i)}`,
    ),
  ).flat();
}

test.each<[string, () => unknown, number]>([
  ['a sequence of 4', () => seq(...nodes(4)), 4],
  ['nested sequences', () => seq(node('a'), seq(...nodes(3)), seq(...nodes(3, 3))), 7],
  ['4 side by side', () => parallel(...nodes(4)), 6],
  ['side by side, nested', () => parallel(...nodes(4), parallel(...nodes(2, 4))), 10],
  ['a sequence with some side by side', () => seq(node('a'), parallel(...nodes(3)), parallel(...nodes(3, 3))), 11],
])('%s has as many nodes as there', (_, fn, count) => {
  expect(build(fn).size).toBe(count);
});

test('a sequence with two side by side goes by the markers', () => {
  const graph = build(() => seq(node('A'), parallel(node('B'), node('C')), node('D')));

  expect(edges(graph).toSorted()).toEqual(
    ['A->scatter-1', 'scatter-1->B', 'scatter-1->C', 'B->gather-1', 'C->gather-1', 'gather-1->D'].toSorted(),
  );
});

test('markers do nothing: they are no-ops of the engine', () => {
  const graph = build(() => parallel(node('A')));
  const markers = Array.from({ length: graph.size }, (_, i) => i).filter((i) => textAt(graph.names, i) !== 'A');

  expect(markers.map((i) => textAt(graph.payloads, i))).toEqual(['', '']);
  expect(markers.map((i) => graph.definitions[graph.definitionOf[i] as number])).toMatchObject([
    { name: 'scatter', kind: 'call', backend: 'inline' },
    { name: 'gather', kind: 'call', backend: 'inline' },
  ]);
});

test('an empty nested sequence is nothing at all', () => {
  const graph = build(() => seq(node('A'), seq(), seq(seq(), seq()), node('B')));

  expect(edges(graph)).toEqual(['A->B']);
  expect(build(() => seq()).size).toBe(0);
  expect(edges(build(() => parallel(seq(), seq())))).toEqual(['scatter-1->gather-1']);
});

test.each<[string, () => unknown, string, string]>([
  ['a sequence', () => [node('A')].map((a) => seq(a, a)), 'GRAPH_INVALID', "'A' stands twice in one seq"],
  ['nested ones', () => [node('A')].map((a) => seq(a, parallel(a, node('B')))), 'GRAPH_INVALID', 'stands twice'],
  [
    'those side by side',
    () => [node('A')].map((a) => parallel(a, seq(a))),
    'GRAPH_INVALID',
    'stands twice in one parallel',
  ],
  [
    'two orders that contradict each other',
    () => [[node('A'), node('B')] as const].map(([a, b]) => [seq(a, b), seq(b, a)]),
    'GRAPH_CYCLE',
    'A',
  ],
])('one node twice in %s is refused', (_, fn, code, message) => {
  expect(() => build(fn)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
});

test('the same for each element of a known list, and all together again', () => {
  const graph = build(() =>
    gather(scatter(['x', 'y'], (name) => seq(node(`${name}1`), node(`${name}2`)))).named('all'),
  );

  expect(edges(graph).toSorted()).toEqual(
    ['scatter-1->x1', 'x1->x2', 'scatter-1->y1', 'y1->y2', 'x2->all', 'y2->all'].toSorted(),
  );
});

test('what is gathered stands in a sequence from its scatter on, empty or not', () => {
  const of = (names: readonly string[]): readonly string[] =>
    edges(build(() => seq(node('A'), gather(scatter(names, (name) => node(name))), node('B')))).toSorted();

  expect(of(['x'])).toEqual(['A->scatter-1', 'scatter-1->x', 'x->gather-1', 'gather-1->B'].toSorted());
  expect(of([])).toEqual(['A->scatter-1', 'scatter-1->gather-1', 'gather-1->B'].toSorted());
});

const list = task('list', () => [1, 2]);

test('a map stands in a sequence by its beginning and its end', () => {
  const graph = build(() =>
    seq(
      node('A'),
      map([1, 2], () => list()),
      node('B'),
    ),
  );

  expect(edges(graph).toSorted()).toEqual(['A->map-1', 'map-1->map-1/gather', 'map-1/gather->B'].toSorted());
});
