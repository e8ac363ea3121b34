import { DATA_EDGE, type Graph, HeddleError, type Status, textAt, topologicalOrder } from '../model/index.ts';
import { controlWords } from './describe-control.ts';
import { graphToJson } from './graph-json.ts';
import { drawSvg } from './render-svg.ts';

export type GraphFormat = 'text' | 'dot' | 'mermaid' | 'svg' | 'json';

/** More nodes than this nobody can look at: Mermaid gives up earlier, browsers struggle with the SVG. */
const MAX_DRAWN_NODES: Readonly<Record<'mermaid' | 'svg', number>> = { mermaid: 1000, svg: 5000 };

/** How job i of a run stands, by its status; undefined for a graph that has not been run. */
export type StateOf = (i: number) => Status | undefined;

/** What is drawn in colour: the same in every format. */
const FILLS: Readonly<Partial<Record<Status, string>>> = {
  done: '#d7efe0',
  failed: '#f8d4d6',
  cancelled: '#f3e7c4',
  running: '#d5e4fa',
};

/**
 * Writes a graph in a form for people or for other tools, piece by piece. With `stateOf` nodes say how they stand, but in
 * JSON, which is the graph alone.
 *
 * @throws {HeddleError} INPUT_INVALID when it is too large to be drawn
 */
export function* renderGraph(
  graph: Graph,
  format: GraphFormat,
  stateOf: StateOf = () => undefined,
): Generator<string, void> {
  switch (format) {
    case 'text':
      yield* graphText(graph, stateOf);
      return;
    case 'dot':
      yield* graphDot(graph, stateOf);
      return;
    case 'mermaid':
      refuseTooLarge(graph, 'mermaid');
      yield* graphMermaid(graph, stateOf);
      return;
    case 'svg':
      refuseTooLarge(graph, 'svg');
      yield* drawSvg(graph, (i) => FILLS[stateOf(i) ?? 'pending']);
      return;
    case 'json':
      yield `${JSON.stringify(graphToJson(graph), null, 2)}\n`;
      return;
  }
}

function refuseTooLarge(graph: Graph, format: keyof typeof MAX_DRAWN_NODES): void {
  const most = MAX_DRAWN_NODES[format];
  if (graph.size <= most) return;
  throw new HeddleError(
    'INPUT_INVALID',
    `'${graph.name}' has ${graph.size} tasks, and ${format} is drawn for at most ${most}`,
    {
      hint: 'use --format dot, json or text, which have no limit',
    },
  );
}

interface Edge {
  readonly from: number;
  readonly ordered: boolean;
}

/** Edges into a node, those from its own segment. */
export function* edgesInto(graph: Graph, i: number): Generator<Edge, void> {
  const end = graph.edgeOffsets[i + 1] as number;
  for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) {
    const from = (graph.edgeFrom[e] as number) - graph.base;
    if (from >= 0) yield { from, ordered: graph.edgeAccept[e] !== DATA_EDGE };
  }
}

/** How large a graph is, in words: `1 task, 0 edges`. */
export function graphSize({ size, edgeFrom }: Graph, noun: 'task' | 'job'): string {
  const edges = edgeFrom.length;
  return `${size} ${size === 1 ? noun : `${noun}s`}, ${edges} ${edges === 1 ? 'edge' : 'edges'}`;
}

/** Every task after those it needs, and whom it needs; `(x)` is needed for its end only. What a control node becomes stands in braces. */
function* graphText(graph: Graph, stateOf: StateOf): Generator<string, void> {
  yield `${graph.name}: ${graphSize(graph, 'task')}\n`;
  const words = controlWords(graph);
  for (const i of topologicalOrder(graph)) {
    const needs = [...edgesInto(graph, i)].map(({ from, ordered }) =>
      ordered ? `(${textAt(graph.names, from)})` : textAt(graph.names, from),
    );
    // What is a job of a run has left its first status, but for what no branch chose.
    const state = stateOf(i) === 'created' ? 'skipped' : stateOf(i);
    const inside = words.get(i) ?? '';
    const braced = inside === '' ? textAt(graph.names, i) : `${textAt(graph.names, i)} {${inside}}`;
    const name = state === undefined ? braced : `${braced} [${state}]`;
    yield needs.length === 0 ? `  ${name}\n` : `  ${name} <- ${needs.join(', ')}\n`;
  }
}

/** A DOT string: only the quote and the backslash need escaping. */
function dotText(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function* graphDot(graph: Graph, stateOf: StateOf): Generator<string, void> {
  yield `digraph ${dotText(graph.name)} {\n  node [shape=box];\n`;
  const words = controlWords(graph);
  for (let i = 0; i < graph.size; i += 1) {
    const fill = FILLS[stateOf(i) ?? 'pending'];
    const inside = words.get(i);
    const attributes = [
      ...(inside === undefined ? [] : ['shape=hexagon']),
      ...(inside === undefined || inside === '' ? [] : [`tooltip=${dotText(inside)}`]),
      ...(fill === undefined ? [] : ['style=filled', `fillcolor="${fill}"`]),
    ];
    yield `  ${dotText(textAt(graph.names, i))}${attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`};\n`;
  }
  for (let i = 0; i < graph.size; i += 1) {
    for (const { from, ordered } of edgesInto(graph, i)) {
      yield `  ${dotText(textAt(graph.names, from))} -> ${dotText(textAt(graph.names, i))}${ordered ? ' [style=dashed]' : ''};\n`;
    }
  }
  yield '}\n';
}

/** Mermaid reads entities inside quotes, and nothing else it would take for markup. */
function mermaidText(text: string): string {
  return `"${text.replace(/[^A-Za-z0-9 ._-]/gu, (char) => `#${char.codePointAt(0)};`)}"`;
}

function* graphMermaid(graph: Graph, stateOf: StateOf): Generator<string, void> {
  yield 'flowchart TD\n';
  const words = controlWords(graph);
  for (let i = 0; i < graph.size; i += 1) {
    const text = mermaidText(textAt(graph.names, i));
    yield words.has(i) ? `  n${i}{{${text}}}\n` : `  n${i}[${text}]\n`;
  }
  for (let i = 0; i < graph.size; i += 1) {
    for (const { from, ordered } of edgesInto(graph, i)) yield `  n${from} ${ordered ? '-.->' : '-->'} n${i}\n`;
  }
  for (const [status, fill] of Object.entries(FILLS)) {
    const nodes = Array.from({ length: graph.size }, (_, i) => i).filter((i) => stateOf(i) === status);
    if (nodes.length === 0) continue;
    yield `  classDef ${status} fill:${fill},color:#1b2733\n`;
    yield `  class ${nodes.map((i) => `n${i}`).join(',')} ${status}\n`;
  }
}
