import type { ReportData } from '../report-data.ts';

/** The data the page carries. */
export function readData(): ReportData {
  return JSON.parse(document.getElementById('data')?.textContent ?? 'null') as ReportData;
}

export type StatusWord = 'done' | 'failed' | 'cancelled' | 'running' | 'pending' | 'created';

/** The word a state begins with: `failed (memory)` is failed. */
export function statusOf(data: ReportData, job: number): StatusWord {
  return (data.jobs.states[data.jobs.state[job] ?? 0] ?? 'pending').split(' ')[0] as StatusWord;
}

/** A colour of the page's style sheet, as it is now: it changes between light and dark. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Kinds of jobs have ten colours, in turn. */
export const KIND_COLOURS = 10;

export function kindColour(task: number): string {
  return colour(`kind-${task % KIND_COLOURS}`);
}

/** Makes an element. Text is set as text, never as markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  init: { readonly class?: string; readonly text?: string; readonly title?: string } = {},
  ...children: readonly Node[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (init.class !== undefined) made.className = init.class;
  if (init.text !== undefined) made.textContent = init.text;
  if (init.title !== undefined) made.title = init.title;
  made.append(...children);
  return made;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no '${id}'`);
  return found;
}

/** `320 ms`, `2.4 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 0) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${String(Math.floor((ms % 60_000) / 1000)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** KiB as people say them. */
export function memory(kib: number): string {
  if (kib < 0) return '–';
  if (kib < 1024) return `${Math.round(kib)} KiB`;
  const mib = kib / 1024;
  return mib < 1024 ? `${mib.toFixed(mib < 10 ? 1 : 0)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

/** A canvas of the size its box has, sharp on any screen; what is drawn is in CSS pixels. */
export function fitted(
  canvas: HTMLCanvasElement,
  height: number,
): { readonly context: CanvasRenderingContext2D; readonly width: number } {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(50, canvas.parentElement?.clientWidth ?? 600);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = '11px system-ui, sans-serif';
  return { context, width };
}

/** Steps people like, at most so many in a range. */
export function niceStep(range: number, most: number): number {
  const rough = Math.max(range, 1e-9) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

/** Steps of time: 1, 2, 5 seconds, then minutes and hours that divide each other. */
export function timeStep(rangeMs: number, most: number): number {
  const steps = [1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5];
  return rangeMs / 1000 < most
    ? niceStep(rangeMs, most)
    : (steps.find((step) => rangeMs / step <= most) ?? niceStep(rangeMs, most));
}

/** Tells what is under the pointer, beside it. */
export function showTip(event: { readonly clientX: number; readonly clientY: number }, lines: readonly string[]): void {
  const tip = byId('tip');
  tip.hidden = lines.length === 0;
  if (lines.length === 0) return;
  tip.replaceChildren(...lines.map((line) => element('div', { text: line })));
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, window.innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + height + 24 > window.innerHeight ? event.clientY - height - 10 : event.clientY + 14}px`;
}
