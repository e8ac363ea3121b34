import {
  ACCEPT_ALL,
  acceptBit,
  acceptMask,
  DATA_EDGE,
  type Definition,
  FINAL_STATUSES,
  type FinalStatus,
  type Graph,
  GraphBuilder,
  HeddleError,
  type Json,
  type NewEdge,
  textAt,
} from '../model/index.ts';
import { mapRefs } from './canonical.ts';
import { renameNodes } from './control-json.ts';
import { readDefinition } from './definition-json.ts';
import { checkDeclared, edgesOfGather, namesNeeded, type ReadNode } from './document-edges.ts';
import { checkControlGraph, checkReachable } from './graph-checks.ts';
import { readPayload } from './payload-json.ts';
import { Shape } from './shape.ts';

/** Of the format, in its first record. */
const VERSION = 1;

/** A graph's first record: everything but its nodes. */
export interface GraphHeader {
  readonly heddle: 'graph';
  readonly version: typeof VERSION;
  readonly name: string;
  readonly definitions: readonly Definition[];
  /** What the workflow returns; refs name tasks. */
  readonly result?: Json;
}

/** One node. Refs in its payload name tasks: `{"$ref": ["simulate-1", "energy"]}`. */
export interface GraphNode {
  readonly name: string;
  /** Index into `definitions`. */
  readonly definition: number;
  readonly payload?: Json;
  /** Tasks whose value is needed; those named by a ref need not stand here. */
  readonly needs?: readonly string[];
  /** Tasks whose end is awaited; `accept` is all three final statuses when absent. */
  readonly after?: readonly { readonly task: string; readonly accept?: readonly FinalStatus[] }[];
  readonly expectedMs?: number;
}

/** A whole graph as one JSON document. */
export type GraphDocument = GraphHeader & { readonly tasks: readonly GraphNode[] };

function nodeAt(graph: Graph, i: number): GraphNode {
  const nameOf = (node: number | string): string => textAt(graph.names, node as number);
  const needs: string[] = [];
  const after: { task: string; accept?: readonly FinalStatus[] }[] = [];
  const end = graph.edgeOffsets[i + 1] as number;
  for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) {
    const task = nameOf(graph.edgeFrom[e] as number);
    const mask = graph.edgeAccept[e] as number;
    if (mask === DATA_EDGE) needs.push(task);
    else if (mask === ACCEPT_ALL) after.push({ task });
    else after.push({ task, accept: FINAL_STATUSES.filter((status) => mask & acceptBit(status)) });
  }
  const payload = textAt(graph.payloads, i);
  const expectedMs = graph.expectedMs[i] as number;
  return {
    name: textAt(graph.names, i),
    definition: graph.definitionOf[i] as number,
    ...(payload === '' ? {} : { payload: renameNodes(JSON.parse(payload) as Json, nameOf) }),
    ...(needs.length === 0 ? {} : { needs }),
    ...(after.length === 0 ? {} : { after }),
    ...(expectedMs === 0 ? {} : { expectedMs }),
  };
}

function headerOf(graph: Graph): GraphHeader {
  if (graph.base !== 0) {
    throw new HeddleError('GRAPH_INVALID', 'a segment can not be written alone', {
      hint: 'join it with what it was appended to',
    });
  }
  const nameOf = (node: number | string): string => textAt(graph.names, node as number);
  return {
    heddle: 'graph',
    version: VERSION,
    name: graph.name,
    definitions: graph.definitions,
    ...(graph.result === undefined ? {} : { result: mapRefs(JSON.parse(graph.result) as Json, nameOf) }),
  };
}

/** A graph as one JSON document: what `graphFromJson` reads and the server takes. */
export function graphToJson(graph: Graph): GraphDocument {
  return { ...headerOf(graph), tasks: Array.from({ length: graph.size }, (_, i) => nodeAt(graph, i)) };
}

/** A graph as lines of JSON, the header first, then a node a line: for graphs too large for one text. */
export function* graphToLines(graph: Graph): Generator<string, void> {
  yield `${JSON.stringify(headerOf(graph))}\n`;
  for (let i = 0; i < graph.size; i += 1) yield `${JSON.stringify(nodeAt(graph, i))}\n`;
}

/**
 * Reads a graph from a document.
 *
 * @throws {HeddleError} INPUT_INVALID with the path of what is wrong; GRAPH_* as building it would
 */
export function graphFromJson(document: unknown): Graph {
  const whole = Shape.of(document, 'graph');
  const reader = new GraphReader(whole);
  for (const task of whole.get('tasks').elements()) reader.node(task);
  return reader.build();
}

/**
 * Reads a graph from lines as `graphToLines` writes them.
 *
 * @throws {HeddleError} INPUT_INVALID with line and path of what is wrong; GRAPH_* as building it would
 */
