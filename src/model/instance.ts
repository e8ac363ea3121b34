import type { Body, BodyNode, ControlPayload, Hole } from './control.ts';
import { bodiesOf, dig, gatherRefs, isControl, mapPayload, neededBy } from './control-data.ts';
import { HeddleError } from './errors.ts';
import { DATA_EDGE } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { ACCEPT_ALL, type AcceptMask } from './status.ts';
import type { Payload, Template, TemplatePart } from './task.ts';
import type { Json, Value } from './value.ts';

/** What fills the holes of a body that are no nodes of it, as data with refs. */
export type HoleValues = Readonly<Partial<Record<'item' | 'index' | 'state' | 'iteration', Json>>>;

export interface InstanceOptions {
  /** Of the names of its nodes: `fit/3`. */
  readonly prefix: string;
  readonly holes: HoleValues;
}

/** One instance of a body, among the nodes of a segment. */
export interface Instance {
  /** Index in the run of its first node; the others follow. */
  readonly first: number;
  readonly size: number;
  /** Its value, with refs. */
  readonly result: Json;
}

/**
 * Adds one instance of a body to a segment: holes filled, names with their prefix, edges by index. What its payloads
 * refer to is needed as data, said or not.
 *
 * @throws {HeddleError} VALUE_INVALID when a hole leads to what is not there; GRAPH_* as adding a node
 */
export function addInstance(builder: GraphBuilder, body: Body, options: InstanceOptions): Instance {
  const first = builder.next;
  const filler = fillerOf(first, options);
  const payloads = body.nodes.map(({ payload }) => (payload === undefined ? undefined : filler.payload(payload)));
  body.nodes.forEach((node, i) => {
    const payload = payloads[i];
    const edges = edgesOf(node, payload, { payloads, body, filler });
    builder.add(`${options.prefix}/${node.name}`, {
      definition: node.definition,
      edges,
      ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }),
      ...(node.expectedMs === undefined ? {} : { expectedMs: node.expectedMs }),
    });
  });
  const last: Json = body.nodes.length === 0 ? null : { $hole: [0, body.nodes.length - 1] };
  return { first, size: body.nodes.length, result: filler.data(body.result === undefined ? last : body.result, 0) };
}

type AnyPayload = Payload | ControlPayload;

interface Filler {
  readonly payload: (payload: AnyPayload) => AnyPayload;
  readonly data: (data: Json, level: number) => Json;
  readonly edge: (from: number | Hole, level: number) => number | Hole;
}

function fillerOf(first: number, { prefix, holes }: InstanceOptions): Filler {
  const hole = (parts: Hole['$hole']): Json => {
    const [, what, ...path] = parts;
    return typeof what === 'number' ? { $ref: [first + what, ...path] } : valueAt(parts, holes, prefix);
  };
  const data = (given: Json, level: number): Json => fill(given, level, hole);
  const edge = (from: number | Hole, level: number): number | Hole =>
    typeof from === 'number' || from.$hole[0] !== level ? from : first + (from.$hole[1] as number);
  const payload = (given: AnyPayload): AnyPayload => named(mapPayload(given, { data, edge }), prefix);
  return { payload, data, edge };
}

function valueAt([, what, ...path]: Hole['$hole'], holes: HoleValues, prefix: string): Json {
  const value = typeof what === 'number' ? undefined : holes[what];
  const found = value === undefined ? undefined : dig(value, path);
  if (found !== undefined) return found;
  throw new HeddleError('VALUE_INVALID', `the ${what} of '${prefix}' has no '${path.join('.')}'`, {
    hint: 'take a part that is there',
  });
}

/** Fills the holes of data that stands beside a body and is asked of its instance: whether a loop has come to its end. */
export function fillData(data: Json, holes: HoleValues, prefix: string): Json {
  return fill(data, 0, (parts) => valueAt(parts, holes, prefix));
}

/** Fills the holes of one level; those of bodies further in wait for their own turn. */
function fill(data: Json, level: number, hole: (hole: Hole['$hole']) => Json): Json {
  if (typeof data !== 'object' || data === null) return data;
  if (Array.isArray(data)) return (data as readonly Json[]).map((element) => fill(element, level, hole));
  const members = data as { readonly [key: string]: Json };
  if (Object.hasOwn(members, '$hole')) {
    const parts = members['$hole'] as unknown as Hole['$hole'];
    return parts[0] === level ? hole(parts) : data;
  }
  return Object.fromEntries(Object.entries(members).map(([key, member]) => [key, fill(member, level, hole)]));
}

