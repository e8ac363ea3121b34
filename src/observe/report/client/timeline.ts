import type { ReportData } from '../report-data.ts';
import { byId, colour, duration, element, fitted, kindColour, showTip, statusOf, timeStep } from './page.ts';

const TOP = 22;
const GROUP_GAP = 18;
const TALLEST_LANE = 20;
const MOST_HEIGHT = 420;
const LEAST_SPAN_MS = 1;

interface Bar {
  readonly job: number;
  readonly start: number;
  readonly end: number;
  readonly lane: number;
}

interface Group {
  readonly name: string;
  readonly lanes: number;
  /** Of the lanes of all groups before it. */
  readonly first: number;
  readonly bars: readonly Bar[];
}

/** Jobs over time, each in the first lane of its place that is free: how many lanes are full is how much ran. */
export class Timeline {
  readonly #data: ReportData;
  readonly #canvas: HTMLCanvasElement;
  readonly #groups: readonly Group[];
  readonly #select: (job: number) => void;
  #from = 0;
  #to: number;
  #hovered = -1;

  constructor(data: ReportData, select: (job: number) => void) {
    this.#data = data;
    this.#select = select;
    this.#to = this.#whole();
    this.#groups = groupsOf(data);
    this.#canvas = byId('timeline-canvas') as HTMLCanvasElement;
    this.#listen();
    this.#legend();
    this.draw();
  }

