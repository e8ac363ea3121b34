import type { ContainerSpec, NoContainer } from './container.ts';
import type { Body, ControlPayload } from './control.ts';
import { TextColumnBuilder } from './graph-columns.ts';
import { type Graph, textAt } from './graph.ts';
import type { Definition } from './task.ts';

/** The same graph, with a container for all commands that do not say what they run in; also those that come to be while it runs. */
export function withContainer(graph: Graph, container: ContainerSpec | NoContainer): Graph {
  const definitions = graph.definitions.map((definition) => contained(definition, container));
  if (!definitions.some(({ kind }) => kind === 'control')) return { ...graph, definitions };
  const payloads = new TextColumnBuilder();
  for (let i = 0; i < graph.size; i += 1) {
    const text = textAt(graph.payloads, i);
    const isControl = definitions[graph.definitionOf[i] as number]?.kind === 'control';
    payloads.push(isControl ? JSON.stringify(containedControl(JSON.parse(text) as ControlPayload, container)) : text);
  }
  return { ...graph, definitions, payloads: payloads.take() };
}

function contained(definition: Definition, container: ContainerSpec | NoContainer): Definition {
  return definition.kind === 'command' && definition.container === undefined
    ? { ...definition, container }
    : definition;
}

function containedControl(payload: ControlPayload, container: ContainerSpec | NoContainer): ControlPayload {
  const inside = (body: Body): Body => ({
    ...body,
    nodes: body.nodes.map((node) => ({
      ...node,
      definition: contained(node.definition, container),
      ...(node.payload !== undefined && 'control' in node.payload
        ? { payload: containedControl(node.payload, container) }
        : {}),
    })),
  });
  switch (payload.control) {
    case 'scatter':
    case 'loop':
      return { ...payload, body: inside(payload.body) };
    case 'branch':
      return {
        ...payload,
        branches: Object.fromEntries(Object.entries(payload.branches).map(([label, body]) => [label, inside(body)])),
      };
    case 'gather':
      return payload;
  }
}
