import { bodiesOf, type Body, type ControlPayload, type Graph, isControl, textAt } from '../model/index.ts';

/** Names of the backends that tasks of a graph name themselves, also those that are still to come. */
export function backendsIn(graph: Graph): readonly string[] {
  const names = new Set<string>();
  for (const { backend } of graph.definitions) if (backend !== undefined) names.add(backend);
  if (graph.definitions.some(({ kind }) => kind === 'control')) {
    for (let node = 0; node < graph.size; node += 1) {
      if (graph.definitions[graph.definitionOf[node] as number]?.kind !== 'control') continue;
      const payload = JSON.parse(textAt(graph.payloads, node)) as ControlPayload;
      for (const [, body] of bodiesOf(payload)) gather(body, names);
    }
  }
  return [...names];
}

function gather(body: Body, names: Set<string>): void {
  for (const { definition, payload } of body.nodes) {
    if (definition.backend !== undefined) names.add(definition.backend);
    if (payload !== undefined && isControl(payload)) for (const [, inner] of bodiesOf(payload)) gather(inner, names);
  }
}
