import type { Body, BodyNode, ControlPayload, Hole, Test, Tests } from './control.ts';
import type { Cap, Payload } from './task.ts';
import { type CloneMark, clonedData, type CommandOutput, escapedData, type Json, readClone } from './value.ts';

/** Where in a control node a piece of data stands. `own`: in what it is decided by, at the level of the node itself. */
export type DataRole = 'own' | 'payload' | 'test' | 'result';

/** What becomes of the parts of a control node. `level` counts the bodies that are around a part, of those walked into. */
export interface ControlChange {
  readonly data: (data: Json, level: number, role: DataRole) => Json;
  /** Where an edge of a body's node comes from. */
  readonly edge?: (from: number | Hole, level: number) => number | Hole;
}

/** Says whether a payload is a control node's. */
export function isControl(payload: Payload | ControlPayload): payload is ControlPayload {
  return Object.hasOwn(payload, 'control');
}

/** The same payload with its data changed; bodies are walked into, at any depth. */
export function mapPayload(
  payload: Payload | ControlPayload,
  change: ControlChange,
  level: number = 0,
): Payload | ControlPayload {
  return isControl(payload)
    ? mapControl(payload, change, level)
    : (change.data(payload as unknown as Json, level, 'payload') as unknown as Payload);
}

function mapControl(payload: ControlPayload, change: ControlChange, level: number): ControlPayload {
  const own = (data: Json): Json => change.data(data, level, 'own');
  switch (payload.control) {
    case 'scatter':
      return { ...payload, over: own(payload.over), body: mapBody(payload.body, change, level + 1) };
    case 'branch': {
      const { on } = payload;
      const branches = Object.entries(payload.branches).map(([label, body]) => [
        label,
        mapBody(body, change, level + 1),
      ]);
      return {
        ...payload,
        on: hasTests(on) ? { when: on.when.map(({ label, test }) => ({ label, test: mapTest(test, own) })) } : own(on),
        branches: Object.fromEntries(branches) as Readonly<Record<string, Body>>,
      };
    }
    case 'loop':
      return {
        ...payload,
        initial: own(payload.initial),
        body: mapBody(payload.body, change, level + 1),
        until: mapTest(payload.until, (data) => change.data(data, level + 1, 'test')),
      };
    case 'gather':
      return payload;
  }
}

/** Says whether a branch is chosen by tests. A label is text, so an object is no value to choose by. */
export function hasTests(on: Json | Tests): on is Tests {
  return typeof on === 'object' && on !== null && Object.hasOwn(on, 'when');
}

function mapBody(body: Body, change: ControlChange, level: number): Body {
  return {
    nodes: body.nodes.map((node) => mapNode(node, change, level)),
    ...(body.result === undefined ? {} : { result: change.data(body.result, level, 'result') }),
  };
}

function mapNode(node: BodyNode, change: ControlChange, level: number): BodyNode {
  const { edge } = change;
  return {
    ...node,
    ...(node.payload === undefined ? {} : { payload: mapPayload(node.payload, change, level) }),
    ...(edge === undefined ? {} : { edges: node.edges.map((each) => ({ ...each, from: edge(each.from, level) })) }),
  };
}

/** The same test of other data. */
export function mapTest(test: Test, data: (data: Json) => Json): Test {
  if ('truthy' in test) return { truthy: data(test.truthy) };
  if ('compare' in test) return { ...test, left: data(test.left), right: data(test.right) };
  if ('not' in test) return { not: mapTest(test.not, data) };
  if ('all' in test) return { all: test.all.map((each) => mapTest(each, data)) };
  return { any: test.any.map((each) => mapTest(each, data)) };
}

/** The same body whose jobs hold to a cap, at any depth; what has one of its own keeps that. */
export function cappedBody(body: Body, cap: Cap): Body {
  return {
    ...body,
    nodes: body.nodes.map((node) => ({
      ...node,
      definition: node.definition.kind === 'control' ? node.definition : { cap, ...node.definition },
      ...(node.payload === undefined ? {} : { payload: cappedPayload(node.payload, cap) }),
    })),
  };
}

