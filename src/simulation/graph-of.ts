import type { AcceptMask, Definition, Graph, TextColumn } from '../model/index.ts';
import { DATA_EDGE } from '../model/index.ts';

/** A node as it is written by hand: what it is, and which nodes before it it needs. */
export interface NodePlan {
  readonly name: string;
  readonly definition: Definition;
  /** Indices in the run whose value it takes. */
  readonly data: readonly number[];
  /** Indices in the run whose end it awaits, with what it accepts. */
  readonly order: readonly { readonly from: number; readonly accept: AcceptMask }[];
  readonly expectedMs: number;
  /** Its payload, where that says more than whose values it takes. */
  readonly payload?: string;
}

function column(texts: readonly string[]): TextColumn {
  const encoder = new TextEncoder();
  const parts = texts.map((text) => encoder.encode(text));
  const offsets = new Uint32Array(texts.length + 1);
  parts.forEach((part, i) => {
    offsets[i + 1] = (offsets[i] as number) + part.length;
  });
  const bytes = new Uint8Array(offsets[texts.length] as number);
  parts.forEach((part, i) => {
    bytes.set(part, offsets[i]);
  });
  return { bytes, offsets };
}

/** What a simulated node's payload says: whose values it wants. */
export function payloadOf(data: readonly number[]): string {
  const args = data.map((node) => ({ $ref: [node] }));
  return JSON.stringify({ call: { kind: 'builtin', name: 'noop' }, args });
}

/** Makes columns of a list of nodes; node i of the list is job `base + i` of its run. */
export function graphOf(nodes: readonly NodePlan[], name: string, base = 0): Graph {
  const edgeOffsets = new Uint32Array(nodes.length + 1);
  const edgeFrom: number[] = [];
  const edgeAccept: number[] = [];
  nodes.forEach((node, i) => {
    for (const from of node.data) {
      edgeFrom.push(from);
      edgeAccept.push(DATA_EDGE);
    }
    for (const { from, accept } of node.order) {
      edgeFrom.push(from);
      edgeAccept.push(accept);
    }
    edgeOffsets[i + 1] = edgeFrom.length;
  });
  const definitions = [...new Set(nodes.map((node) => node.definition))];
  const indexOf = new Map(definitions.map((definition, i) => [definition, i]));
  return {
    name,
    base,
    size: nodes.length,
    names: column(nodes.map((node) => node.name)),
    payloads: column(nodes.map((node) => node.payload ?? payloadOf(node.data))),
    definitions,
    definitionOf: Uint32Array.from(nodes, (node) => indexOf.get(node.definition) as number),
    edgeOffsets,
    edgeFrom: Uint32Array.from(edgeFrom),
    edgeAccept: Uint8Array.from(edgeAccept),
    expectedMs: Float64Array.from(nodes, (node) => node.expectedMs),
  };
}
