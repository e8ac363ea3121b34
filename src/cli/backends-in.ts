import {
  bodiesOf,
  type Body,
  type ControlPayload,
  type Definition,
  type Graph,
  isControl,
  textAt,
} from '../model/index.ts';

/** A definition with how many tasks of it there are; 0 where that shows only when it runs (bodies of maps, branches, loops). */
export interface CountedDefinition {
  readonly definition: Definition;
  readonly tasks: number;
}

/** Names of the backends that tasks of a graph name themselves, also those that are still to come. */
export function backendsIn(graph: Graph): readonly string[] {
  const names = definitionsIn(graph).flatMap(({ definition: { backend } }) => (backend === undefined ? [] : [backend]));
  return [...new Set(names)];
}

/** All that will run, and of what may come of control nodes each kind. */
export function definitionsIn(graph: Graph): readonly CountedDefinition[] {
  const counts = new Map<number, number>();
  const hasControls = graph.definitions.some(({ kind }) => kind === 'control');
  const inBodies: Definition[] = [];
  for (let node = 0; node < graph.size; node += 1) {
    const index = graph.definitionOf[node] as number;
    counts.set(index, (counts.get(index) ?? 0) + 1);
    if (!hasControls || graph.definitions[index]?.kind !== 'control') continue;
    const payload = JSON.parse(textAt(graph.payloads, node)) as ControlPayload;
    for (const [, body] of bodiesOf(payload)) gather(body, inBodies);
  }
  return [
    ...graph.definitions.map((definition, index) => ({ definition, tasks: counts.get(index) ?? 0 })),
    ...inBodies.map((definition) => ({ definition, tasks: 0 })),
  ];
}

function gather(body: Body, found: Definition[]): void {
  for (const { definition, payload } of body.nodes) {
    found.push(definition);
    if (payload !== undefined && isControl(payload)) for (const [, inner] of bodiesOf(payload)) gather(inner, found);
  }
}
