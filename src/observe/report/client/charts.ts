import type { ReportData } from '../report-data.ts';
import { byId, colour, duration, element, fitted, memory, niceStep, showTip, timeStep } from './page.ts';

const HEIGHT = 150;
const LEFT = 56;
const BOTTOM = 18;

interface Line {
  readonly name: string;
  readonly colour: string;
  /** Pairs of time and value, in order of time. */
  readonly points: readonly (readonly [at: number, value: number])[];
}

interface Chart {
  readonly title: string;
  readonly text: (value: number) => string;
  readonly lines: readonly Line[];
}

/** Jobs at work, CPU and memory over the time of the run. What was not measured is not shown. */
export function drawCharts(data: ReportData): void {
  const charts = [runningChart(data), ...measuredCharts(data)].filter(({ lines }) =>
    lines.some(({ points }) => points.length > 1),
  );
  const box = byId('charts');
  const drawn = charts.map((chart) => {
    const canvas = element('canvas');
    const figure = element('figure', {}, caption(chart), element('div', { class: 'canvas' }, canvas));
    return { chart, canvas, figure };
  });
  box.replaceChildren(...drawn.map(({ figure }) => figure));
  byId('not-measured').hidden = data.series.length > 0;
  for (const { chart, canvas } of drawn) {
    drawChart(canvas, chart, data.run.wallMs);
    canvas.onpointermove = (event) =>
      showTip(event, tipOf(chart, canvas, { x: event.offsetX, wallMs: data.run.wallMs }));
    canvas.onpointerleave = (event) => showTip(event, []);
  }
}

function caption({ title, lines }: Chart): HTMLElement {
  const keys = lines.map((line) => {
    const swatch = element('span', { class: 'swatch' });
    swatch.style.background = `var(--${line.colour})`;
    return element('span', { class: 'key' }, swatch, element('span', { text: line.name }));
  });
  return element('figcaption', {}, element('b', { text: title }), ...(lines.length > 1 ? keys : []));
}

/** Parts the run's time is cut into: about one a pixel pair. */
const BINS = 240;

/** How many jobs were at work, a mean for each part of the time. */
function runningChart({ jobs, run }: ReportData): Chart {
  const wallMs = Math.max(1, run.wallMs);
  const binMs = wallMs / BINS;
  const busyMs = new Float64Array(BINS);
  for (let job = 0; job < jobs.start.length; job += 1) {
    const start = jobs.start[job] ?? -1;
    const end = jobs.end[job] ?? -1;
    if (start < 0) continue;
    const over = end < start ? wallMs : Math.min(end, wallMs);
    for (let bin = Math.floor(start / binMs); bin < BINS && bin * binMs < over; bin += 1)
      busyMs[bin] = (busyMs[bin] ?? 0) + Math.max(0, Math.min(over, (bin + 1) * binMs) - Math.max(start, bin * binMs));
  }
  const points = Array.from(busyMs, (busy, bin) => [(bin + 0.5) * binMs, busy / binMs] as const);
  return {
    title: 'Jobs at work',
    text: (value) => String(Math.round(value * 10) / 10),
    lines: [{ name: 'jobs', colour: 'kind-0', points }],
  };
}

function measuredCharts({ series }: ReportData): readonly Chart[] {
  const line = (name: string, of: string, pick: (series: ReportData['series'][number]) => readonly number[]): Line => ({
    name,
    colour: of,
    points: series.flatMap((one) => pick(one).map((value, i) => [one.start + i * one.stepMs, value] as const)),
  });
  const cores = (value: number): string => `${(value / 100).toFixed(value < 1000 ? 1 : 0)}`;
  return [
    {
      title: 'CPU, in cores',
      text: cores,
      lines: [line('tasks', 'kind-1', ({ cpu }) => cpu), line('engine', 'kind-3', ({ engineCpu }) => engineCpu)],
    },
    {
      title: 'Memory',
      text: memory,
      lines: [line('tasks', 'kind-1', ({ rss }) => rss), line('engine', 'kind-3', ({ engineRss }) => engineRss)],
    },
  ];
}

function drawChart(canvas: HTMLCanvasElement, chart: Chart, wallMs: number): void {
  const { context, width } = fitted(canvas, HEIGHT);
  const most = Math.max(
    1e-9,
    ...chart.lines.map(({ points }) => points.reduce((high, [, value]) => Math.max(high, value), 0)),
  );
  const step = chart.title === 'Memory' ? 2 ** Math.ceil(Math.log2(most / 4)) : niceStep(most, 4);
  const high = Math.ceil(most / step) * step;
  const x = (at: number): number => LEFT + (at / Math.max(1, wallMs)) * (width - LEFT - 6);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / high) * (HEIGHT - BOTTOM - 8);
  context.strokeStyle = colour('line');
  context.fillStyle = colour('muted');
  context.textAlign = 'right';
  for (let value = 0; value <= high + step / 2; value += step) {
    const at = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, at);
    context.lineTo(width, at);
    context.stroke();
    context.fillText(chart.text(value), LEFT - 5, at + 3);
  }
  context.textAlign = 'center';
  const every = timeStep(wallMs, Math.max(2, (width - LEFT) / 90));
  for (let at = 0; at <= wallMs; at += every)
    if (x(at) < width - 20 || at === 0) context.fillText(duration(at), Math.max(LEFT + 10, x(at)), HEIGHT - 4);
  for (const line of chart.lines) drawLine(context, line, { x, y, isFilled: line === chart.lines[0] });
}

interface Scale {
  readonly x: (at: number) => number;
  readonly y: (value: number) => number;
  readonly isFilled: boolean;
}

function drawLine(context: CanvasRenderingContext2D, line: Line, { x, y, isFilled }: Scale): void {
  if (line.points.length === 0) return;
  context.beginPath();
  for (const [i, [at, value]] of line.points.entries()) {
    if (i === 0) context.moveTo(x(at), y(value));
    else context.lineTo(x(at), y(value));
  }
  context.strokeStyle = colour(line.colour);
  context.lineWidth = 1.5;
  context.stroke();
  context.lineWidth = 1;
  if (!isFilled) return;
  const [first] = line.points;
  const last = line.points.at(-1);
  context.lineTo(x(last?.[0] ?? 0), y(0));
  context.lineTo(x(first?.[0] ?? 0), y(0));
  context.globalAlpha = 0.15;
  context.fillStyle = colour(line.colour);
  context.fill();
  context.globalAlpha = 1;
}

function tipOf(
  chart: Chart,
  canvas: HTMLCanvasElement,
  { x, wallMs }: { readonly x: number; readonly wallMs: number },
): readonly string[] {
  const at = ((x - LEFT) / Math.max(1, canvas.clientWidth - LEFT - 6)) * wallMs;
  if (at < 0) return [];
  const lines = chart.lines.map((line) => {
    const point = line.points.findLast(([when]) => when <= at);
    return `${line.name}: ${point === undefined ? '–' : chart.text(point[1])}`;
  });
  return [duration(at), ...lines];
}