export async function graphFromLines(lines: Iterable<string> | AsyncIterable<string>): Promise<Graph> {
  let reader: GraphReader | undefined;
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const record = Shape.of(parseLine(line, number), `line ${number}`);
    if (reader === undefined) reader = new GraphReader(record);
    else reader.node(record);
  }
  if (reader === undefined)
    throw new HeddleError('INPUT_INVALID', 'there is no graph: no line in it', {
      hint: 'the first line is its header',
    });
  return reader.build();
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new HeddleError('INPUT_INVALID', `line ${number} is no JSON: ${(cause as Error).message}`, {
      cause,
      hint: 'one record a line',
    });
  }
}

interface NodeToAdd extends ReadNode {
  readonly rest: Parameters<GraphBuilder['add']>[1];
}

class GraphReader {
  readonly #builder: GraphBuilder;
  /** Definitions as they stand in the document, and what the builder calls them: equal ones are one there. */
  readonly #kinds: readonly Definition[];
  readonly #definitions: readonly number[];
  /** Refs name tasks that may come later: payloads are kept with names until all are there. */
  readonly #nodes: NodeToAdd[] = [];
  readonly #result: Json | undefined;
  readonly #indexOf = new Map<string, number>();

  constructor(header: Shape) {
    header.get('heddle').equals('graph');
    header.get('version').equals(VERSION);
    this.#builder = new GraphBuilder(header.get('name').text());
    this.#kinds = header.get('definitions').elements().map(readDefinition);
    this.#definitions = this.#kinds.map((definition) => this.#builder.definition(definition));
    this.#result = header.has('result') ? header.get('result').json() : undefined;
  }

  node(node: Shape): void {
    node.fields(['name', 'definition', 'payload', 'needs', 'after', 'expectedMs']);
    const name = node.get('name').text();
    const definition = this.#definitions[node.get('definition').whole(0, this.#definitions.length - 1)] as number;
    const edges: NewEdge[] = node.has('needs')
      ? node
          .get('needs')
          .elements()
          .map((from) => from.text())
      : [];
    const { kind } = this.#kinds[node.get('definition').whole(0)] as Definition;
    const payload = node.has('payload') ? readPayload(node.get('payload'), { kind, around: [] }) : null;
    if (payload !== null) renameNodes(payload, (from) => from);
    // What a ref needs is an edge, said or not.
    const needed = new Set<NewEdge>(edges);
    for (const from of namesNeeded(payload)) if (needed.size < needed.add(from).size) edges.push(from);
    if (node.has('after')) for (const after of node.get('after').elements()) edges.push(readOrderEdge(after));
    const expectedMs = node.has('expectedMs') ? node.get('expectedMs').number(0) : 0;
    if (!this.#indexOf.has(name)) this.#indexOf.set(name, this.#nodes.length);
    this.#nodes.push({ name, payload, rest: { definition, edges, expectedMs } });
  }

  build(): Graph {
    checkDeclared(this.#nodes, this.#result);
    for (const node of this.#nodes) {
      const { name, payload, rest } = node;
      if (payload === null) this.#builder.add(name, rest);
      else
        this.#builder.add(name, {
          ...rest,
          edges: this.#withGathered(node),
          payload: JSON.stringify(this.#indexed(payload)),
        });
    }
    if (this.#result !== undefined)
      this.#builder.returns(JSON.stringify(mapRefs(this.#result, (name) => this.#indexOf.get(name as string) ?? name)));
    const graph = this.#builder.build();
    checkControlGraph(graph);
    checkReachable(graph);
    return graph;
  }

  /** What the values of a control node may be made of, its gather waits for, said or not. */
  #withGathered({ name, payload, rest }: NodeToAdd): readonly NewEdge[] {
    const edges = rest.edges ?? [];
    const more = edgesOfGather({ name, payload }, (of) => this.#nodes[this.#indexOf.get(of) ?? -1]?.payload ?? null);
    if (more.length === 0) return edges;
    const known = new Set(edges.map((edge) => (typeof edge === 'object' ? edge.from : edge)));
    return [...edges, ...more.filter((edge) => !known.has((edge as { readonly from: string }).from))];
  }

  /** Names that are not there are left: the edge that came with the ref is refused by the builder, with a suggestion. */
  #indexed(json: Json): Json {
    return renameNodes(json, (name) => this.#indexOf.get(name as string) ?? name);
  }
}

function readOrderEdge(edge: Shape): NewEdge {
  edge.fields(['task', 'accept']);
  const from = edge.get('task').text();
  if (!edge.has('accept')) return { from, accept: ACCEPT_ALL };
  const statuses = edge
    .get('accept')
    .elements()
    .map((status) => status.oneOf(FINAL_STATUSES));
  if (statuses.length === 0) throw edge.get('accept').wrong('names at least one final status');
  return { from, accept: acceptMask(statuses) };
}
