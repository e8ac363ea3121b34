import type { Graph, LateColumns } from './graph.ts';

/** Late edges of segments, in order, as columns of the graph that they make together; undefined when there are none. */
export function joinLate(segments: readonly Graph[]): LateColumns | undefined {
  const columns = segments.flatMap(({ late }) => late ?? []);
  if (columns.length === 0) return undefined;
  const size = columns.reduce((sum, { from }) => sum + from.length, 0);
  const joined = { from: new Uint32Array(size), to: new Uint32Array(size), accept: new Uint8Array(size) };
  let at = 0;
  for (const { from, to, accept } of columns) {
    joined.from.set(from, at);
    joined.to.set(to, at);
    joined.accept.set(accept, at);
    at += from.length;
  }
  return joined;
}

/** The control nodes that these segments came of, in order; undefined when none did. */
export function joinExpands(segments: readonly Graph[]): Uint32Array | undefined {
  const all = segments.flatMap(({ expands }) => (expands === undefined ? [] : [...expands]));
  return all.length === 0 ? undefined : Uint32Array.from(all);
}

/**
 * The graph with those of its late edges among the others that lead into its own nodes, each behind what its node had
 * before. Late edges into earlier nodes stay as they are.
 */
export function foldLate(graph: Graph): Graph {
  const { late, base, size } = graph;
  if (late === undefined) return graph;
  const isOwn = (to: number): boolean => to >= base;
  const more = new Uint32Array(size);
  for (const to of late.to) if (isOwn(to)) more[to - base] = (more[to - base] as number) + 1;
  const folded = late.to.reduce((sum, to) => sum + (isOwn(to) ? 1 : 0), 0);
  if (folded === 0) return graph;
  const edgeOffsets = new Uint32Array(size + 1);
  const edgeFrom = new Uint32Array(graph.edgeFrom.length + folded);
  const edgeAccept = new Uint8Array(edgeFrom.length);
  /** Where the next late edge into each node goes. */
  const next = new Uint32Array(size);
  for (let i = 0; i < size; i += 1) {
    const start = graph.edgeOffsets[i] as number;
    const end = graph.edgeOffsets[i + 1] as number;
    const at = edgeOffsets[i] as number;
    edgeFrom.set(graph.edgeFrom.subarray(start, end), at);
    edgeAccept.set(graph.edgeAccept.subarray(start, end), at);
    next[i] = at + end - start;
    edgeOffsets[i + 1] = (next[i] as number) + (more[i] as number);
  }
  for (const [e, to] of late.to.entries()) {
    if (!isOwn(to)) continue;
    const at = next[to - base] as number;
    edgeFrom[at] = late.from[e] as number;
    edgeAccept[at] = late.accept[e] as number;
    next[to - base] = at + 1;
  }
  const { late: _, ...rest } = graph;
  const kept = (_each: number, e: number): boolean => !isOwn(late.to[e] as number);
  const left = folded === late.to.length ? undefined : keptOf(late, kept);
  return { ...rest, edgeOffsets, edgeFrom, edgeAccept, ...(left === undefined ? {} : { late: left }) };
}

function keptOf({ from, to, accept }: LateColumns, kept: (value: number, e: number) => boolean): LateColumns {
  return { from: from.filter(kept), to: to.filter(kept), accept: accept.filter(kept) };
}
