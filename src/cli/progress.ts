import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
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

/** Shows how a run goes. `note` prints a line that stays. */
export interface Progress extends Disposable {
  note(line: string): void;
}

const REDRAW_MS = 100;
const MOST_RUNNING = 8;
const LINE_EVERY_MS = 5000;

/** In a terminal a block that is redrawn, elsewhere a line now and then. */
export function showProgress(source: ProgressSource, output: Output, clock: Clock): Progress {
  return output.isTerminal ? new LiveBlock(source, output, clock) : new PlainLines(source, output, clock);
}

/** The block at the end of the terminal: erased, drawn again, and erased for good at the end. */
class LiveBlock implements Progress {
  readonly #source: ProgressSource;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #start: number;
  #timer: Timer;
  /** Lines on the screen that are the block's. */
  #drawn = 0;
  #last = '';

  constructor(source: ProgressSource, output: Output, clock: Clock) {
    this.#source = source;
    this.#output = output;
    this.#clock = clock;
    this.#start = clock.now().mono;
    this.#timer = this.#schedule();
  }

  note(line: string): void {
    this.#erase();
    this.#output.say(line);
    this.#draw();
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#erase();
  }

  #schedule(): Timer {
    return this.#clock.after(REDRAW_MS, () => {
      this.#draw();
      this.#timer = this.#schedule();
    });
  }

  #erase(): void {
    if (this.#drawn === 0) return;
    moveCursor(process.stderr, 0, -this.#drawn);
    cursorTo(process.stderr, 0);
    clearScreenDown(process.stderr);
    this.#drawn = 0;
    this.#last = '';
  }

  #draw(): void {
    const width = Math.max(20, process.stderr.columns ?? 80);
    const height = Math.max(4, process.stderr.rows ?? 24);
    const lines = this.#lines(width, height);
    const text = lines.join('\n');
    if (text === this.#last) return;
    this.#erase();
    process.stderr.write(`${text}\n`);
    this.#drawn = lines.length;
    this.#last = text;
  }

  #lines(width: number, height: number): readonly string[] {
    const view = this.#source.view();
    const elapsed = formatDuration(this.#clock.now().mono - this.#start);
    const left = this.#source.leftMs();
    const time = left === undefined ? elapsed : `${elapsed}, about ${formatDuration(left)} left`;
    const head = fit(`${view.name}  ${bar(view, width)}${percent(view)}  ${time}`, width);
    const counts = fit(countsText(view.counts), width);
    const room = Math.min(MOST_RUNNING, height - 4);
    const running = this.#source.running();
    const shown = running.slice(0, room).map((job) => {
      const since = formatDuration(job.sinceMs);
      const phase = job.phase === 'active' || job.phase === '' ? '' : `  ${job.phase}`;
      return fit(`  ${since.padStart(6)}  ${printable(job.job)}${phase}`, width);
    });
    const more = running.length > shown.length ? [fit(`  and ${running.length - shown.length} more`, width)] : [];
    return [this.#output.style('bold', head), this.#styled(counts), ...shown, ...more];
  }

  #styled(counts: string): string {
    return counts.replace(/\d+ failed/, (text) => this.#output.style('red', text));
  }
}

/** Lines for a log: one when the counts have changed, not more often than every few seconds. */
class PlainLines implements Progress {
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

  note(line: string): void {
    this.#output.say(line);
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  #schedule(): Timer {
    return this.#clock.after(LINE_EVERY_MS, () => {
      const view = this.#source.view();
      const left = this.#source.leftMs();
      const counts = countsText(view.counts);
      if (counts !== this.#last)
        this.#output.say(left === undefined ? counts : `${counts}, about ${formatDuration(left)} left`);
      this.#last = counts;
      this.#timer = this.#schedule();
    });
  }
}

/** `12 done, 2 running, 88 pending`: statuses that hold no job are left out. */
export function countsText(counts: Counts): string {
  const parts = (['done', 'failed', 'cancelled', 'running', 'pending', 'created'] as const)
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${status}`);
  return parts.length === 0 ? 'no jobs' : parts.join(', ');
}

function ended(view: RunView): number {
  return view.counts.done + view.counts.failed + view.counts.cancelled;
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
