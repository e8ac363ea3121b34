import { DATA_EDGE, type Graph, textAt, topologicalOrder } from '../model/index.ts';
import { controlWords } from './describe-control.ts';

const ROW_HEIGHT = 64;
const BOX_HEIGHT = 28;
const BOX_GAP = 16;
const MARGIN = 16;
const LONGEST_LABEL = 32;
/** Of the monospace font at 12 px. */
const CHAR_WIDTH = 7.25;

interface Box {
  readonly label: string;
  readonly width: number;
  x: number;
  readonly y: number;
}

/**
 * Draws a graph in layers: every task one row below the lowest it needs, each row sorted by where its upstreams stand
 * (one downward pass of the barycentre method of Sugiyama, Tagawa and Toda 1981). Edges are curves between rows.
 */
export function* drawSvg(graph: Graph, fillOf: (i: number) => string | undefined): Generator<string, void> {
  const boxes = placed(graph);
  const words = controlWords(graph);
  const width = Math.ceil(Math.max(0, ...boxes.map(({ x, width: box }) => x + box)) + MARGIN);
  const height = Math.max(0, ...boxes.map(({ y }) => y)) + BOX_HEIGHT + MARGIN;
  yield `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">\n`;
  yield `<title>${xmlText(graph.name)}</title>\n`;
  yield '<style>rect{fill:#f4f6f8;stroke:#5b6b7b}text{font:12px monospace;text-anchor:middle;fill:#1b2733}path{fill:none;stroke:#8a98a6}.order,.control rect{stroke-dasharray:4 3}</style>\n';
  for (let i = 0; i < graph.size; i += 1) yield* edgePaths(graph, i, boxes);
  for (const [i, box] of boxes.entries()) {
    const middle = round(box.x + box.width / 2);
    const fill = fillOf(i);
    const inside = words.get(i);
    const title = `${textAt(graph.names, i)}${inside === undefined || inside === '' ? '' : ` {${inside}}`}`;
    yield `<g${inside === undefined ? '' : ' class="control"'}><title>${xmlText(title)}</title><rect x="${round(box.x)}" y="${box.y}" width="${box.width}" height="${BOX_HEIGHT}" rx="${inside === undefined ? 4 : BOX_HEIGHT / 2}"${fill === undefined ? '' : ` style="fill:${fill}"`}/>`;
    yield `<text x="${middle}" y="${box.y + 18}">${xmlText(box.label)}</text></g>\n`;
  }
  yield '</svg>\n';
}

function* edgePaths(graph: Graph, i: number, boxes: readonly Box[]): Generator<string, void> {
  const to = boxes[i] as Box;
  const end = graph.edgeOffsets[i + 1] as number;
  for (let e = graph.edgeOffsets[i] as number; e < end; e += 1) {
    const from = boxes[(graph.edgeFrom[e] as number) - graph.base];
    if (from === undefined) continue;
    const [x1, y1] = [round(from.x + from.width / 2), from.y + BOX_HEIGHT];
    const [x2, y2] = [round(to.x + to.width / 2), to.y];
    const bend = round((y1 + y2) / 2);
    const order = graph.edgeAccept[e] === DATA_EDGE ? '' : ' class="order"';
    yield `<path${order} d="M${x1} ${y1}C${x1} ${bend} ${x2} ${bend} ${x2} ${y2}"/>\n`;
  }
}

function placed(graph: Graph): readonly Box[] {
  const rows = layers(graph);
  const boxes: Box[] = [];
  for (const [depth, row] of rows.entries()) {
    const wanted = new Map(row.map((i) => [i, barycentre(graph, i, boxes)]));
    const sorted = row.toSorted((a, b) => (wanted.get(a) as number) - (wanted.get(b) as number) || a - b);
    let x = MARGIN;
    for (const i of sorted) {
      const box = boxAt(graph, i, depth);
      box.x = x;
      boxes[i] = box;
      x += box.width + BOX_GAP;
    }
  }
  centre(rows, boxes);
  return boxes;
}

function boxAt(graph: Graph, i: number, depth: number): Box {
  const name = textAt(graph.names, i);
  const label = name.length > LONGEST_LABEL ? `${name.slice(0, LONGEST_LABEL - 1)}…` : name;
  return { label, width: Math.ceil(label.length * CHAR_WIDTH) + 16, x: 0, y: MARGIN + depth * ROW_HEIGHT };
}

/** Nodes by depth: the longest way down to each. */
function layers(graph: Graph): readonly (readonly number[])[] {
  const depths = new Uint32Array(graph.size);
  const rows: number[][] = [];
  for (const i of topologicalOrder(graph)) {
    let depth = 0;
    for (let e = graph.edgeOffsets[i] as number; e < (graph.edgeOffsets[i + 1] as number); e += 1) {
      const from = (graph.edgeFrom[e] as number) - graph.base;
      if (from >= 0) depth = Math.max(depth, (depths[from] as number) + 1);
    }
    depths[i] = depth;
    rows[depth] ??= [];
    (rows[depth] as number[]).push(i);
  }
  return rows;
}

function barycentre(graph: Graph, i: number, boxes: readonly Box[]): number {
  let sum = 0;
  let count = 0;
  for (let e = graph.edgeOffsets[i] as number; e < (graph.edgeOffsets[i + 1] as number); e += 1) {
    const from = boxes[(graph.edgeFrom[e] as number) - graph.base];
    if (from === undefined) continue;
    sum += from.x + from.width / 2;
    count += 1;
  }
  return count === 0 ? 0 : sum / count;
}

/** Puts every row in the middle of the widest. */
function centre(rows: readonly (readonly number[])[], boxes: readonly Box[]): void {
  const widths = rows.map((row) => Math.max(...row.map((i) => (boxes[i] as Box).x + (boxes[i] as Box).width)));
  const widest = Math.max(0, ...widths);
  rows.forEach((row, depth) => {
    const shift = (widest - (widths[depth] as number)) / 2;
    for (const i of row) (boxes[i] as Box).x += shift;
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function xmlText(text: string): string {
  return text.replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
