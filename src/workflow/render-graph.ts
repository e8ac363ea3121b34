import { DATA_EDGE, type Graph, HeddleError, textAt, topologicalOrder } from '../model/index.ts';
import { graphToJson } from './graph-json.ts';
import { drawSvg } from './render-svg.ts';

export type GraphFormat = 'text' | 'dot' | 'mermaid' | 'svg' | 'json';

/** More nodes than this nobody can look at: Mermaid gives up earlier, browsers struggle with the SVG. */
const MAX_DRAWN_NODES: Readonly<Record<'mermaid' | 'svg', number>> = { mermaid: 1000, svg: 5000 };

/**
 * Writes a graph in a form for people or for other tools, piece by piece.
 *
 * @throws {HeddleError} INPUT_INVALID when it is too large to be drawn
 */
export function* renderGraph(graph: Graph, format: GraphFormat): Generator<string, void> {
  switch (format) {
    case 'text':
      yield* graphText(graph);
      return;
    case 'dot':
      yield* graphDot(graph);
      return;
    case 'mermaid':
      refuseTooLarge(graph, 'mermaid');
      yield* graphMermaid(graph);
      return;
    case 'svg':
      refuseTooLarge(graph, 'svg');
      yield* drawSvg(graph);
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

/** Every task after those it needs, and whom it needs; `(x)` is needed for its end only. */
function* graphText(graph: Graph): Generator<string, void> {
  yield `${graph.name}: ${graph.size} tasks, ${graph.edgeFrom.length} edges\n`;
  for (const i of topologicalOrder(graph)) {
    const needs = [...edgesInto(graph, i)].map(({ from, ordered }) =>
      ordered ? `(${textAt(graph.names, from)})` : textAt(graph.names, from),
    );
    yield needs.length === 0 ? `  ${textAt(graph.names, i)}\n` : `  ${textAt(graph.names, i)} <- ${needs.join(', ')}\n`;
  }
}

/** A DOT string: only the quote and the backslash need escaping. */
function dotText(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function* graphDot(graph: Graph): Generator<string, void> {
  yield `digraph ${dotText(graph.name)} {\n  node [shape=box];\n`;
  for (let i = 0; i < graph.size; i += 1) {
    yield `  ${dotText(textAt(graph.names, i))};\n`;
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

function* graphMermaid(graph: Graph): Generator<string, void> {
  yield 'flowchart TD\n';
  for (let i = 0; i < graph.size; i += 1) yield `  n${i}[${mermaidText(textAt(graph.names, i))}]\n`;
  for (let i = 0; i < graph.size; i += 1) {
    for (const { from, ordered } of edgesInto(graph, i)) yield `  n${from} ${ordered ? '-.->' : '-->'} n${i}\n`;
  }
}