/** Control nodes and their gathers know each other by name. */
function named(payload: AnyPayload, prefix: string): AnyPayload {
  if (!isControl(payload)) return payload;
  return payload.control === 'gather'
    ? { ...payload, of: `${prefix}/${payload.of}` }
    : { ...payload, gather: `${prefix}/${payload.gather}` };
}

interface Siblings {
  readonly payloads: readonly (AnyPayload | undefined)[];
  readonly body: Body;
  readonly filler: Filler;
}

interface Edge {
  readonly from: number;
  readonly accept: AcceptMask;
}

function edgesOf(node: BodyNode, payload: AnyPayload | undefined, siblings: Siblings): readonly Edge[] {
  const { filler, body, payloads } = siblings;
  const edges: Edge[] = node.edges.map(({ from, accept }) => ({ from: filler.edge(from, 0) as number, accept }));
  const known = new Set(edges.map(({ from }) => from));
  const add = (nodes: Iterable<number>, accept: AcceptMask): void => {
    for (const from of nodes) if (known.size < known.add(from).size) edges.push({ from, accept });
  };
  if (payload !== undefined) add(neededBy(payload), DATA_EDGE);
  if (payload !== undefined && isControl(payload) && payload.control === 'gather') {
    const of = (node.payload as { readonly of: string }).of;
    const control = payloads[body.nodes.findIndex(({ name }) => name === of)];
    if (control !== undefined) add(mentionedByResults(control as ControlPayload), ACCEPT_ALL);
  }
  return edges;
}

/**
 * The nodes outside of all bodies that a control node's value may be made of: its gather reads them, so it has edges
 * from them. Order edges, since not every branch is chosen.
 */
export function mentionedByResults(payload: ControlPayload): ReadonlySet<number> {
  const refs = new Set(neededBy(payload));
  for (const [, body] of bodiesOf(payload)) if (body.result !== undefined) gatherRefs(body.result, refs);
  return refs;
}

/** Where a body's commands publish, as far as that depends on the element and its index alone. */
export function publishTemplates({ nodes }: Body): readonly Template[] {
  return nodes.flatMap(({ payload }) => {
    if (payload === undefined || isControl(payload) || 'call' in payload) return [];
    return (payload.outputs ?? []).flatMap(({ publish }) =>
      typeof publish === 'object' && publish.every(isOfElement) ? [publish] : [],
    );
  });
}

/** Text, or a part of the element or its index. */
function isOfElement(part: TemplatePart): boolean {
  if (typeof part === 'string') return true;
  const data = ('value' in part ? part.value : part.raw) as Json;
  if (typeof data !== 'object' || data === null) return true;
  const hole = (data as { readonly $hole?: Hole['$hole'] }).$hole;
  return hole !== undefined && hole[0] === 0 && (hole[1] === 'item' || hole[1] === 'index');
}

/** Elements of a list that are gone through at a time: so that a long one does not hold the loop. */
export const ELEMENTS_AT_ONCE = 200;

/** An instance of a scatter's body, as its gather finds it: its first node, and its value with refs. */
export type Element = readonly [first: number, result: Json];

const HEAD = '{"elements":[';
const TAIL = '],"size":';
/** JSON has no line ends of its own here: one between slices lets them be read one by one. */
const BETWEEN = ',\n';

/** Writes `{ elements, size }` slice by slice. */
export class ElementsWriter {
  readonly #slices: string[] = [];
  #slice: string[] = [];

  add(element: Element): void {
    this.#slice.push(JSON.stringify(element));
    if (this.#slice.length === ELEMENTS_AT_ONCE) this.#close();
  }

  /** `size`: nodes an instance. */
  value(size: number): Value {
    this.#close();
    return { codec: 'json', json: `${HEAD}${this.#slices.join(BETWEEN)}${TAIL}${size}}` };
  }

  #close(): void {
    if (this.#slice.length > 0) this.#slices.push(this.#slice.join(','));
    this.#slice = [];
  }
}

/** What a scatter told its gather. */
export interface WrittenElements {
  readonly size: number;
  /** The elements in their order, each slice read when it is wanted. */
  readonly slices: () => Generator<readonly Element[], void>;
}

/** Reads what `ElementsWriter` wrote; undefined: something else told it. What has no line ends is one slice. */
export function readElements(json: string): WrittenElements | undefined {
  if (!json.startsWith(HEAD)) return undefined;
  const end = json.lastIndexOf(TAIL);
  return {
    size: Number(json.slice(end + TAIL.length, -1)),
    *slices() {
      for (const slice of json.slice(HEAD.length, end).split(BETWEEN)) yield JSON.parse(`[${slice}]`) as Element[];
    },
  };
}
