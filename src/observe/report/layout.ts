import { DATA_EDGE, type Graph, textAt, topologicalOrder } from '../../model/index.ts';
import type { ReportBox, ReportEdge, ReportGraph } from './report-data.ts';

/** More jobs than this are drawn by kind: nobody reads more boxes. */
export const DRAWN_JOBS = 120;
const BOX_HEIGHT = 26;
const ROW_HEIGHT = 36;
const COLUMN_GAP = 56;
const MARGIN = 12;
const LONGEST_LABEL = 28;
/** Of the page's font at 12 px. */
const CHAR_WIDTH = 7.4;
const SWEEPS = 4;

/** How a job stands. Of many in one box the first of these that any has is shown. */
const WORST_FIRST = ['failed', 'running', 'pending', 'created', 'cancelled', 'done'];

interface Node {
  readonly label: string;
  readonly depth: number;
  readonly job: number;
  readonly task: number;
  count: number;
  state: string;
}

/**
 * Lays a graph out in columns: a box one column right of the last it needs, each column sorted by where its neighbours stand (the
 * barycentre method of Sugiyama, Tagawa and Toda 1981, some sweeps to and fro). A graph of many jobs is drawn by definition.
 */
export function layOut(graph: Graph, stateOf: (index: number) => string): ReportGraph {
  const depths = depthsOf(graph);
  const kind = graph.size > DRAWN_JOBS ? 'definitions' : 'tasks';
  const boxOf = kind === 'tasks' ? Uint32Array.from({ length: graph.size }, (_, i) => i) : graph.definitionOf;
  const nodes: Node[] = [];
  for (let i = 0; i < graph.size; i += 1) {
    const task = graph.definitionOf[i] as number;
    const box = boxOf[i] as number;
    const node = nodes[box];
    if (node === undefined) {
      const name = kind === 'tasks' ? textAt(graph.names, i) : (graph.definitions[task]?.name ?? '');
      nodes[box] = { label: name, depth: depths[i] as number, job: i, task, count: 1, state: stateOf(i) };
      continue;
    }
    node.count += 1;
    node.state = worse(node.state, stateOf(i));
  }
  const edges = edgesBetween(graph, boxOf);
  return placed(kind, nodes.filter(Boolean), renumbered(edges, nodes));
}

function worse(a: string, b: string): string {
  return WORST_FIRST.indexOf(a) <= WORST_FIRST.indexOf(b) ? a : b;
}

function depthsOf(graph: Graph): Uint32Array {
  const depths = new Uint32Array(graph.size);
  for (const i of topologicalOrder(graph)) {
    for (let e = graph.edgeOffsets[i] as number; e < (graph.edgeOffsets[i + 1] as number); e += 1) {
      const from = (graph.edgeFrom[e] as number) - graph.base;
      if (from >= 0) depths[i] = Math.max(depths[i] as number, (depths[from] as number) + 1);
    }
  }
  return depths;
}

/** Edges between boxes, each once; those inside a box are left out. */
function edgesBetween(graph: Graph, boxOf: Uint32Array): ReportEdge[] {
  const seen = new Map<number, ReportEdge>();
  for (let i = 0; i < graph.size; i += 1) {
    for (let e = graph.edgeOffsets[i] as number; e < (graph.edgeOffsets[i + 1] as number); e += 1) {
      const from = boxOf[(graph.edgeFrom[e] as number) - graph.base];
      const to = boxOf[i] as number;
      if (from === undefined || from === to) continue;
      const isOrder = graph.edgeAccept[e] !== DATA_EDGE;
      const key = from * 0x1000000 + to;
      const known = seen.get(key);
      if (known === undefined || (known.isOrder && !isOrder)) seen.set(key, { from, to, isOrder });
    }
  }
  return [...seen.values()];
}

/** Definitions that no job has leave holes. */
function renumbered(edges: readonly ReportEdge[], nodes: readonly (Node | undefined)[]): readonly ReportEdge[] {
  const numbers: number[] = [];
  let next = 0;
  for (const [i, node] of nodes.entries()) if (node !== undefined) numbers[i] = next++;
  return edges.map(({ from, to, isOrder }) => ({ from: numbers[from] as number, to: numbers[to] as number, isOrder }));
}

function placed(kind: ReportGraph['kind'], nodes: readonly Node[], edges: readonly ReportEdge[]): ReportGraph {
  const columns = columnsOf(nodes);
  const rows = sorted(columns, edges, nodes.length);
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  const boxes: ReportBox[] = [];
  let x = MARGIN;
  for (const column of columns) {
    const width = Math.max(0, ...column.map((i) => widthOf(nodes[i] as Node, kind)));
    const shift = ((tallest - column.length) * ROW_HEIGHT) / 2;
    for (const i of column) {
      const { label, count, job, task, state } = nodes[i] as Node;
      const y = Math.round(MARGIN + shift + (rows[i] as number) * ROW_HEIGHT);
      boxes[i] = { x, y, width, label: short(label), count, job, task, state };
    }
    x += width + COLUMN_GAP;
  }
  const height = tallest * ROW_HEIGHT - (ROW_HEIGHT - BOX_HEIGHT) + 2 * MARGIN;
  return { kind, width: Math.max(0, x - COLUMN_GAP) + MARGIN, height: Math.max(0, height), boxes, edges };
}

/** Depths that some node has, as columns without holes. */
function columnsOf(nodes: readonly Node[]): number[][] {
  const byDepth = new Map<number, number[]>();
  for (const [i, { depth }] of nodes.entries()) byDepth.set(depth, [...(byDepth.get(depth) ?? []), i]);
  return [...byDepth.keys()].toSorted((a, b) => a - b).map((depth) => byDepth.get(depth) as number[]);
}

/** Sorts each column in place; gives the row of every node. */
function sorted(columns: readonly number[][], edges: readonly ReportEdge[], size: number): readonly number[] {
  const neighbours: number[][] = Array.from({ length: size }, () => []);
  for (const { from, to } of edges) {
    neighbours[from]?.push(to);
    neighbours[to]?.push(from);
  }
  const rows: number[] = Array.from({ length: size }, () => 0);
  const centred = (column: readonly number[]): void => {
    for (const [row, i] of column.entries()) rows[i] = row - column.length / 2;
  };
  for (const column of columns) centred(column);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const column of sweep % 2 === 0 ? columns : columns.toReversed()) {
      const wanted = new Map(column.map((i) => [i, mean(neighbours[i] as number[], rows, i)]));
      column.sort((a, b) => (wanted.get(a) as number) - (wanted.get(b) as number) || a - b);
      centred(column);
    }
  }
  for (const column of columns) for (const [row, i] of column.entries()) rows[i] = row;
  return rows;
}

function mean(of: readonly number[], rows: readonly number[], self: number): number {
  if (of.length === 0) return rows[self] as number;
  return of.reduce((sum, i) => sum + (rows[i] as number), 0) / of.length;
}

function widthOf({ label, count }: Node, kind: ReportGraph['kind']): number {
  const text = kind === 'tasks' ? short(label) : `${short(label)} × ${count}`;
  return Math.ceil(text.length * CHAR_WIDTH) + 24;
}

function short(label: string): string {
  return label.length <= LONGEST_LABEL ? label : `${label.slice(0, LONGEST_LABEL - 1)}…`;
}
