import { HeddleError } from './errors.ts';
import { DATA_EDGE, type Graph, textAt } from './graph.ts';
import { checkInSlices } from './graph-check.ts';
import { Float64Column, TextColumnBuilder, Uint8Column, Uint32Column } from './graph-columns.ts';
import { NameIndex, nameIndex, nearestName } from './graph-names.ts';
import { ACCEPT_ALL, type AcceptMask } from './status.ts';
import type { Definition, Payload } from './task.ts';

/** An edge into a node: the upstream's index in the run or its name, and for an order edge what it accepts. */
export type NewEdge =
  | number
  | string
  | { readonly from: number | string /** `DATA_EDGE` or an accept mask. */; readonly accept: AcceptMask };

/** One node to be added. */
export interface NewNode {
  /** A definition, or what `definition()` gave for it. */
  readonly definition: Definition | number;
  /** The payload, or its JSON; absent: a no-op call. */
  readonly payload?: Payload | string;
  /** A bare index or name is a data edge. Names may be of nodes that come later. */
  readonly edges?: readonly NewEdge[];
  /** Expected milliseconds; 0: not known. @default 0 */
  readonly expectedMs?: number;
}

export interface GraphBuilderOptions {
  /** What the run has already: the new graph is a segment appended to it. Names and edges refer to both. */
  readonly after?: Graph;
  /** Index in the run of the first node, where edges to what the run has already are given by number. @default 0 */
  readonly base?: number;
}

/** A name wanted as an upstream before a node of that name was there. */
interface LateEdge {
  readonly edge: number;
  readonly name: string;
  readonly node: number;
}

