import type { ReportBox, ReportData } from '../report-data.ts';
import { byId, element, showTip } from './page.ts';

const SVG = 'http://www.w3.org/2000/svg';
const BOX_HEIGHT = 26;

/** Draws the graph as it was laid out; a click on a box selects its job, or filters the table by its kind. */
export function drawGraph(data: ReportData, select: (box: ReportBox) => void): void {
  const { graph } = data;
  if (graph.boxes.length === 0) return;
  const svg = made('svg', { viewBox: `0 0 ${graph.width} ${graph.height}`, width: graph.width, height: graph.height });
  for (const { from, to, isOrder } of graph.edges) {
    const a = graph.boxes[from];
    const b = graph.boxes[to];
    if (a === undefined || b === undefined) continue;
    const [x1, y1, x2, y2] = [a.x + a.width, a.y + BOX_HEIGHT / 2, b.x, b.y + BOX_HEIGHT / 2];
    // Kinds may need each other: such an edge goes back.
    const bend = x2 > x1 ? (x2 - x1) / 2 : 40;
    const path = made('path', { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` });
    if (isOrder) path.setAttribute('class', 'order');
    svg.append(path);
  }
  for (const box of graph.boxes) svg.append(boxOf(box, graph.kind, data, select));
  byId('graph-box').replaceChildren(svg);
  byId('graph-note').textContent =
    graph.kind === 'tasks' ? '' : 'A box is all jobs of a kind. A click shows them in the table below.';
  const zoom = { at: 1 };
  const apply = (to: number): void => {
    zoom.at = Math.max(0.2, Math.min(3, to));
    svg.setAttribute('width', String(graph.width * zoom.at));
    svg.setAttribute('height', String(graph.height * zoom.at));
  };
  const fit = (): void => apply(Math.min(1, byId('graph-box').clientWidth / graph.width));
  byId('graph-in').addEventListener('click', () => apply(zoom.at * 1.4));
  byId('graph-out').addEventListener('click', () => apply(zoom.at / 1.4));
  byId('graph-fit').addEventListener('click', fit);
  // What would be too small to read is scrolled.
  if (byId('graph-box').clientWidth / graph.width > 0.6) fit();
}

function boxOf(box: ReportBox, kind: string, data: ReportData, select: (box: ReportBox) => void): SVGElement {
  const group = made('g', { class: `box ${box.state}`, tabindex: 0, role: 'button' });
  const text = made('text', { x: box.x + 14, y: box.y + 17 });
  text.textContent = kind === 'tasks' ? box.label : `${box.label} × ${box.count}`;
  const mark = made('rect', { class: 'mark', x: box.x, y: box.y, width: 5, height: BOX_HEIGHT, rx: 2 });
  group.append(made('rect', { x: box.x, y: box.y, width: box.width, height: BOX_HEIGHT, rx: 4 }), mark, text);
  const name = kind === 'tasks' ? (data.jobs.names[box.job] ?? '') : (data.jobs.tasks[box.task] ?? box.label);
  group.addEventListener('click', () => select(box));
  group.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') select(box);
  });
  group.addEventListener('pointermove', (event) => showTip(event, [name, box.state]));
  group.addEventListener('pointerleave', (event) => showTip(event, []));
  return group;
}

function made(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

/** A little curve of numbers, for a row of a list. */
export function sparkline(values: readonly number[], title: string): HTMLElement {
  const high = Math.max(1e-9, ...values);
  const points = values.map(
    (value, i) =>
      `${((i / Math.max(1, values.length - 1)) * 118 + 1).toFixed(1)},${(23 - (value / high) * 21).toFixed(1)}`,
  );
  const svg = made('svg', { class: 'spark', viewBox: '0 0 120 24', width: 120, height: 24 });
  svg.append(made('polyline', { points: points.join(' ') }));
  return element('span', { title }, svg);
}