function cappedPayload(payload: Payload | ControlPayload, cap: Cap): Payload | ControlPayload {
  if (!isControl(payload) || payload.control === 'gather') return payload;
  if (payload.control === 'branch') {
    const branches = Object.entries(payload.branches).map(([label, body]) => [label, cappedBody(body, cap)]);
    return { ...payload, branches: Object.fromEntries(branches) as Readonly<Record<string, Body>> };
  }
  // A map with a cap of its own says so to its jobs when it is expanded.
  if (payload.control === 'scatter' && payload.maxConcurrency !== undefined) return payload;
  return { ...payload, body: cappedBody(payload.body, cap) };
}

/** The bodies of a control node, each with its branch's label where it has one. */
export function bodiesOf(payload: ControlPayload): readonly (readonly [label: string | undefined, body: Body])[] {
  switch (payload.control) {
    case 'scatter':
    case 'loop':
      return [[undefined, payload.body]];
    case 'branch':
      return Object.entries(payload.branches);
    case 'gather':
      return [];
  }
}

/** Adds the nodes that refs in data lead to. Objects with keys that start with `$` are ours, so what looks like a ref is one. */
export function gatherRefs(data: Json, into: Set<number>): ReadonlySet<number> {
  if (typeof data !== 'object' || data === null) return into;
  if (Array.isArray(data)) {
    for (const element of data as readonly Json[]) gatherRefs(element, into);
    return into;
  }
  const members = data as { readonly [key: string]: Json };
  if (Object.hasOwn(members, '$ref')) into.add((members['$ref'] as readonly [number])[0]);
  else for (const member of Object.values(members)) gatherRefs(member, into);
  return into;
}

/** The nodes that refs anywhere in a payload lead to. */
export function refsOf(payload: Payload | ControlPayload): ReadonlySet<number> {
  return refsWhere(payload, () => true);
}

/**
 * The nodes whose values a node needs before it can start, or be expanded: not those that only its bodies need. Where a
 * loop ends, its test is asked.
 */
export function neededBy(payload: Payload | ControlPayload): ReadonlySet<number> {
  const isBeside: Readonly<Record<DataRole, number>> = { payload: 0, own: 0, test: 1, result: -1 };
  return refsWhere(payload, (level, role) => isBeside[role] === level);
}

function refsWhere(
  payload: Payload | ControlPayload,
  counts: (level: number, role: DataRole) => boolean,
): ReadonlySet<number> {
  const refs = new Set<number>();
  mapPayload(payload, {
    data: (data, level, role) => {
      if (counts(level, role)) gatherRefs(data, refs);
      return data;
    },
  });
  return refs;
}

/** The way into a value whose beginning is known as data: through refs, of which it makes longer ones. Undefined: it leads nowhere. */
export function dig(data: Json, path: readonly (string | number)[]): Json | undefined {
  let at: Json | undefined = data;
  for (const [i, step] of path.entries()) {
    if (typeof at !== 'object' || at === null) return undefined;
    const members = at as { readonly [key: string]: Json };
    for (const mark of ['$ref', '$hole']) {
      if (!Array.isArray(at) && Object.hasOwn(members, mark))
        return { [mark]: [...(members[mark] as readonly Json[]), ...path.slice(i)] };
    }
    if (Object.hasOwn(members, '$v8')) return digClone(readClone(members as unknown as CloneMark), path.slice(i));
    if (Object.hasOwn(members, '$output')) {
      const output = members['$output'] as unknown as CommandOutput;
      at = output.type === 'json' ? dig(escapedData(output.value), [step]) : undefined;
    } else if (Object.hasOwn(members, '$object')) {
      const entries = members['$object'] as readonly (readonly [string, Json])[];
      at = entries.find(([key]) => key === step)?.[1];
    } else at = Object.hasOwn(members, step) ? members[step] : undefined;
  }
  return at;
}

function digClone(value: unknown, path: readonly (string | number)[]): Json | undefined {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return clonedData(at);
}
