import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DATA_EDGE, type Graph, textAt } from './graph.ts';
import { GraphBuilder, type NewNode } from './graph-builder.ts';
import { checkGraph, topologicalOrder } from './graph-check.ts';
import { editDistance, nameIndex } from './graph-names.ts';
import { DEFAULT_RETRY } from './policy.ts';
import { ACCEPT_ALL } from './status.ts';
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

function built(nodes: Readonly<Record<string, Omit<NewNode, 'definition'>>>): Graph {
  const builder = new GraphBuilder('test');
  for (const [name, node] of Object.entries(nodes)) builder.add(name, { definition: noop, ...node });
  return builder.build();
}

function upstreamOf(graph: Graph, i: number): number[] {
  return [...graph.edgeFrom.subarray(graph.edgeOffsets[i], graph.edgeOffsets[i + 1])];
}

test('lays nodes down as columns, in the order they came', () => {
  const graph = built({
    first: { payload: '{"call":1}', expectedMs: 5 },
    zweite: {},
    'dritte ∆': { edges: [0, 'zweite', { from: 'first', accept: ACCEPT_ALL }] },
  });

  expect(graph).toMatchObject({ name: 'test', base: 0, size: 3, definitions: [noop] });
  expect([0, 1, 2].map((i) => textAt(graph.names, i))).toEqual(['first', 'zweite', 'dritte ∆']);
  expect([0, 1, 2].map((i) => textAt(graph.payloads, i))).toEqual(['{"call":1}', '', '']);
  expect([0, 1, 2].map((i) => upstreamOf(graph, i))).toEqual([[], [], [0, 1, 0]]);
  expect([...graph.edgeAccept]).toEqual([DATA_EDGE, DATA_EDGE, ACCEPT_ALL]);
  expect([...graph.expectedMs]).toEqual([5, 0, 0]);
});

test('keeps equal definitions once', () => {
  const builder = new GraphBuilder('test');
  builder.add('a', { definition: noop });
  builder.add('b', { definition: { ...noop } });
  builder.add('c', { definition: { ...noop, priority: 1 } });

  const graph = builder.build();

  expect(graph.definitions).toHaveLength(2);
  expect([...graph.definitionOf]).toEqual([0, 0, 1]);
});

test('takes names of nodes that come later', () => {
  const graph = built({ a: { edges: ['c'] }, b: { edges: ['a'] }, c: {} });

  expect([0, 1, 2].map((i) => upstreamOf(graph, i))).toEqual([[2], [0], []]);
  expect([...topologicalOrder(graph)]).toEqual([2, 0, 1]);
});

test('refuses a name that is taken, and goes on without it', () => {
  const builder = new GraphBuilder('test');
  builder.add('a', { definition: noop });

  expect(() => builder.add('a', { definition: noop })).toThrow(
    expect.objectContaining({ code: 'GRAPH_DUPLICATE', message: "two tasks are named 'a'" }),
  );
  builder.add('b', { definition: noop, edges: ['a'] });
  expect(builder.build().size).toBe(2);
});

test.each(['', 'a\nb', 'a\0b', 'x'.repeat(1025), '∆'.repeat(342)])('refuses %j as a name', (name) => {
  expect(() => built({ [name]: {} })).toThrow(expect.objectContaining({ code: 'GRAPH_INVALID' }));
});

test('names the nearest task when an upstream is not there', () => {
  expect(() => built({ simulate: {}, analyse: { edges: ['simulat'] } })).toThrow(
    expect.objectContaining({
      code: 'GRAPH_UNKNOWN_NODE',
      message: "task 'analyse' needs 'simulat', and there is no such task",
      hint: "did you mean 'simulate'?",
    }),
  );
  expect(() => built({ a: { edges: ['something else'] } })).toThrow(
    expect.objectContaining({ hint: 'add it, or drop the dependency' }),
  );
});

test.each([2, -1, 1.5, Number.NaN])('refuses %d as the number of an upstream', (from) => {
  expect(() => built({ a: {}, b: { edges: [from] } })).toThrow(
    expect.objectContaining({ code: 'GRAPH_UNKNOWN_NODE', message: expect.stringContaining("task 'b' needs") }),
  );
});

test('F43: shows the cycle it refuses', () => {
  expect(() => built({ x: {}, a: { edges: ['x', 'b'] }, b: { edges: ['a'] }, y: { edges: ['b'] } })).toThrow(
    expect.objectContaining({ code: 'GRAPH_CYCLE', message: expect.stringMatching(/: (a -> b -> a|b -> a -> b)$/) }),
  );
  expect(() => built({ a: { edges: ['a'] } })).toThrow(
    expect.objectContaining({ message: expect.stringMatching(/: a -> a$/) }),
  );
});

test('shortens a long cycle', () => {
  const nodes: Record<string, Omit<NewNode, 'definition'>> = {};
  for (let i = 0; i < 5000; i += 1) nodes[`n${i}`] = { edges: [`n${(i + 4999) % 5000}`] };

  expect(() => built(nodes)).toThrow(
    expect.objectContaining({ message: expect.stringMatching(/^tasks wait.*n\d+ -> \.\.\. \(4991 more\) -> .*n\d+$/) }),
  );
});

