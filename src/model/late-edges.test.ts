import { expect, test } from 'vitest';
import { DATA_EDGE, type Graph } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { topologicalOrder } from './graph-check.ts';
import { joinSegments } from './graph-measure.ts';
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

function segment(name: string, { base = 0, needs = [] as readonly (readonly number[])[] } = {}): Graph {
  const builder = new GraphBuilder(name);
  for (const i of needs.keys()) builder.add(`${name}${i}`, { definition: noop });
  const graph = builder.build();
  const edgeFrom = Uint32Array.from(needs.flat());
  const edgeOffsets = Uint32Array.from([0, ...needs.map((_, i) => needs.slice(0, i + 1).flat().length)]);
  return { ...graph, base, edgeOffsets, edgeFrom, edgeAccept: new Uint8Array(edgeFrom.length).fill(DATA_EDGE) };
}

const upstreamOf = (graph: Graph, i: number): number[] => [
  ...graph.edgeFrom.slice(graph.edgeOffsets[i], graph.edgeOffsets[i + 1]),
];

test('late edges stand behind the others when their segment and its ground are joined', () => {
  const ground = segment('g', { needs: [[], [0], [1]] });
  const late = { from: Uint32Array.of(3, 4), to: Uint32Array.of(1, 1), accept: Uint8Array.of(ACCEPT_ALL, 0) };
  const more = { ...segment('m', { base: 3, needs: [[0], [3]] }), late, expands: Uint32Array.of(0) };

  const whole = joinSegments([ground, more]);

  expect([0, 1, 2, 3, 4].map((i) => upstreamOf(whole, i))).toEqual([[], [0, 3, 4], [1], [0], [3]]);
  expect([...whole.edgeAccept]).toEqual([0, ACCEPT_ALL, 0, 0, 0, 0]);
  expect(whole.late).toBeUndefined();
  expect([...(whole.expands ?? [])]).toEqual([0]);
  expect([...topologicalOrder(whole)]).toEqual([0, 3, 4, 1, 2]);
});

test('late edges into what is not joined stay late', () => {
  const a = {
    ...segment('a', { base: 5, needs: [[], []] }),
    late: { from: Uint32Array.of(5), to: Uint32Array.of(2), accept: Uint8Array.of(7) },
  };
  const b = {
    ...segment('b', { base: 7, needs: [[5]] }),
    late: { from: Uint32Array.of(7, 7), to: Uint32Array.of(6, 2), accept: Uint8Array.of(1, 2) },
  };

  const joined = joinSegments([a, b]);

  expect([0, 1, 2].map((i) => upstreamOf(joined, i))).toEqual([[], [7], [5]]);
  expect(joined.late).toEqual({ from: Uint32Array.of(5, 7), to: Uint32Array.of(2, 2), accept: Uint8Array.of(7, 2) });
});
