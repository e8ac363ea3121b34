import {
  type Body,
  type BodyNode,
  type ControlPayload,
  type Definition,
  type Json,
  isControl,
} from '../model/index.ts';

/** What of a definition decides what is done: not how it is treated. */
export function definitionContent({ name, kind, environment }: Definition): Json {
  return environment === undefined ? { name, kind } : { name, kind, environment: environment as unknown as Json };
}

/**
 * A payload, its refs by name, as fingerprints have it: of a control node, the nodes of its bodies in order of their names,
 * referred to by them, and without what decides nothing of their results.
 */
export function controlContent(payload: Json): Json {
  return content(payload, []);
}

/** Names of the nodes of the bodies around, from the inside out. */
type Names = readonly (readonly string[])[];

function content(payload: Json, names: Names): Json {
  const typed = payload as unknown as ControlPayload;
  if (typeof payload !== 'object' || payload === null || !isControl(typed)) return holesByName(payload, names);
  switch (typed.control) {
    case 'gather':
      return payload;
    case 'scatter': {
      const { body, maxConcurrency: _, ...own } = typed;
      return { ...(holesByName(own as unknown as Json, names) as object), body: bodyContent(body, names) };
    }
    case 'loop': {
      const { body, until, ...own } = typed;
      return {
        ...(holesByName(own as unknown as Json, names) as object),
        until: holesByName(until as unknown as Json, [[], ...names]),
        body: bodyContent(body, names),
      };
    }
    case 'branch': {
      const { branches, ...own } = typed;
      const bodies = Object.entries(branches).map(([label, body]): [string, Json] => [label, bodyContent(body, names)]);
      return { ...(holesByName(own as unknown as Json, names) as object), branches: Object.fromEntries(bodies) };
    }
  }
}

function bodyContent({ nodes, result }: Body, around: Names): Json {
  const names: Names = [nodes.map(({ name }) => name), ...around];
  const last: Json = nodes.length === 0 ? null : { $hole: [0, nodes.length - 1] };
  return {
    nodes: nodes.map((node) => nodeContent(node, names)).sort(byName),
    result: holesByName(result === undefined ? last : result, names),
  };
}

function nodeContent({ name, definition, payload, edges }: BodyNode, names: Names): Json {
  const texts = edges.map(({ from, accept }) => JSON.stringify([holesByName(from as unknown as Json, names), accept]));
  return {
    name,
    definition: definitionContent(definition),
    payload: payload === undefined ? null : content(payload as unknown as Json, names),
    edges: [...new Set(texts)].sort(),
  };
}

function byName(a: Json, b: Json): number {
  const [left, right] = [(a as { readonly name: string }).name, (b as { readonly name: string }).name];
  return left < right ? -1 : Number(left > right);
}

function holesByName(data: Json, names: Names): Json {
  if (typeof data !== 'object' || data === null) return data;
  if (Array.isArray(data)) return (data as readonly Json[]).map((element) => holesByName(element, names));
  const members = data as { readonly [key: string]: Json };
  if (!Object.hasOwn(members, '$hole'))
    return Object.fromEntries(Object.entries(members).map(([key, member]) => [key, holesByName(member, names)]));
  const [depth, what, ...path] = members['$hole'] as readonly Json[];
  // In a list, so that a node may have the name of what a body is given.
  const named = typeof what === 'number' ? [names[depth as number]?.[what] ?? what] : what;
  return { $hole: [depth as Json, named as Json, ...path] };
}