  draw(): void {
    const lanes = this.#groups.reduce((sum, { lanes: of }) => sum + of, 0);
    const laneHeight = this.#laneHeight(lanes);
    const height = TOP + lanes * laneHeight + this.#groups.length * GROUP_GAP + 4;
    const { context, width } = fitted(this.#canvas, height);
    this.#grid(context, width, height);
    for (const [number, group] of this.#groups.entries()) {
      const top = this.#topOf(group, number, laneHeight);
      context.fillStyle = colour('muted');
      context.fillText(`${group.name} · ${group.bars.length} jobs, at most ${group.lanes} at a time`, 4, top - 5);
      for (const bar of group.bars) this.#bar(context, { bar, top: top + bar.lane * laneHeight, width, laneHeight });
    }
    byId('timeline-span').textContent = `${duration(this.#from)} to ${duration(this.#to)}`;
  }

  #bar(
    context: CanvasRenderingContext2D,
    {
      bar,
      top,
      width,
      laneHeight,
    }: { readonly bar: Bar; readonly top: number; readonly width: number; readonly laneHeight: number },
  ): void {
    if (bar.end < this.#from || bar.start > this.#to) return;
    const x1 = Math.max(0, this.#x(bar.start, width));
    const x2 = Math.min(width, this.#x(bar.end, width));
    const status = statusOf(this.#data, bar.job);
    context.fillStyle = status === 'failed' ? colour('failed') : kindColour(this.#data.jobs.task[bar.job] ?? 0);
    const barWidth = Math.max(1, x2 - x1 - (x2 - x1 > 4 ? 1 : 0));
    const barHeight = Math.max(1, laneHeight - (laneHeight > 4 ? 2 : 0));
    context.globalAlpha = this.#hovered >= 0 && this.#hovered !== bar.job ? 0.55 : 1;
    context.fillRect(x1, top, barWidth, barHeight);
    context.globalAlpha = 1;
    if (barHeight < 13 || barWidth < 40) return;
    context.save();
    context.beginPath();
    context.rect(x1, top, barWidth - 4, barHeight);
    context.clip();
    context.fillStyle = colour('on-kind');
    context.fillText(this.#data.jobs.names[bar.job] ?? '', x1 + 5, top + barHeight / 2 + 4);
    context.restore();
  }

  #grid(context: CanvasRenderingContext2D, width: number, height: number): void {
    const step = timeStep(this.#to - this.#from, Math.max(2, width / 110));
    context.strokeStyle = colour('line');
    context.fillStyle = colour('muted');
    for (let at = Math.ceil(this.#from / step) * step; at <= this.#to; at += step) {
      const x = Math.round(this.#x(at, width)) + 0.5;
      context.beginPath();
      context.moveTo(x, TOP - 8);
      context.lineTo(x, height);
      context.stroke();
      const text = duration(at);
      if (x + 4 + context.measureText(text).width < width) context.fillText(text, x + 3, 10);
    }
  }

  #laneHeight(lanes: number): number {
    return Math.max(2, Math.min(TALLEST_LANE, Math.floor(MOST_HEIGHT / Math.max(1, lanes))));
  }

  #topOf(group: Group, number: number, laneHeight: number): number {
    return TOP + group.first * laneHeight + (number + 1) * GROUP_GAP - 4;
  }

  #whole(): number {
    return Math.max(LEAST_SPAN_MS, this.#data.run.wallMs, ...this.#data.series.map((series) => series.start));
  }

  #x(at: number, width: number): number {
    return ((at - this.#from) / (this.#to - this.#from)) * width;
  }

  #zoom(factor: number, centre = 0.5): void {
    const whole = this.#whole();
    const span = Math.min(whole, Math.max(LEAST_SPAN_MS, (this.#to - this.#from) * factor));
    const at = this.#from + (this.#to - this.#from) * centre;
    this.#move(at - span * centre, span);
  }

  #move(from: number, span: number): void {
    const whole = this.#whole();
    this.#from = Math.max(0, Math.min(from, whole - span));
    this.#to = this.#from + span;
    this.draw();
  }

  /** The job at a point of the canvas; the last drawn wins, as it does on the screen. */
  #at(x: number, y: number): Bar | undefined {
    const lanes = this.#groups.reduce((sum, { lanes: of }) => sum + of, 0);
    const laneHeight = this.#laneHeight(lanes);
    const width = this.#canvas.clientWidth;
    for (const [number, group] of this.#groups.entries()) {
      const lane = Math.floor((y - this.#topOf(group, number, laneHeight)) / laneHeight);
      if (lane < 0 || lane >= group.lanes) continue;
      return group.bars.findLast(
        (bar) =>
          bar.lane === lane &&
          this.#x(bar.start, width) - 1 <= x &&
          Math.max(this.#x(bar.end, width), this.#x(bar.start, width) + 1) + 1 >= x,
      );
    }
    return undefined;
  }

  #listen(): void {
    const canvas = this.#canvas;
    let dragged: { readonly x: number; readonly from: number } | undefined;
    let hasMoved = false;
    canvas.addEventListener('pointerdown', (event) => {
      dragged = { x: event.clientX, from: this.#from };
      hasMoved = false;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (dragged !== undefined && event.buttons > 0) {
        const span = this.#to - this.#from;
        hasMoved ||= Math.abs(event.clientX - dragged.x) > 3;
        this.#move(dragged.from - ((event.clientX - dragged.x) / canvas.clientWidth) * span, span);
        return;
      }
      const bar = this.#at(event.offsetX, event.offsetY);
      if (bar?.job !== this.#hovered) {
        this.#hovered = bar?.job ?? -1;
        this.draw();
      }
      showTip(event, bar === undefined ? [] : this.#tip(bar));
    });
    canvas.addEventListener('pointerup', () => {
      dragged = undefined;
      if (!hasMoved && this.#hovered >= 0) this.#select(this.#hovered);
    });
    canvas.addEventListener('pointerleave', (event) => {
      this.#hovered = -1;
      showTip(event, []);
      this.draw();
    });
    canvas.addEventListener(
      'wheel',
      (event) => {
        // A page is scrolled by the wheel; zooming takes the key that zooms elsewhere.
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.#zoom(event.deltaY > 0 ? 1.25 : 0.8, event.offsetX / canvas.clientWidth);
      },
      { passive: false },
    );
    byId('zoom-in').addEventListener('click', () => this.#zoom(0.5));
    byId('zoom-out').addEventListener('click', () => this.#zoom(2));
    byId('zoom-all').addEventListener('click', () => this.#move(0, this.#whole()));
  }

  #tip({ job, start, end }: Bar): readonly string[] {
    const { jobs } = this.#data;
    return [
      jobs.names[job] ?? '',
      `${jobs.states[jobs.state[job] ?? 0] ?? ''}, ${duration(end - start)}`,
      `from ${duration(start)} to ${duration(end)}`,
    ];
  }

  #legend(): void {
    const { jobs } = this.#data;
    const counts = new Map<number, number>();
    for (const task of jobs.task) counts.set(task, (counts.get(task) ?? 0) + 1);
    const most = [...counts]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 10)
      .toSorted(([a], [b]) => a - b);
    const hasFailed = jobs.state.some((state) => (jobs.states[state] ?? '').startsWith('failed'));
    byId('timeline-legend').replaceChildren(
      ...most.map(([task, count]) => key(`kind-${task % 10}`, `${jobs.tasks[task] ?? ''} × ${count}`)),
      ...(hasFailed ? [key('failed', 'failed')] : []),
    );
  }
}

function key(name: string, text: string): HTMLElement {
  const swatch = element('span', { class: 'swatch' });
  swatch.style.background = `var(--${name})`;
  return element('span', { class: 'key' }, swatch, element('span', { text }));
}

function groupsOf(data: ReportData): readonly Group[] {
  const { start, end, place, places } = data.jobs;
  const byPlace = new Map<number, number[]>();
  for (let job = 0; job < start.length; job += 1) {
    if ((start[job] ?? -1) < 0) continue;
    const of = byPlace.get(place[job] ?? -1);
    if (of === undefined) byPlace.set(place[job] ?? -1, [job]);
    else of.push(job);
  }
  let first = 0;
  return [...byPlace].map(([at, jobs]) => {
    jobs.sort((a, b) => (start[a] as number) - (start[b] as number));
    // A place is told of an end a moment after the next has begun: that is no second lane.
    const late = Math.min(50, 2 + data.run.wallMs / 500);
    const ends: number[] = [];
    const bars = jobs.map((job): Bar => {
      const begin = start[job] as number;
      const over = (end[job] as number) < begin ? data.run.wallMs : (end[job] as number);
      let lane = ends.findIndex((free) => free <= begin + late);
      if (lane < 0) lane = ends.length;
      ends[lane] = over;
      return { job, start: begin, end: over, lane };
    });
    const group = { name: places[at] ?? 'elsewhere', lanes: ends.length, first, bars };
    first += ends.length;
    return group;
  });
}
