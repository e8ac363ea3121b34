import { endianness } from 'node:os';
import { crc32 } from 'node:zlib';
import type { Definition, Graph, LateColumns } from '../model/index.ts';
import { corrupt } from './sqlite-errors.ts';

/**
 * A graph as rows: the bytes of its columns one after another, each from a multiple of 8, cut into parts of
 * 1 MiB; then the definitions as JSON, some hundreds a piece; and as the last part the trailer, JSON that says
 * where everything is. The trailer comes last so that nothing has to be made in one go to know its length.
 * A column of zeros only is not written.
 *
 * Format 2 has columns for what a control node became; a graph without them is written as format 1, as it ever was.
 */
export interface GraphPart {
  /** Where in the stream it begins. */
  readonly position: number;
  readonly data: Uint8Array;
  readonly crc: number;
}

const FORMAT = 1;
const FORMAT_OF_EXPANSIONS = 2;
const PART_BYTES = 1 << 20;
/** So many definitions become JSON in about a millisecond. */
const DEFINITIONS_A_PIECE = 256;

type ColumnKind = 'u8' | 'u32' | 'f64';
type Column = Uint8Array | Uint32Array | Float64Array;

interface ColumnPlace {
  readonly kind: ColumnKind;
  readonly length: number;
  /** -1: all zeros, and nowhere. */
  readonly position: number;
}

type ColumnName =
  | 'names'
  | 'nameOffsets'
  | 'payloads'
  | 'payloadOffsets'
  | 'definitionOf'
  | 'edgeOffsets'
  | 'edgeFrom'
  | 'edgeAccept'
  | 'expectedMs';

/** Columns that only expansions have. */
type ExpansionColumnName = 'lateFrom' | 'lateTo' | 'lateAccept' | 'expands';

interface Trailer {
  readonly format: number;
  readonly endianness: 'LE' | 'BE';
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly result?: string;
  readonly columns: Readonly<Record<ColumnName, ColumnPlace>> & Partial<Record<ExpansionColumnName, ColumnPlace>>;
  /** Position and length of each piece. */
  readonly definitions: readonly (readonly [position: number, length: number])[];
}

function columnsOf(graph: Graph): Readonly<Record<ColumnName, Column>> {
  return {
    names: graph.names.bytes,
    nameOffsets: graph.names.offsets,
    payloads: graph.payloads.bytes,
    payloadOffsets: graph.payloads.offsets,
    definitionOf: graph.definitionOf,
    edgeOffsets: graph.edgeOffsets,
    edgeFrom: graph.edgeFrom,
    edgeAccept: graph.edgeAccept,
    expectedMs: graph.expectedMs,
  };
}

function expansionColumnsOf({ late, expands }: Graph): Readonly<Partial<Record<ExpansionColumnName, Column>>> {
  return {
    ...(late === undefined ? {} : { lateFrom: late.from, lateTo: late.to, lateAccept: late.accept }),
    ...(expands === undefined ? {} : { expands }),
  };
}

/** The parts of a graph, in order. Each is its own memory, and made in at most a few milliseconds. */
export function* graphParts(graph: Graph): Generator<GraphPart> {
  const assembler = new Assembler();
  const columns: Partial<Record<ColumnName | ExpansionColumnName, ColumnPlace>> = {};
  const expansion = expansionColumnsOf(graph);
  const all = { ...columnsOf(graph), ...expansion };
  for (const [name, column] of Object.entries(all) as [ColumnName | ExpansionColumnName, Column][]) {
    const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
    const position = isZero(bytes) ? -1 : assembler.position;
    columns[name] = { kind: kindOf(column), length: column.length, position };
    if (position >= 0) yield* assembler.add(bytes);
  }
  const definitions: [number, number][] = [];
  for (let i = 0; i < graph.definitions.length; i += DEFINITIONS_A_PIECE) {
    const piece = Buffer.from(JSON.stringify(graph.definitions.slice(i, i + DEFINITIONS_A_PIECE)));
    definitions.push([assembler.position, piece.length]);
    yield* assembler.add(piece);
  }
  yield* assembler.flush();
  const { name, base, size, result } = graph;
  const trailer: Trailer = {
    // An older program must not take a graph for one without the edges it does not know of.
    format: Object.keys(expansion).length === 0 ? FORMAT : FORMAT_OF_EXPANSIONS,
    endianness: endianness(),
    name,
    base,
    size,
    ...(result === undefined ? {} : { result }),
    columns: columns as Trailer['columns'],
    definitions,
  };
  yield part(assembler.position, new Uint8Array(Buffer.from(JSON.stringify(trailer))));
}

const ZEROS = Buffer.alloc(1 << 16);

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length);
    if (ZEROS.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}

/** Gathers bytes into parts of 1 MiB. */
class Assembler {
  /** Where the next bytes go; always a multiple of 8 between columns. */
  position = 0;
  #part = new Uint8Array(0);
  #filled = 0;

