import type { Graph, TextColumn } from './graph.ts';
import { downstream, topologicalOrder } from './graph-check.ts';
import { foldLate, joinExpands, joinLate } from './late-edges.ts';

/** What a node weighs on a path: what is not known counts as a millisecond, so that length still tells. */
function weight(expectedMs: number): number {
  return expectedMs > 0 ? expectedMs : 1;
}

/**
 * Writes for every node the milliseconds from its start to the end of the longest path that begins with it
 * (Topcuoglu, Hariri and Wu 2002, without communication). An expected time of 0 counts as 1 ms.
 * Ranks of nodes before `base` are not the segment's to say.
 */
export function upwardRanks(graph: Graph, rankOut: Float64Array): void {
  const { size, base, edgeOffsets, edgeFrom, expectedMs } = graph;
  const order = topologicalOrder(graph);
  rankOut.fill(0, 0, size);
  // Backwards, each rank is final when its turn comes: everything that needs the node has been.
  for (let k = size - 1; k >= 0; k -= 1) {
    const node = order[k] as number;
    const rank = (rankOut[node] as number) + weight(expectedMs[node] as number);
    rankOut[node] = rank;
    const end = edgeOffsets[node + 1] as number;
    for (let e = edgeOffsets[node] as number; e < end; e += 1) {
      const from = (edgeFrom[e] as number) - base;
      if (from >= 0 && (rankOut[from] as number) < rank) rankOut[from] = rank;
    }
  }
}

/** The chain of nodes that takes longest: what no number of processors makes shorter. */
export interface CriticalPath {
  readonly lengthMs: number;
  /** Positions in the graph, from first to last. */
  readonly nodes: readonly number[];
}

/** The critical path by `expectedMs`, or by durations measured; unknown ones count 0. */
export function criticalPath(graph: Graph, durationsMs: Float64Array = graph.expectedMs): CriticalPath {
  const { size, base, edgeOffsets, edgeFrom } = graph;
  const order = topologicalOrder(graph);
  const endsAt = new Float64Array(size);
  const via = new Int32Array(size).fill(-1);
  let last = -1;
  for (const node of order) {
    let start = 0;
    const end = edgeOffsets[node + 1] as number;
    for (let e = edgeOffsets[node] as number; e < end; e += 1) {
      const from = (edgeFrom[e] as number) - base;
      if (from < 0 || ((endsAt[from] as number) <= start && via[node] !== -1)) continue;
      start = endsAt[from] as number;
      via[node] = from;
    }
    endsAt[node] = start + (durationsMs[node] as number);
    if (last === -1 || (endsAt[node] as number) > (endsAt[last] as number)) last = node;
  }
  const nodes: number[] = [];
  for (let node = last; node !== -1; node = via[node] as number) nodes.push(node);
  return { lengthMs: last === -1 ? 0 : (endsAt[last] as number), nodes: nodes.reverse() };
}

/** Marks with 1 every node that needs one of `roots` (positions in the graph), directly or through others; not the roots. */
export function descendants(graph: Graph, roots: Iterable<number>): Uint8Array {
  const { offsets, to } = downstream(graph);
  const marked = new Uint8Array(graph.size);
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const end = offsets[node + 1] as number;
    for (let e = offsets[node] as number; e < end; e += 1) {
      const needs = to[e] as number;
      if (marked[needs] === 1) continue;
      marked[needs] = 1;
      stack.push(needs);
    }
  }
  return marked;
}

function sliceTexts(column: TextColumn, start: number, end: number): TextColumn {
  const from = column.offsets[start] as number;
  return {
    bytes: column.bytes.slice(from, column.offsets[end]),
    offsets: column.offsets.slice(start, end + 1).map((offset) => offset - from),
  };
}