/** Longest name of a node in UTF-8 bytes: names become parts of paths and of native job names. */
export const MAX_NAME_BYTES = 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Builds a graph node by node, straight into columns. It is used once: `build` checks the
 * whole and gives it up.
 *
 * @example
 * const builder = new GraphBuilder('pair');
 * const first = builder.add('first', { definition: noop });
 * builder.add('second', { definition: noop, edges: [first] });
 * const graph = builder.build();
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #base: number;
  readonly #earlier: { readonly graph: Graph; readonly index: NameIndex } | undefined;
  readonly #names = new TextColumnBuilder();
  readonly #payloads = new TextColumnBuilder();
  readonly #index: NameIndex;
  readonly #definitions: Definition[] = [];
  readonly #definitionsByIdentity = new Map<Definition, number>();
  readonly #definitionsByText = new Map<string, number>();
  readonly #definitionOf = new Uint32Column();
  readonly #edgeOffsets = new Uint32Column();
  readonly #edgeFrom = new Uint32Column();
  readonly #edgeAccept = new Uint8Column();
  readonly #expectedMs = new Float64Column();
  #late: LateEdge[] = [];
  #result: string | undefined;
  #built = false;

  constructor(name: string, options: GraphBuilderOptions = {}) {
    const { after } = options;
    this.#name = name;
    this.#base = after === undefined ? (options.base ?? 0) : after.base + after.size;
    this.#earlier = after === undefined ? undefined : { graph: after, index: nameIndex(after) };
    const names = this.#names;
    this.#index = new NameIndex({
      get bytes() {
        return names.bytes;
      },
      offset: (i) => names.offset(i),
    });
    this.#edgeOffsets.push(0);
  }

  /** Nodes so far. */
  get size(): number {
    return this.#definitionOf.size;
  }

  /** Index in the run of the next node. */
  get next(): number {
    return this.#base + this.#definitionOf.size;
  }

  /** Enters a definition; equal ones get one number. */
  definition(definition: Definition): number {
    const known = this.#definitionsByIdentity.get(definition);
    if (known !== undefined) return known;
    const text = JSON.stringify(definition);
    let number = this.#definitionsByText.get(text);
    if (number === undefined) {
      number = this.#definitions.length;
      this.#definitions.push(definition);
      this.#definitionsByText.set(text, number);
    }
    this.#definitionsByIdentity.set(definition, number);
    return number;
  }

  /**
   * Adds a node and gives its index in the run.
   *
   * @throws {HeddleError} GRAPH_DUPLICATE when the name is taken, GRAPH_INVALID when it cannot be a name
   */
  add(name: string, node: NewNode): number {
    const i = this.size;
    this.#enterName(name, i);
    const { definition, payload, edges, expectedMs } = node;
    this.#definitionOf.push(typeof definition === 'number' ? definition : this.definition(definition));
    this.#payloads.push(payload === undefined ? '' : typeof payload === 'string' ? payload : JSON.stringify(payload));
    if (edges !== undefined) for (const edge of edges) this.#addEdge(edge, i);
    this.#edgeOffsets.push(this.#edgeFrom.size);
    this.#expectedMs.push(expectedMs ?? 0);
    return this.#base + i;
  }

  /** Index in the run of a node added so far, or of the graph this one is appended to. */
  indexOf(name: string): number | undefined {
    const own = this.#index.indexOf(name);
    if (own !== undefined) return this.#base + own;
    if (this.#earlier === undefined) return undefined;
    const earlier = this.#earlier.index.indexOf(name);
    return earlier === undefined ? undefined : this.#earlier.graph.base + earlier;
  }

  /** Name of a node added so far, by its index in the run. */
  nameOf(node: number): string {
    if (node >= this.#base) return this.#names.textAt(node - this.#base);
    const earlier = this.#earlier as { readonly graph: Graph };
    return textAt(earlier.graph.names, node - earlier.graph.base);
  }

  /** JSON of what the workflow returns, with refs. */
  returns(json: string): void {
    this.#result = json;
  }

  /**
   * Checks the whole and gives it up.
   *
   * @throws {HeddleError} GRAPH_UNKNOWN_NODE, GRAPH_CYCLE, GRAPH_INVALID
   */
  build(): Graph {
    const steps = this.buildInSlices();
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /**
   * As `build`; yields between slices, so that a large graph does not hold the loop.
   *
   * @throws {HeddleError} GRAPH_UNKNOWN_NODE, GRAPH_CYCLE, GRAPH_INVALID
   */
  *buildInSlices(): Generator<void, Graph> {
    if (this.#built)
      throw new HeddleError('GRAPH_INVALID', 'this graph was built already', { hint: 'a builder makes one graph' });
    this.#built = true;
    this.#resolveLateEdges();
    const size = this.size;
    const graph: Graph = {
      name: this.#name,
      base: this.#base,
      size,
      names: this.#names.take(),
      payloads: this.#payloads.take(),
      definitions: this.#definitions,
      definitionOf: this.#definitionOf.take(),
      edgeOffsets: this.#edgeOffsets.take(),
      edgeFrom: this.#edgeFrom.take(),
      edgeAccept: this.#edgeAccept.take(),
      expectedMs: this.#expectedMs.take(),
      ...(this.#result === undefined ? {} : { result: this.#result }),
    };
    yield* checkInSlices(graph);
    return graph;
  }

  #enterName(name: string, i: number): void {
    if (this.#built)
      throw new HeddleError('GRAPH_INVALID', 'this graph was built already', { hint: 'a builder makes one graph' });
    if (name === '' || CONTROL.test(name)) {
      throw new HeddleError('GRAPH_INVALID', `${JSON.stringify(name)} can't be the name of a task`, {
        hint: 'a name has at least one character and no control characters',
      });
    }
    this.#names.push(name);
    const bytes = this.#names.offset(i + 1) - this.#names.offset(i);
    const taken = bytes > MAX_NAME_BYTES ? undefined : (this.#earlier?.index.indexOf(name) ?? this.#index.enter(i));
    if (bytes <= MAX_NAME_BYTES && taken === undefined) return;
    this.#names.pop();
    if (bytes > MAX_NAME_BYTES) {
      throw new HeddleError('GRAPH_INVALID', `a task's name has ${bytes} bytes: '${name.slice(0, 60)}...'`, {
        hint: `a name has at most ${MAX_NAME_BYTES} bytes; keep long texts in the inputs`,
      });
    }
    throw new HeddleError('GRAPH_DUPLICATE', `two tasks are named '${name}'`, {
      details: { name },
      hint: 'give one of them another name',
    });
  }

  #addEdge(edge: NewEdge, node: number): void {
    const from = typeof edge === 'object' ? edge.from : edge;
    const accept = typeof edge === 'object' ? edge.accept : DATA_EDGE;
    if (typeof from === 'number') {
      // What 32 bits can't hold would be cut to another node's number.
      this.#edgeFrom.push(from >>> 0 === from ? from : 0xffff_ffff);
    } else {
      const known = this.indexOf(from);
      if (known === undefined) this.#late.push({ edge: this.#edgeFrom.size, name: from, node });
      this.#edgeFrom.push(known ?? 0);
    }
    this.#edgeAccept.push(accept & ~ACCEPT_ALL ? 0xff : accept);
  }

  #resolveLateEdges(): void {
    for (const { edge, name, node } of this.#late) {
      const from = this.indexOf(name);
      if (from === undefined) throw this.#unknown(name, node);
      this.#edgeFrom.set(edge, from);
    }
    this.#late = [];
  }

  #unknown(name: string, node: number): HeddleError {
    const nearest = nearestName(name, this.#allNames());
    return new HeddleError(
      'GRAPH_UNKNOWN_NODE',
      `task '${this.#names.textAt(node)}' needs '${name}', and there is no such task`,
      {
        details: { name, neededBy: this.#names.textAt(node), ...(nearest === undefined ? {} : { nearest }) },
        hint: nearest === undefined ? 'add it, or drop the dependency' : `did you mean '${nearest}'?`,
      },
    );
  }

  *#allNames(): Generator<string, void> {
    for (let i = 0; i < this.size; i += 1) yield this.#names.textAt(i);
    if (this.#earlier === undefined) return;
    const { graph } = this.#earlier;
    for (let i = 0; i < graph.size; i += 1) yield textAt(graph.names, i);
  }
}
