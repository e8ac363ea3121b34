import type { ControlNode, Expand, Expansion, LateEdge } from '../../../src/engine/index.ts';
import { ACCEPT_ALL, DATA_EDGE, type Graph, type Value } from '../../../src/model/index.ts';
import { graphOf, type TestEngine, testEngine, type TestEngineOptions, type TestNode } from './scripted.ts';

/** A node of an expansion: its edges are from indices in the run. */
export interface LaterNode extends Omit<TestNode, 'edges'> {
  readonly from?: readonly (number | { readonly from: number; readonly accept: number })[];
}

/** What a test's control nodes become, by their names. */
export type Becomes = Readonly<Record<string, (node: ControlNode) => Expansion>>;

/** Nodes that begin at an index. */
export function segmentAt(base: number, nodes: Readonly<Record<string, LaterNode>>): Graph {
  const all = Object.values(nodes);
  const plain: Record<string, TestNode> = {};
  for (const [name, node] of Object.entries(nodes)) {
    const { from: _, ...rest } = node;
    plain[name] = rest;
  }
  const edges = all.map(({ from = [] }) =>
    from.map((e) => (typeof e === 'number' ? { from: e, accept: DATA_EDGE } : e)),
  );
  const edgeOffsets = new Uint32Array(all.length + 1);
  for (const [i, into] of edges.entries()) edgeOffsets[i + 1] = (edgeOffsets[i] as number) + into.length;
  const edgeFrom = Uint32Array.from(edges.flat(), ({ from }) => from);
  const edgeAccept = Uint8Array.from(edges.flat(), ({ accept }) => accept);
  return { ...graphOf(plain), base, edgeOffsets, edgeFrom, edgeAccept };
}

/** Order edges that accept everything, from nodes into one. */
export function lateInto(to: number, ...from: readonly number[]): LateEdge[] {
  return from.map((each) => ({ from: each, to, accept: ACCEPT_ALL }));
}

export const json = (value: unknown): Value => ({ codec: 'json', json: JSON.stringify(value) });

/** A control node. */
export const control: TestNode = { kind: 'control' };

/** Elements of a scatter, named after it, gathered by the node with that index. */
export function elements(node: ControlNode, count: number, gather: number, more: Partial<LaterNode> = {}): Expansion {
  const indices = [...Array(count).keys()];
  const segment = segmentAt(node.base, Object.fromEntries(indices.map((i) => [`${node.job}/${i}`, more])));
  return { segment, lateEdges: lateInto(gather, ...indices.map((i) => node.base + i)), value: json(count) };
}

/** What a gather sees, as JSON: the value or the status of all it waits for. */
export function gathered(node: ControlNode): Expansion {
  const seen = node.upstreams.map((from) => {
    const { status, value } = node.upstream(from) as NonNullable<ReturnType<ControlNode['upstream']>>;
    return value?.codec === 'json' ? (JSON.parse(value.json) as unknown) : status;
  });
  return { value: json(seen) };
}

/** An engine with control nodes, and how often each was expanded. */
export async function expandingEngine(
  becomes: Becomes,
  options: TestEngineOptions = {},
): Promise<TestEngine & { readonly expanded: string[] }> {
  const expanded: string[] = [];
  const expand: Expand = (node) => {
    expanded.push(node.job);
    const become = becomes[node.job];
    if (become === undefined) throw new Error(`the test does not say what ${node.job} becomes`);
    return become(node);
  };
  const engine = await testEngine({ ...options, options: { ...options.options, expand } });
  return Object.assign(engine, { expanded });
}