test('F42: takes a chain of 100,000, a fan-in of 100,000, and a million edges into one node', () => {
  const size = 100_000;
  const chain = new GraphBuilder('chain');
  // Backwards, so that the order has to be found.
  for (let i = 0; i < size; i += 1) chain.add(`n${i}`, { definition: noop, edges: i + 1 < size ? [i + 1] : [] });
  const fan = new GraphBuilder('fan');
  const all: number[] = [];
  for (let i = 0; i < size; i += 1) all.push(fan.add(`n${i}`, { definition: noop }));
  fan.add('sink', { definition: noop, edges: Array.from({ length: 10 }, () => all).flat() });

  expect(topologicalOrder(chain.build())[0]).toBe(size - 1);
  expect(fan.build().edgeFrom).toHaveLength(10 * size);
});

test('appends to a graph that is there: names are unique over both, edges lead into both', () => {
  const first = built({ a: {}, b: { edges: ['a'] } });
  const builder = new GraphBuilder('test', { after: first });

  expect(() => builder.add('a', { definition: noop })).toThrow(expect.objectContaining({ code: 'GRAPH_DUPLICATE' }));
  expect(builder.add('c', { definition: noop, edges: ['b', 0] })).toBe(2);
  builder.add('d', { definition: noop, edges: ['c'] });
  const segment = builder.build();

  expect(segment).toMatchObject({ base: 2, size: 2 });
  expect([...segment.edgeFrom]).toEqual([1, 0, 2]);
  expect([...topologicalOrder(segment)]).toEqual([0, 1]);
});

test('an order has every node once, after all it needs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat(), { maxLength: 5 }), { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat()),
      (edges, chance) => {
        const size = edges.length;
        // A random relabelling of a graph whose edges lead backwards: any acyclic graph can come out.
        const label = Array.from({ length: size }, (_, i) => i);
        for (let i = size - 1; i > 0; i -= 1) {
          const k = (chance.next().value as number) % (i + 1);
          [label[i], label[k]] = [label[k] as number, label[i] as number];
        }
        const upstream = new Map<number, number[]>();
        edges.forEach((from, i) =>
          upstream.set(label[i] as number, i === 0 ? [] : from.map((f) => label[f % i] as number)),
        );
        const builder = new GraphBuilder('random');
        for (let i = 0; i < size; i += 1)
          builder.add(`n${i}`, { definition: noop, edges: upstream.get(i) as number[] });

        const order = topologicalOrder(builder.build());

        const place = new Map([...order].map((node, k) => [node, k]));
        expect(place.size).toBe(size);
        for (const [node, from] of upstream)
          for (const f of from) expect(place.get(f)).toBeLessThan(place.get(node) as number);
      },
    ),
  );
});

test('finds every name, and no other', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.stringMatching(/^[^\u0000-\u001f\u007f]{1,20}$/u), { maxLength: 200 }),
      fc.string(),
      (names, other) => {
        const builder = new GraphBuilder('names');
        const taken = names.filter((name) => name.isWellFormed());
        for (const name of taken) builder.add(name, { definition: noop });
        const index = nameIndex(builder.build());

        expect(taken.map((name) => index.indexOf(name))).toEqual(taken.map((_, i) => i));
        if (!taken.includes(other) && other.isWellFormed()) expect(index.indexOf(other)).toBeUndefined();
      },
    ),
  );
});

test('counts edits up to a limit', () => {
  expect(editDistance('kitten', 'sitting', 5)).toBe(3);
  expect(editDistance('kitten', 'sitting', 2)).toBe(3);
  expect(editDistance('same', 'same', 0)).toBe(0);
  expect(editDistance('tmep', 'temp', 1)).toBe(1);
  expect(editDistance('abdc', 'bacd', 1)).toBe(2);
  expect(editDistance('abdc', 'bacd', 2)).toBe(2);
});

test('checks a graph that came from elsewhere', () => {
  const graph = built({ a: {}, b: { edges: ['a'] } });

  checkGraph(graph);
  expect(() => checkGraph({ ...graph, edgeFrom: Uint32Array.of(7) })).toThrow(
    expect.objectContaining({ code: 'GRAPH_UNKNOWN_NODE' }),
  );
  expect(() => checkGraph({ ...graph, edgeFrom: Uint32Array.of(1) })).toThrow(
    expect.objectContaining({ code: 'GRAPH_CYCLE' }),
  );
  expect(() => checkGraph({ ...graph, definitions: [] })).toThrow(expect.objectContaining({ code: 'GRAPH_INVALID' }));
  expect(() => checkGraph({ ...graph, size: 3 })).toThrow(expect.objectContaining({ code: 'GRAPH_INVALID' }));
  expect(() => checkGraph({ ...graph, edgeAccept: Uint8Array.of(8) })).toThrow(
    expect.objectContaining({ code: 'GRAPH_INVALID' }),
  );
  expect(() => checkGraph({ ...graph, expectedMs: Float64Array.of(0, Number.NaN) })).toThrow(
    expect.objectContaining({ code: 'GRAPH_INVALID' }),
  );
  const twice = { bytes: new TextEncoder().encode('aa'), offsets: Uint32Array.of(0, 1, 2) };
  expect(() => checkGraph({ ...graph, names: twice })).toThrow(expect.objectContaining({ code: 'GRAPH_DUPLICATE' }));
});
