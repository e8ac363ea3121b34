import { HeddleError } from './errors.ts';
import { type Graph, textAt } from './graph.ts';
import { nameIndex } from './graph-names.ts';
import { ACCEPT_ALL } from './status.ts';

/** What a node asks of another graph's columns: `a -> b` means b needs a. */
export interface Downstream {
  /** Edges out of node i are those at `offsets[i] .. offsets[i + 1]`. */
  readonly offsets: Uint32Array;
  /** Position in the graph (not index in the run) of the node that needs it, an edge. */
  readonly to: Uint32Array;
}

/**
 * The edges of a graph turned round: who needs each node. Edges from before `base` are left out.
 * A node with two edges to the same upstream stands there twice.
 */
export function downstream(graph: Graph): Downstream {
  const { size, base, edgeOffsets, edgeFrom } = graph;
  const offsets = new Uint32Array(size + 1);
  for (let e = 0; e < edgeFrom.length; e += 1) {
    const from = (edgeFrom[e] as number) - base;
    if (from >= 0) offsets[from + 1] = (offsets[from + 1] as number) + 1;
  }
  for (let i = 0; i < size; i += 1) offsets[i + 1] = (offsets[i + 1] as number) + (offsets[i] as number);
  const to = new Uint32Array(offsets[size] as number);
  const next = offsets.slice(0, size);
  for (let i = 0; i < size; i += 1) {
    const end = edgeOffsets[i + 1] as number;
    for (let e = edgeOffsets[i] as number; e < end; e += 1) {
      const from = (edgeFrom[e] as number) - base;
      if (from < 0) continue;
      const at = next[from] as number;
      to[at] = i;
      next[from] = at + 1;
    }
  }
  return { offsets, to };
}

/** Some nodes of a graph, by their positions. */
interface NodeSlice {
  readonly first: number;
  readonly last: number;
}

/** Says whether every edge leads from an earlier node to a later one: then the order of nodes is one that works. */
function runsForward(graph: Graph, { first, last }: NodeSlice = { first: 0, last: graph.size }): boolean {
  const { base, edgeOffsets, edgeFrom } = graph;
  for (let i = first; i < last; i += 1) {
    const end = edgeOffsets[i + 1] as number;
    for (let e = edgeOffsets[i] as number; e < end; e += 1) if ((edgeFrom[e] as number) - base >= i) return false;
  }
  return true;
}

/**
 * Positions of all nodes, each after those it needs (Kahn 1962). Deterministic: among
 * nodes that are free at the same time, the order in which they were added or freed. No recursion, so depth is no matter.
 *
 * @throws {HeddleError} GRAPH_CYCLE with one cycle in the message
 */
export function topologicalOrder(graph: Graph): Uint32Array {
  const { size, base, edgeOffsets, edgeFrom } = graph;
  const order = new Uint32Array(size);
  if (runsForward(graph)) {
    for (let i = 0; i < size; i += 1) order[i] = i;
    return order;
  }
  const { offsets, to } = downstream(graph);
  const waitsFor = new Uint32Array(size);
  let tail = 0;
  for (let i = 0; i < size; i += 1) {
    const end = edgeOffsets[i + 1] as number;
    let waits = 0;
    for (let e = edgeOffsets[i] as number; e < end; e += 1) if ((edgeFrom[e] as number) >= base) waits += 1;
    waitsFor[i] = waits;
    if (waits === 0) {
      order[tail] = i;
      tail += 1;
    }
  }
  for (let head = 0; head < tail; head += 1) {
    const node = order[head] as number;
    const end = offsets[node + 1] as number;
    for (let e = offsets[node] as number; e < end; e += 1) {
      const needs = to[e] as number;
      const waits = (waitsFor[needs] as number) - 1;
      waitsFor[needs] = waits;
      if (waits > 0) continue;
      order[tail] = needs;
      tail += 1;
    }
  }
  if (tail < size) throw cycleError(graph, waitsFor);
  return order;
}

/** How many names of a cycle are shown at either end before it is shortened. */
const CYCLE_ENDS = 5;

/** Walks upstream among the nodes that never came free until one comes again: that is a cycle. */
function cycleError(graph: Graph, waitsFor: Uint32Array): HeddleError {
  const seenAt = new Int32Array(graph.size);
  const walk: number[] = [];
  let node = waitsFor.findIndex((waits) => waits > 0);
  while (seenAt[node] === 0) {
    walk.push(node);
    seenAt[node] = walk.length;
    node = stuckUpstream(graph, waitsFor, node);
  }
  const cycle = walk.slice((seenAt[node] as number) - 1).reverse();
  const names = cycle.map((i) => textAt(graph.names, i));
  names.push(names[0] as string);
  const shown =
    names.length <= 2 * CYCLE_ENDS + 1
      ? names
      : [...names.slice(0, CYCLE_ENDS), `... (${names.length - 2 * CYCLE_ENDS} more)`, ...names.slice(-CYCLE_ENDS)];
  return new HeddleError('GRAPH_CYCLE', `tasks wait for each other: ${shown.join(' -> ')}`, {
    details: { cycle: names.slice(0, 1000) },
    hint: 'break the circle: one of these must not need the one before it',
  });
}

