import {
  ACCEPT_DONE,
  bodiesOf,
  type Body,
  type ControlPayload,
  DATA_EDGE,
  type Graph,
  HeddleError,
  refsOf,
  textAt,
  topologicalOrder,
} from '../model/index.ts';

/**
 * Checks what control nodes promise: that each has its gather, that no task's name is one that their nodes will have, and
 * that nothing in a body waits for what waits for that body.
 *
 * @throws {HeddleError} GRAPH_INVALID, GRAPH_CYCLE, GRAPH_DUPLICATE
 */
export function checkControlGraph(graph: Graph): void {
  if (!graph.definitions.some(({ kind }) => kind === 'control')) return;
  const controls = controlNodes(graph);
  const byName = new Map(controls.map((control) => [control.name, control]));
  for (const { name, payload } of controls) checkPair(name, payload, (other) => byName.get(other)?.payload);
  checkNames(graph, byName);
  checkCycles(graph, controls, byName);
}

/**
 * Refuses a node that can never run: it waits for ends of another that exclude each other, or that exclude what it needs.
 * What a condition waits for is not looked at: that is known when the run is sealed.
 *
 * @throws {HeddleError} GRAPH_INVALID
 */
export function checkReachable(graph: Graph): void {
  const { size, base, edgeOffsets, edgeFrom, edgeAccept } = graph;
  for (let i = 0; i < size; i += 1) {
    const end = edgeOffsets[i + 1] as number;
    for (let e = edgeOffsets[i] as number; e < end; e += 1) {
      const accept = edgeAccept[e] as number;
      if (accept === DATA_EDGE || accept & ACCEPT_DONE) continue;
      const from = (edgeFrom[e] as number) - base;
      if (from >= 0 && (excludes(graph, i, { from, accept }) || needsDone(graph, i, from)))
        throw neverRuns(graph, i, from);
    }
  }
}

/** Another edge from the same node accepts none of these ends. */
function excludes(
  graph: Graph,
  i: number,
  { from, accept }: { readonly from: number; readonly accept: number },
): boolean {
  const end = graph.edgeOffsets[i + 1] as number;
  for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) {
    const other = graph.edgeAccept[e] as number;
    if ((graph.edgeFrom[e] as number) - graph.base === from && other !== DATA_EDGE && (other & accept) === 0)
      return true;
  }
  return false;
}

/** Whether a node needs, over however many others, the value of another. */
function needsDone(graph: Graph, node: number, wanted: number): boolean {
  const seen = new Set([node]);
  for (const i of seen) {
    const end = graph.edgeOffsets[i + 1] as number;
    for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) {
      const from = (graph.edgeFrom[e] as number) - graph.base;
      if (from < 0 || graph.edgeAccept[e] !== DATA_EDGE) continue;
      if (from === wanted) return true;
      seen.add(from);
    }
  }
  return false;
}

function neverRuns(graph: Graph, i: number, from: number): HeddleError {
  const [name, other] = [textAt(graph.names, i), textAt(graph.names, from)];
  return new HeddleError(
    'GRAPH_INVALID',
    `'${name}' can never run: it waits for '${other}' to end in two ways at once`,
    {
      hint: `it needs '${other}' done, and runs only when that is not: drop one of them`,
    },
  );
}

/** A control node of a graph. */
export interface ControlAt {
  /** Position in the graph. */
  readonly at: number;
  readonly name: string;
  readonly payload: ControlPayload;
}

/** The control nodes of a graph, their gathers among them. */
export function controlNodes(graph: Graph): readonly ControlAt[] {
  const found: ControlAt[] = [];
  const isControl = graph.definitions.map(({ kind }) => kind === 'control');
  for (let at = 0; at < graph.size; at += 1) {
    if (isControl[graph.definitionOf[at] as number] !== true) continue;
    const payload = JSON.parse(textAt(graph.payloads, at)) as ControlPayload;
    found.push({ at, name: textAt(graph.names, at), payload });
  }
  return found;
}

