import type { AcceptMask } from './status.ts';
import type { Definition } from './task.ts';

/** Many short texts in one buffer: entry i is `bytes[offsets[i] .. offsets[i + 1]]`, UTF-8. */
export interface TextColumn {
  readonly bytes: Uint8Array;
  /** One longer than the number of texts. */
  readonly offsets: Uint32Array;
}

/** An edge that needs the value: its upstream must be `done`. Any other number is an order edge's accept mask. */
export const DATA_EDGE: AcceptMask = 0;

/** Edges into nodes that were there before the segment whose nodes they come from: entry i of each is of one edge. */
export interface LateColumns {
  /** Index in the run of a node of the segment. */
  readonly from: Uint32Array;
  /** Index in the run of an earlier node. */
  readonly to: Uint32Array;
  /** `DATA_EDGE` or an accept mask. */
  readonly accept: Uint8Array;
}

/**
 * A graph, or a segment appended to one, as columns: a million tasks are some dozen arrays,
 * not a million objects. Node i of a segment that was appended at `base` is job `base + i` of
 * its run; edges name upstream nodes by their index in the run. Immutable once built.
 */
export interface Graph {
  readonly name: string;
  /** Index in the run of the first node; 0 but for expansions. */
  readonly base: number;
  readonly size: number;
  readonly names: TextColumn;
  /** JSON of each node's `Payload`; empty text where there is none (a no-op call). */
  readonly payloads: TextColumn;
  readonly definitions: readonly Definition[];
  /** Index into `definitions`, a node. */
  readonly definitionOf: Uint32Array;
  /** Edges into node i are those at `edgeOffsets[i] .. edgeOffsets[i + 1]`. */
  readonly edgeOffsets: Uint32Array;
  /** Index in the run of the upstream node, an edge. */
  readonly edgeFrom: Uint32Array;
  /** `DATA_EDGE` or an accept mask, an edge. */
  readonly edgeAccept: Uint8Array;
  /** Expected milliseconds of each node, for the upward rank and for simulation; 0: not known. */
  readonly expectedMs: Float64Array;
  /** JSON of what the workflow returns, with refs; absent: nothing. */
  readonly result?: string;
  /** Edges from these nodes into earlier ones. Only what a control node became has them. */
  readonly late?: LateColumns;
  /** Indices in the run of the control nodes that became these nodes. */
  readonly expands?: Uint32Array;
}

/** Columns as buffers: those give short texts in half the time a decoder takes. */
const buffers = new WeakMap<Uint8Array, Buffer>();

/** Reads text i of a column. */
export function textAt({ bytes, offsets }: TextColumn, i: number): string {
  const start = offsets[i] as number;
  const end = offsets[i + 1] as number;
  if (start === end) return '';
  let buffer = buffers.get(bytes);
  if (buffer === undefined) {
    buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    buffers.set(bytes, buffer);
  }
  return buffer.toString('utf8', start, end);
}