function stuckUpstream(graph: Graph, waitsFor: Uint32Array, node: number): number {
  const end = graph.edgeOffsets[node + 1] as number;
  for (let e = graph.edgeOffsets[node] as number; e < end; e += 1) {
    const from = (graph.edgeFrom[e] as number) - graph.base;
    if (from >= 0 && (waitsFor[from] as number) > 0) return from;
  }
  throw new Error('a node that waits has an upstream that waits');
}

function invalid(message: string, hint = 'build it with GraphBuilder, which keeps the columns in step'): HeddleError {
  return new HeddleError('GRAPH_INVALID', message, { hint });
}

/** @throws {HeddleError} GRAPH_UNKNOWN_NODE for an edge from nowhere, GRAPH_INVALID for an edge or a number that means nothing */
function checkEdges(graph: Graph, { first, last }: NodeSlice = { first: 0, last: graph.size }): void {
  const { size, base, edgeOffsets, edgeFrom, edgeAccept, definitionOf, definitions, expectedMs } = graph;
  const bound = base + size;
  for (let i = first; i < last; i += 1) {
    if ((definitionOf[i] as number) >= definitions.length) {
      throw invalid(
        `task '${textAt(graph.names, i)}' has definition ${definitionOf[i]}, and there are ${definitions.length}`,
      );
    }
    const expected = expectedMs[i] as number;
    if (!(expected >= 0 && expected < Infinity)) {
      throw invalid(
        `task '${textAt(graph.names, i)}' is expected to take ${expected} ms`,
        'give a number, 0 when it is not known',
      );
    }
    const end = edgeOffsets[i + 1] as number;
    for (let e = edgeOffsets[i] as number; e < end; e += 1) {
      if ((edgeFrom[e] as number) >= bound) {
        throw new HeddleError(
          'GRAPH_UNKNOWN_NODE',
          `task '${textAt(graph.names, i)}' needs task number ${edgeFrom[e]}, and there are ${bound}`,
          {
            hint: 'an edge names a task by the number that adding it gave',
          },
        );
      }
      if ((edgeAccept[e] as number) > ACCEPT_ALL) {
        throw invalid(
          `an edge into '${textAt(graph.names, i)}' accepts something that is no final status`,
          'use acceptMask([...])',
        );
      }
    }
  }
}

/** Nodes that are looked at in one slice. */
const NODES_A_SLICE = 8192;

/**
 * Checks the edges of a graph whose columns are in step, and that nothing waits for itself; yields between slices.
 *
 * @throws {HeddleError} GRAPH_UNKNOWN_NODE, GRAPH_INVALID, GRAPH_CYCLE
 */
export function* checkInSlices(graph: Graph): Generator<void> {
  const { size } = graph;
  let isForward = true;
  for (let first = 0; first < size; first += NODES_A_SLICE) {
    if (first > 0) yield;
    const slice = { first, last: Math.min(first + NODES_A_SLICE, size) };
    checkEdges(graph, slice);
    isForward &&= runsForward(graph, slice);
  }
  if (!isForward) topologicalOrder(graph);
}

function checkColumns(graph: Graph): void {
  const { size, base, names, payloads, edgeOffsets, edgeFrom, edgeAccept } = graph;
  if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(base) || base < 0) {
    throw invalid(`a graph of size ${size} at ${base}`);
  }
  const lengths: readonly (readonly [string, number, number])[] = [
    ['names', names.offsets.length, size + 1],
    ['payloads', payloads.offsets.length, size + 1],
    ['definitionOf', graph.definitionOf.length, size],
    ['edgeOffsets', edgeOffsets.length, size + 1],
    ['expectedMs', graph.expectedMs.length, size],
    ['edgeAccept', edgeAccept.length, edgeFrom.length],
  ];
  for (const [column, has, needs] of lengths) {
    if (has !== needs) throw invalid(`column '${column}' has ${has} entries, and ${needs} belong there`);
  }
  checkOffsets('names', names.offsets, names.bytes.length);
  checkOffsets('payloads', payloads.offsets, payloads.bytes.length);
  checkOffsets('edges', edgeOffsets, edgeFrom.length);
}

function checkOffsets(column: string, offsets: Uint32Array, end: number): void {
  for (let i = 1; i < offsets.length; i += 1) {
    if ((offsets[i] as number) < (offsets[i - 1] as number)) throw invalid(`column '${column}' runs backwards at ${i}`);
  }
  if (offsets[0] !== 0 || offsets.at(-1) !== end)
    throw invalid(`column '${column}' does not end where its content does`);
}

/**
 * Checks a graph from outside as `GraphBuilder.build` checks its own: columns in step, names
 * there and unique, edges from nodes that exist, no cycle.
 *
 * @throws {HeddleError} GRAPH_INVALID, GRAPH_DUPLICATE, GRAPH_UNKNOWN_NODE, GRAPH_CYCLE
 */
export function checkGraph(graph: Graph): void {
  checkColumns(graph);
  const index = nameIndex(graph);
  for (let i = 0; i < graph.size; i += 1) {
    const name = textAt(graph.names, i);
    if (name === '') throw invalid(`task number ${i} has no name`);
    if (index.indexOf(name) !== i) {
      throw new HeddleError('GRAPH_DUPLICATE', `two tasks are named '${name}'`, {
        details: { name },
        hint: 'give one of them another name',
      });
    }
  }
  checkEdges(graph);
  topologicalOrder(graph);
}
