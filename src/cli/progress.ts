import type { Counts, RunView } from '../engine/index.ts';
import type { RunningJob } from '../jobs/index.ts';
import type { Clock, Timer } from '../model/index.ts';
import { type Output, printable } from './output.ts';
import { formatDuration } from './units.ts';

/** What progress is drawn from, asked for anew each time. */
export interface ProgressSource {
  view(): RunView;
  running(): readonly RunningJob[];
  /** Milliseconds that are likely left; undefined while nobody can know. */
  leftMs(): number | undefined;
}

const REDRAW_MS = 100;
const MOST_RUNNING = 8;
const LINE_EVERY_MS = 5000;

/** Shows how a run goes until it is disposed: in a terminal by a block that is redrawn, elsewhere by a line now and then. */
export function showProgress(source: ProgressSource, output: Output, clock: Clock): Disposable {
  return output.isTerminal ? new LiveBlock(source, output, clock) : new PlainLines(source, output, clock);
}

/** The block at the end of the terminal: erased, drawn again, and erased for good at the end. */
class LiveBlock implements Disposable {
  readonly #source: ProgressSource;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #start: number;
  #timer: Timer;
  /** The block's lines on the screen, without their styles. */
  #drawn: readonly string[] = [];

  constructor(source: ProgressSource, output: Output, clock: Clock) {
    this.#source = source;
    this.#output = output;
    this.#clock = clock;
    this.#start = clock.now().mono;
    this.#timer = this.#schedule();
    output.divert((line) => this.#note(line));
  }

  /** Prints lines that stay, above the block. */
  #note(line: string): void {
    process.stderr.write(`${this.#erasure()}${line}\n`);
    this.#drawn = [];
    this.#draw();
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#output.divert(undefined);
    process.stderr.write(this.#erasure());
    this.#drawn = [];
  }

  #schedule(): Timer {
    return this.#clock.after(REDRAW_MS, () => {
      this.#draw();
      this.#timer = this.#schedule();
    });
  }

  /** What takes the block off the screen. A terminal made narrower since has wrapped its lines. */
  #erasure(): string {
    if (this.#drawn.length === 0) return '';
    const width = process.stderr.columns ?? 80;
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / width)), 0);
    return `\u001b[${rows}A\r\u001b[J`;
  }

  #draw(): void {
    const width = Math.max(20, process.stderr.columns ?? 80);
    const height = Math.max(4, process.stderr.rows ?? 24);
    const lines = this.#lines(width, height);
    if (lines.join('\n') === this.#drawn.join('\n')) return;
    // One write, so that no half-drawn block is ever seen.
    process.stderr.write(`${this.#erasure()}${lines.map((line, i) => this.#styled(line, i)).join('\n')}\n`);
    this.#drawn = lines;
  }

  #lines(width: number, height: number): readonly string[] {
    const view = this.#source.view();
    const elapsed = formatDuration(this.#clock.now().mono - this.#start);
    const left = this.#source.leftMs();
    const time = left === undefined ? elapsed : `${elapsed}, about ${formatDuration(left)} left`;
    const state = view.detail === 'paused' ? '  paused' : '';
    const head = `${printable(view.name)}  ${bar(view, width)}${percent(view)}  ${time}${state}`;
    const room = Math.min(MOST_RUNNING, height - 4);
    const running = this.#source.running();
    const shown = running.slice(0, room).map((job) => {
      const phase = job.phase === 'active' || job.phase === '' ? '' : `  ${job.phase}`;
      const head = `  ${formatDuration(job.sinceMs).padStart(6)}  `;
      return head + cutMiddle(printable(job.job), width - head.length - phase.length - 1) + phase;
    });
    const more = running.length > shown.length ? [`  and ${running.length - shown.length} more`] : [];
    return [head, countsText(countsOfView(view)), ...shown, ...more].map((line) => fit(line, width));
  }

  #styled(line: string, index: number): string {
    if (index === 0) return this.#output.style('bold', line);
    return index === 1 ? line.replace(/\d+ failed/, (text) => this.#output.style('red', text)) : line;
  }
}

/** Lines for a log: one when the counts have changed, not more often than every few seconds. */
class PlainLines implements Disposable {
  readonly #source: ProgressSource;
  readonly #output: Output;
  readonly #clock: Clock;
  #timer: Timer;
  #last = '';

  constructor(source: ProgressSource, output: Output, clock: Clock) {
    this.#source = source;
    this.#output = output;
    this.#clock = clock;
    this.#timer = this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  #schedule(): Timer {
    return this.#clock.after(LINE_EVERY_MS, () => {
      const view = this.#source.view();
      const left = this.#source.leftMs();
      const counts = countsText(countsOfView(view));
      if (counts !== this.#last)
        this.#output.say(left === undefined ? counts : `${counts}, about ${formatDuration(left)} left`);
      this.#last = counts;
      this.#timer = this.#schedule();
    });
  }
}

/** Jobs by status and, where there are any, nodes that no branch chose: those never became jobs. */
export type RunCounts = Counts & { readonly skipped?: number };

/** `12 done, 2 running, 88 pending`: statuses that hold no job are left out. */
export function countsText(counts: RunCounts): string {
  const parts = (['done', 'failed', 'cancelled', 'running', 'pending', 'created', 'skipped'] as const)
    .filter((status) => (counts[status] ?? 0) > 0)
    .map((status) => `${counts[status]} ${status}`);
  return parts.length === 0 ? 'no jobs' : parts.join(', ');
}

export function countsOfView({ counts, skipped }: RunView): RunCounts {
  return skipped === undefined ? counts : { ...counts, skipped };
}

function ended(view: RunView): number {
  return view.counts.done + view.counts.failed + view.counts.cancelled + (view.skipped ?? 0);
}

function percent(view: RunView): string {
  return view.size === 0 ? '' : `${String(Math.floor((100 * ended(view)) / view.size)).padStart(3)}%`;
}

function bar(view: RunView, width: number): string {
  const cells = Math.min(24, Math.floor(width / 4));
  if (width < 60 || view.size === 0) return '';
  const full = Math.round((cells * ended(view)) / view.size);
  return `${'█'.repeat(full)}${'░'.repeat(cells - full)} `;
}

/** Cuts a line to the width of the terminal: a wrapped one would be counted wrongly and left behind. */
function fit(text: string, width: number): string {
  return text.length < width ? text : `${text.slice(0, width - 2)}…`;
}

/** Names of many jobs differ at their ends: what is too long is cut in the middle. */
function cutMiddle(text: string, width: number): string {
  if (text.length <= width || width < 8) return text;
  const end = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end)}`;
}