/** Cuts positions `start` to `end` of a graph out as a segment of the same run; with the rest it is that graph again. */
export function sliceSegment(graph: Graph, start: number, end: number): Graph {
  const firstEdge = graph.edgeOffsets[start] as number;
  const lastEdge = graph.edgeOffsets[end] as number;
  const segment: Graph = {
    name: graph.name,
    base: graph.base + start,
    size: end - start,
    names: sliceTexts(graph.names, start, end),
    payloads: sliceTexts(graph.payloads, start, end),
    definitions: graph.definitions,
    definitionOf: graph.definitionOf.slice(start, end),
    edgeOffsets: graph.edgeOffsets.slice(start, end + 1).map((offset) => offset - firstEdge),
    edgeFrom: graph.edgeFrom.slice(firstEdge, lastEdge),
    edgeAccept: graph.edgeAccept.slice(firstEdge, lastEdge),
    expectedMs: graph.expectedMs.slice(start, end),
  };
  return graph.result === undefined || end < graph.size ? segment : { ...segment, result: graph.result };
}

function joinTexts(columns: readonly TextColumn[]): TextColumn {
  const bytes = new Uint8Array(columns.reduce((sum, column) => sum + column.bytes.length, 0));
  const offsets = new Uint32Array(columns.reduce((sum, column) => sum + column.offsets.length - 1, 1));
  let byte = 0;
  let entry = 1;
  for (const column of columns) {
    bytes.set(column.bytes, byte);
    for (let i = 1; i < column.offsets.length; i += 1) {
      offsets[entry] = byte + (column.offsets[i] as number);
      entry += 1;
    }
    byte += column.bytes.length;
  }
  return { bytes, offsets };
}

type NumberColumn = Uint32Array | Uint8Array | Float64Array;

function joinNumbers<Column extends NumberColumn>(into: Column, columns: readonly Column[]): Column {
  let at = 0;
  for (const column of columns) {
    into.set(column, at);
    at += column.length;
  }
  return into;
}

/** A graph and the segments appended to it, in order, as one graph; the last result counts. */
export function joinSegments(segments: readonly Graph[]): Graph {
  const [first] = segments;
  if (first === undefined || segments.length === 1) {
    if (first === undefined) throw new RangeError('nothing to join');
    return first;
  }
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  const edges = segments.reduce((sum, segment) => sum + segment.edgeFrom.length, 0);
  const definitions: (typeof first.definitions)[number][] = [];
  const numbers = new Map<string, number>();
  const definitionOf = new Uint32Array(size);
  const edgeOffsets = new Uint32Array(size + 1);
  let node = 0;
  let edge = 0;
  for (const segment of segments) {
    const renumbered = segment.definitions.map((definition) => {
      const text = JSON.stringify(definition);
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, definitions.length);
      return definitions.push(definition) - 1;
    });
    for (let i = 0; i < segment.size; i += 1) {
      definitionOf[node + i] = renumbered[segment.definitionOf[i] as number] as number;
      edgeOffsets[node + i + 1] = edge + (segment.edgeOffsets[i + 1] as number);
    }
    node += segment.size;
    edge += segment.edgeFrom.length;
  }
  const result = segments.findLast((segment) => segment.result !== undefined)?.result;
  const late = joinLate(segments);
  const expands = joinExpands(segments);
  return foldLate({
    name: first.name,
    base: first.base,
    size,
    names: joinTexts(segments.map((segment) => segment.names)),
    payloads: joinTexts(segments.map((segment) => segment.payloads)),
    definitions,
    definitionOf,
    edgeOffsets,
    edgeFrom: joinNumbers(
      new Uint32Array(edges),
      segments.map((segment) => segment.edgeFrom),
    ),
    edgeAccept: joinNumbers(
      new Uint8Array(edges),
      segments.map((segment) => segment.edgeAccept),
    ),
    expectedMs: joinNumbers(
      new Float64Array(size),
      segments.map((segment) => segment.expectedMs),
    ),
    ...(result === undefined ? {} : { result }),
    ...(late === undefined ? {} : { late }),
    ...(expands === undefined ? {} : { expands }),
  });
}
