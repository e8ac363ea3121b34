import type { Definition, Graph, TextColumn } from '../model/index.ts';

/** What is read of a graph once its jobs are in the table. */
export type Segment = Pick<Graph, 'base' | 'size' | 'names' | 'payloads' | 'edgeOffsets' | 'edgeFrom' | 'edgeAccept'>;

/** Segments up to this size are gathered. */
const SMALL_JOBS = 4096;
const SMALL_BYTES = 1 << 20;
/** A gathered segment is not made longer than this: growing copies it. */
const MOST_BYTES = 16 << 20;
const MOST_JOBS = 1 << 20;

/** Whether a segment is one of those that come by the thousand. */
export function isSmall({ size, names, payloads, edgeFrom, result }: Graph): boolean {
  const bytes = names.bytes.length + payloads.bytes.length + 4 * edgeFrom.length;
  return size <= SMALL_JOBS && bytes <= SMALL_BYTES && result === undefined;
}

/**
 * Many small segments in one: a run to which jobs are added one by one has some columns that grow, and not a dozen
 * arrays for each of a hundred thousand. Entries are only added, so that a part of it stays as it is.
 */
export class GrowingSegment implements Segment {
  readonly base: number;
  size = 0;
  readonly names: GrowingText = new GrowingText();
  readonly payloads: GrowingText = new GrowingText();
  edgeOffsets: Uint32Array = new Uint32Array(64);
  edgeFrom: Uint32Array = new Uint32Array(64);
  edgeAccept: Uint8Array = new Uint8Array(64);
  #expectedMs: Float64Array = new Float64Array(64);

  constructor(base: number) {
    this.base = base;
  }

  /** Whether a small segment that begins where this one ends may be added. */
  hasRoom(): boolean {
    return this.size < MOST_JOBS && this.names.used + this.payloads.used < MOST_BYTES;
  }

  add(segment: Graph): void {
    const { size } = segment;
    this.names.add(segment.names, this.size, size);
    this.payloads.add(segment.payloads, this.size, size);
    const edges = this.edgeOffsets[this.size] as number;
    this.edgeOffsets = withRoom(this.edgeOffsets, this.size + size + 1);
    this.edgeFrom = withRoom(this.edgeFrom, edges + segment.edgeFrom.length);
    this.edgeAccept = withRoom(this.edgeAccept, edges + segment.edgeFrom.length);
    this.#expectedMs = withRoom(this.#expectedMs, this.size + size);
    this.edgeFrom.set(segment.edgeFrom, edges);
    this.edgeAccept.set(segment.edgeAccept, edges);
    this.#expectedMs.set(segment.expectedMs, this.size);
    for (let i = 1; i <= size; i += 1) this.edgeOffsets[this.size + i] = edges + (segment.edgeOffsets[i] as number);
    this.size += size;
  }

  /** Takes the last jobs away again. */
  drop(count: number): void {
    this.size -= count;
    this.names.used = this.names.offsets[this.size] as number;
    this.payloads.used = this.payloads.offsets[this.size] as number;
  }

  /** A part of it as a graph of its own: jobs of the run from `first` up to `last`, with their definitions. */
  part(first: number, last: number, definitionOf: (job: number) => Definition): Graph {
    const from = first - this.base;
    const to = last - this.base;
    const [edge, end] = [this.edgeOffsets[from] as number, this.edgeOffsets[to] as number];
    const numbers = new Map<Definition, number>();
    const definitionNumbers = new Uint32Array(to - from);
    for (let job = first; job < last; job += 1) {
      const definition = definitionOf(job);
      let number = numbers.get(definition);
      if (number === undefined) {
        number = numbers.size;
        numbers.set(definition, number);
      }
      definitionNumbers[job - first] = number;
    }
    return {
      name: 'appended',
      base: first,
      size: to - from,
      names: this.names.part(from, to),
      payloads: this.payloads.part(from, to),
      definitions: [...numbers.keys()],
      definitionOf: definitionNumbers,
      edgeOffsets: this.edgeOffsets.slice(from, to + 1).map((offset) => offset - edge),
      edgeFrom: this.edgeFrom.slice(edge, end),
      edgeAccept: this.edgeAccept.slice(edge, end),
      expectedMs: this.#expectedMs.slice(from, to),
    };
  }
}

/** A text column that other columns are added to. */
class GrowingText implements TextColumn {
  bytes: Uint8Array = new Uint8Array(1024);
  offsets: Uint32Array = new Uint32Array(64);
  used = 0;

  /** Adds the first texts of a column behind so many of its own. */
  add(texts: TextColumn, at: number, count: number): void {
    const length = texts.offsets[count] as number;
    this.bytes = withRoom(this.bytes, this.used + length);
    this.offsets = withRoom(this.offsets, at + count + 1);
    this.bytes.set(length === texts.bytes.length ? texts.bytes : texts.bytes.subarray(0, length), this.used);
    for (let i = 1; i <= count; i += 1) this.offsets[at + i] = this.used + (texts.offsets[i] as number);
    this.used += length;
  }

  part(from: number, to: number): TextColumn {
    const [start, end] = [this.offsets[from] as number, this.offsets[to] as number];
    return {
      bytes: this.bytes.slice(start, end),
      offsets: this.offsets.slice(from, to + 1).map((offset) => offset - start),
    };
  }
}

type Column = Uint8Array | Uint32Array | Float64Array;

function withRoom<Kind extends Column>(column: Kind, needed: number): Kind {
  if (needed <= column.length) return column;
  const Make = column.constructor as new (length: number) => Kind;
  const larger = new Make(Math.max(needed, column.length * 2));
  larger.set(column);
  return larger;
}