function checkPair(name: string, payload: ControlPayload, of: (name: string) => ControlPayload | undefined): void {
  if (payload.control === 'gather') {
    const control = of(payload.of);
    if (control !== undefined && control.control !== 'gather' && control.gather === name) return;
    throw new HeddleError('GRAPH_INVALID', `'${name}' gathers '${payload.of}', which is no control node of its own`, {
      hint: 'a control node and its gather name each other',
    });
  }
  const gather = of(payload.gather);
  if (gather?.control !== 'gather' || gather.of !== name)
    throw new HeddleError(
      'GRAPH_INVALID',
      `'${name}' is gathered by '${payload.gather}', which is no gather of its own`,
      {
        hint: 'a control node and its gather name each other',
      },
    );
  for (const [, body] of bodiesOf(payload)) checkBody(name, body);
}

/** Inside of a body as outside. */
function checkBody(control: string, { nodes }: Body): void {
  const payloads = new Map<string, ControlPayload>();
  for (const { name, definition, payload } of nodes)
    if (definition.kind === 'control') payloads.set(name, payload as ControlPayload);
  for (const [name, payload] of payloads)
    checkPair(`${control}/.../${name}`, renamed(payload, control), (other) => of(other));

  function of(name: string): ControlPayload | undefined {
    const prefix = `${control}/.../`;
    const payload = name.startsWith(prefix) ? payloads.get(name.slice(prefix.length)) : undefined;
    return payload === undefined ? undefined : renamed(payload, control);
  }
}

function renamed(payload: ControlPayload, control: string): ControlPayload {
  const prefix = `${control}/.../`;
  return payload.control === 'gather'
    ? { ...payload, of: `${prefix}${payload.of}` }
    : { ...payload, gather: `${prefix}${payload.gather}` };
}

/** What a control node becomes is named behind it: nobody else is. */
function checkNames(graph: Graph, byName: ReadonlyMap<string, ControlAt>): void {
  for (let at = 0; at < graph.size; at += 1) {
    const name = textAt(graph.names, at);
    for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
      const control = byName.get(name.slice(0, slash))?.payload;
      if (control === undefined || control.control === 'gather' || control.gather === name) continue;
      throw new HeddleError('GRAPH_DUPLICATE', `'${name}' has a name that '${name.slice(0, slash)}' gives to its own`, {
        hint: 'what a map, a branch or a loop becomes is named behind it: choose another name',
      });
    }
  }
}

/** The instances' tasks wait for what their bodies mention, and the gather for them: with those edges there must be no circle. */
function checkCycles(graph: Graph, controls: readonly ControlAt[], byName: ReadonlyMap<string, ControlAt>): void {
  const extra = new Map<number, readonly number[]>();
  for (const { payload } of controls) {
    if (payload.control === 'gather') continue;
    const mentioned = bodyUses(payload);
    const gather = byName.get(payload.gather);
    if (mentioned.size > 0 && gather !== undefined) extra.set(gather.at, [...mentioned]);
  }
  if (extra.size > 0) topologicalOrder(withEdges(graph, extra));
}

/** The nodes outside that the nodes of bodies wait for. */
export function bodyUses(payload: ControlPayload): ReadonlySet<number> {
  const uses = new Set(refsOf(payload));
  const walk = (body: Body): void => {
    for (const node of body.nodes) {
      for (const { from } of node.edges) if (typeof from === 'number') uses.add(from);
      if (node.definition.kind === 'control')
        for (const [, inner] of bodiesOf(node.payload as ControlPayload)) walk(inner);
    }
  };
  for (const [, body] of bodiesOf(payload)) walk(body);
  return uses;
}

/** The same graph with more edges into some of its nodes. */
function withEdges(graph: Graph, extra: ReadonlyMap<number, readonly number[]>): Graph {
  const edgeOffsets = new Uint32Array(graph.size + 1);
  const from: number[] = [];
  for (let i = 0; i < graph.size; i += 1) {
    const end = graph.edgeOffsets[i + 1] as number;
    for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) from.push(graph.edgeFrom[e] as number);
    from.push(...(extra.get(i) ?? []));
    edgeOffsets[i + 1] = from.length;
  }
  return { ...graph, edgeOffsets, edgeFrom: Uint32Array.from(from), edgeAccept: new Uint8Array(from.length) };
}