  *add(bytes: Uint8Array): Generator<GraphPart> {
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + PART_BYTES - this.#filled);
      this.#makeRoom(piece.length + 8);
      this.#part.set(piece, this.#filled);
      this.#advance(piece.length);
      from += piece.length;
      if (this.#filled === PART_BYTES) yield* this.flush();
    }
    // A part is a multiple of 8 too, so what is added here never reaches over its end.
    const padding = -this.position & 7;
    if (padding > 0) this.#advance(padding);
    if (this.#filled === PART_BYTES) yield* this.flush();
  }

  *flush(): Generator<GraphPart> {
    if (this.#filled === 0) return;
    const data = this.#filled === PART_BYTES ? this.#part : this.#part.slice(0, this.#filled);
    yield part(this.position - this.#filled, data);
    this.#part = new Uint8Array(0);
    this.#filled = 0;
  }

  /** Room for so many more bytes: a graph of one job must not cost a part of 1 MiB. */
  #makeRoom(bytes: number): void {
    const needed = Math.min(this.#filled + bytes, PART_BYTES);
    if (needed <= this.#part.length) return;
    const larger = new Uint8Array(Math.min(Math.max(needed, 2 * this.#part.length, 1024), PART_BYTES));
    larger.set(this.#part.subarray(0, this.#filled));
    this.#part = larger;
  }

  #advance(bytes: number): void {
    this.#filled += bytes;
    this.position += bytes;
  }
}

function part(position: number, data: Uint8Array): GraphPart {
  return { position, data, crc: crc32(data) };
}

function kindOf(column: Column): ColumnKind {
  if (column instanceof Uint32Array) return 'u32';
  return column instanceof Float64Array ? 'f64' : 'u8';
}

/**
 * Puts a graph together again from its rows: the trailer first, then the other parts in order.
 *
 * @throws {HeddleError} STORE_CORRUPT naming the row
 */
export class GraphAssembly {
  readonly #key: string;
  readonly #trailer: Trailer;
  readonly #bytes: Uint8Array;
  #filled = 0;

  /** `key` names the segment in errors. */
  constructor(key: string, trailer: GraphPart) {
    this.#key = key;
    this.#check(trailer);
    this.#trailer = this.#json(trailer.data, trailer.position) as Trailer;
    if (this.#trailer.format > FORMAT_OF_EXPANSIONS)
      throw this.#corrupt(trailer.position, `format ${this.#trailer.format}`);
    if (this.#trailer.endianness !== endianness()) {
      throw this.#corrupt(trailer.position, `written on a machine of the other byte order`);
    }
    this.#bytes = new Uint8Array(trailer.position);
  }

  /** True when all parts are there. */
  get isWhole(): boolean {
    return this.#filled === this.#bytes.length;
  }

  add(row: GraphPart): void {
    this.#check(row);
    if (row.position !== this.#filled || row.position + row.data.length > this.#bytes.length) {
      throw this.#corrupt(row.position, `a part is missing before it`);
    }
    this.#bytes.set(row.data, row.position);
    this.#filled += row.data.length;
  }

  /** Yields between pieces of work that are short each; returns the graph. */
  *finish(): Generator<undefined, Graph> {
    if (!this.isWhole) throw this.#corrupt(this.#filled, 'the part is missing');
    const { name, base, size, result, columns } = this.#trailer;
    const definitions: Definition[] = [];
    for (const [position, length] of this.#trailer.definitions) {
      definitions.push(...(this.#json(this.#bytes.subarray(position, position + length), position) as Definition[]));
      yield;
    }
    return {
      name,
      base,
      size,
      names: {
        bytes: this.#column(columns.names, Uint8Array),
        offsets: this.#column(columns.nameOffsets, Uint32Array),
      },
      payloads: {
        bytes: this.#column(columns.payloads, Uint8Array),
        offsets: this.#column(columns.payloadOffsets, Uint32Array),
      },
      definitions,
      definitionOf: this.#column(columns.definitionOf, Uint32Array),
      edgeOffsets: this.#column(columns.edgeOffsets, Uint32Array),
      edgeFrom: this.#column(columns.edgeFrom, Uint32Array),
      edgeAccept: this.#column(columns.edgeAccept, Uint8Array),
      expectedMs: this.#column(columns.expectedMs, Float64Array),
      ...(result === undefined ? {} : { result }),
      ...this.#expansion(columns),
    };
  }

  #expansion({ lateFrom, lateTo, lateAccept, expands }: Trailer['columns']): Pick<Graph, 'late' | 'expands'> {
    const isLate = lateFrom !== undefined && lateTo !== undefined && lateAccept !== undefined;
    const late: LateColumns | undefined = isLate
      ? {
          from: this.#column(lateFrom, Uint32Array),
          to: this.#column(lateTo, Uint32Array),
          accept: this.#column(lateAccept, Uint8Array),
        }
      : undefined;
    return {
      ...(late === undefined ? {} : { late }),
      ...(expands === undefined ? {} : { expands: this.#column(expands, Uint32Array) }),
    };
  }

  #column<Made>(place: ColumnPlace, Make: ColumnMaker<Made>): Made {
    const { position, length } = place;
    if (position < 0) return new Make(length);
    if (position + length * Make.BYTES_PER_ELEMENT > this.#bytes.length)
      throw this.#corrupt(position, 'a column ends outside');
    return new Make(this.#bytes.buffer as ArrayBuffer, position, length);
  }

  #json(bytes: Uint8Array, position: number): unknown {
    try {
      return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    } catch (error) {
      throw this.#corrupt(position, error instanceof Error ? error.message : 'no JSON');
    }
  }

  #check(row: GraphPart): void {
    if (crc32(row.data) !== row.crc) throw this.#corrupt(row.position, 'checksum does not fit');
  }

  #corrupt(position: number, what: string): Error {
    return corrupt('graphs', `(${this.#key}, ${position})`, what);
  }
}

interface ColumnMaker<Made> {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): Made;
  new (buffer: ArrayBuffer, position: number, length: number): Made;
}
