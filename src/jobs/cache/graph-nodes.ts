import { type Body, type ControlPayload, DATA_EDGE, type Definition, type Graph, textAt } from '../../model/index.ts';

/** A node of a run's graph. */
export interface GraphNode {
  readonly name: string;
  readonly definition: Definition;
  /** JSON; '' for none. */
  readonly payload: string;
  /** Indices of the jobs whose values it takes. */
  readonly needs: readonly number[];
}

/** The nodes of a run's graph, its expansions included, by their index in the run. */
export class GraphNodes {
  readonly graphs: readonly Graph[];

  constructor(graphs: readonly Graph[]) {
    this.graphs = graphs;
  }

  get size(): number {
    const last = this.graphs.at(-1);
    return last === undefined ? 0 : last.base + last.size;
  }

  definition(index: number): Definition {
    const { graph, i } = this.#at(index);
    return graph.definitions[graph.definitionOf[i] as number] as Definition;
  }

  name(index: number): string {
    const { graph, i } = this.#at(index);
    return textAt(graph.names, i);
  }

  payload(index: number): string {
    const { graph, i } = this.#at(index);
    return textAt(graph.payloads, i);
  }

  node(index: number): GraphNode {
    return {
      name: this.name(index),
      definition: this.definition(index),
      payload: this.payload(index),
      needs: this.needs(index),
    };
  }

  /** Jobs whose values a node takes. */
  needs(index: number): readonly number[] {
    const needs: number[] = [];
    this.eachUpstream(index, (from, accept) => {
      if (accept === DATA_EDGE) needs.push(from);
    });
    return needs;
  }

  /** Calls back for each edge into a node that was there when it was added. */
  eachUpstream(index: number, visit: (from: number, accept: number) => void): void {
    const { graph, i } = this.#at(index);
    const end = graph.edgeOffsets[i + 1] as number;
    for (let e = graph.edgeOffsets[i] as number; e < end; e += 1)
      visit(graph.edgeFrom[e] as number, graph.edgeAccept[e] as number);
  }

  #at(index: number): { readonly graph: Graph; readonly i: number } {
    const { graphs } = this;
    let low = 0;
    let high = graphs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((graphs[middle] as Graph).base <= index) low = middle;
      else high = middle - 1;
    }
    const graph = graphs[low] as Graph;
    return { graph, i: index - graph.base };
  }
}

/** Whether something of a graph, or of what its control nodes become, may be reused or is deleted when nobody needs it. */
export function mayReuse(graph: Graph): boolean {
  if (graph.definitions.some(isOfCache)) return true;
  if (!graph.definitions.some(({ kind }) => kind === 'control')) return false;
  for (let i = 0; i < graph.size; i += 1) {
    const { kind } = graph.definitions[graph.definitionOf[i] as number] as Definition;
    if (kind === 'control' && bodiesMayReuse(JSON.parse(textAt(graph.payloads, i)) as ControlPayload)) return true;
  }
  return false;
}

function bodiesMayReuse(payload: ControlPayload): boolean {
  return bodiesOf(payload).some(({ nodes }) =>
    nodes.some(
      ({ definition, payload: inner }) =>
        isOfCache(definition) || (inner !== undefined && 'control' in inner && bodiesMayReuse(inner)),
    ),
  );
}

function bodiesOf(payload: ControlPayload): readonly Body[] {
  switch (payload.control) {
    case 'scatter':
    case 'loop':
      return [payload.body];
    case 'branch':
      return Object.values(payload.branches);
    case 'gather':
      return [];
  }
}

function isOfCache({ cache, temporary }: Definition): boolean {
  return cache === true || temporary === true;
}
