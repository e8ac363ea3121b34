import type { RunView } from '../engine/index.ts';
import type { Engine, RunHandle } from '../jobs/index.ts';
import { describeOutcome, type EngineEvent, type Graph, isFinal, type Json } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { storeDirectory, storeFlag } from './find-run.ts';
import { directoryOf, lastLines } from './job-record.ts';
import type { Context } from './main.ts';
import { printable } from './output.ts';
import { countsText, type Progress, showProgress } from './progress.ts';
import { TimeLeft } from './time-left.ts';
import { formatDuration } from './units.ts';

/** Failures told in full, and told at all. */
const TOLD_IN_FULL = 3;
const TOLD = 20;
const INTERRUPTED = 130;

export interface Foreground {
  readonly context: Context;
  readonly engine: Engine;
  readonly handle: RunHandle;
  readonly graphs: readonly Graph[];
}

/**
 * Stays with a run until it ends: progress, failures, what it returns, and Ctrl-C. Gives the exit code.
 * The first Ctrl-C or SIGTERM cancels what runs, in order, and leaves the run to be resumed; the second leaves at once.
 */
export async function stayWith(foreground: Foreground): Promise<number> {
  const { context, engine, handle, graphs } = foreground;
  const { output } = context;
  const startMono = systemClock.now().mono;
  const opened = handle.view();
  output.say(`${output.style('bold', handle.id)}  ${printable(opened.name)}, ${opened.size} jobs`);
  const open = opened.size - opened.counts.done - opened.counts.failed - opened.counts.cancelled;
  const timeLeft = new TimeLeft(graphs, startMono, open / Math.max(1, opened.size));
  const telling: Promise<void>[] = [];
  let interrupted = false;
  {
    using progress = showProgress(
      {
        view: () => handle.view(),
        running: () => handle.running(),
        leftMs: () => timeLeft.leftMs(systemClock.now().mono),
      },
      output,
      systemClock,
    );
    const failures = new Failures(foreground, progress);
    const unlisten = engine.listen((events) => {
      timeLeft.hear(events);
      telling.push(failures.hear(events));
    });
    using _signals = onInterrupt((times) => {
      if (times > 1) leaveNow(foreground, progress);
      interrupted = true;
      progress.note(
        `stopping: ${handle.view().counts.running} running jobs are being cancelled; again to leave at once`,
      );
      telling.push(engine.shutdown());
    });
    await handle.wait();
    await Promise.all(telling);
    unlisten();
  }
  const view = handle.view();
  await report(foreground, { view, seconds: (systemClock.now().mono - startMono) / 1000 });
  if (!isFinal(view.status)) return interrupted || view.detail === 'interrupted' ? INTERRUPTED : 1;
  return view.status === 'done' ? 0 : 1;
}

/** Calls back with how often an interrupt has come. */
function onInterrupt(callback: (times: number) => void): Disposable {
  let times = 0;
  const listener = (): void => {
    times += 1;
    callback(times);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}

function leaveNow({ context, handle }: Foreground, progress: Progress): never {
  progress[Symbol.dispose]();
  context.output.say(`left at once; what still runs goes on and is found again by: ${resumeHint(context, handle)}`);
  process.exit(INTERRUPTED);
}

function resumeHint(context: Context, handle: RunHandle): string {
  return `heddle resume ${handle.id}${storeFlag(context)}`;
}

/** Tells of attempts that failed, the first ones with what there is to see. */
class Failures {
  readonly #foreground: Foreground;
  readonly #progress: Progress;
  #told = 0;

  constructor(foreground: Foreground, progress: Progress) {
    this.#foreground = foreground;
    this.#progress = progress;
  }

  async hear(events: readonly EngineEvent[]): Promise<void> {
    for (const event of events) {
      if (event.kind === 'notice') this.#progress.note(`note: ${printable(event.message)}`);
      if (event.kind !== 'job' || event.run !== this.#foreground.handle.id) continue;
      if (event.status === 'failed') await this.#tellFailure(event);
      else if (event.detail === 'backoff' && event.outcome !== undefined) this.#tellRetry(event);
    }
  }

  async #tellFailure(event: Extract<EngineEvent, { kind: 'job' }>): Promise<void> {
    this.#told += 1;
    const told = this.#told;
    if (told > TOLD) return;
    const { context, handle } = this.#foreground;
    const { output } = context;
    const how = event.outcome === undefined ? event.detail : describeOutcome(event.outcome);
    const lines = [`${output.style('red', 'failed')} ${printable(event.job)}: ${printable(how)}`];
    if (told <= TOLD_IN_FULL && event.fence > 0) {
      const row = { id: handle.id };
      const directory = directoryOf(storeDirectory(context), row, { index: event.index, name: event.job }, event.fence);
      const stderr = await lastLines(directory, 'stderr');
      lines.push(...stderr.map((line) => `  | ${line}`), `  in ${directory}: sh command.sh repeats it by hand`);
    }
    if (told === TOLD) lines.push('  further failures are not told one by one');
    this.#progress.note(lines.join('\n'));
  }

  #tellRetry(event: Extract<EngineEvent, { kind: 'job' }>): void {
    this.#told += 1;
    if (this.#told > TOLD || event.outcome === undefined) return;
    this.#progress.note(
      `${printable(event.job)}: attempt ${event.fence} failed (${printable(describeOutcome(event.outcome))}), to be tried again`,
    );
  }
}

async function report(
  foreground: Foreground,
  { view, seconds }: { readonly view: RunView; readonly seconds: number },
): Promise<void> {
  const { context, handle } = foreground;
  const { output } = context;
  const state = view.detail === '' || isFinal(view.status) ? view.status : `${view.status} (${view.detail})`;
  output.say(
    `${output.style('bold', handle.id)}  ${state}: ${countsText(view.counts)} in ${formatDuration(seconds * 1000)}`,
  );
  if (view.status === 'pending') output.say(`  continue with: ${resumeHint(context, handle)}`);
  if (view.status === 'failed') {
    output.say(
      `  see: heddle show ${handle.id}${storeFlag(context)}   again: heddle retry ${handle.id}${storeFlag(context)}`,
    );
  }
  if (context.json) {
    await output.json({
      run: handle.id,
      status: view.status,
      counts: view.counts,
      wallSeconds: Number(seconds.toFixed(3)),
    });
    return;
  }
  if (view.status !== 'done') return;
  const result = await handle.result();
  if (result !== null) await output.data(resultText(result));
}

/** Text is given as it is, several texts under their names, anything else as JSON. */
function resultText(result: Json): string {
  if (typeof result === 'string') return result;
  const entries = typeof result === 'object' && result !== null && !Array.isArray(result) ? Object.entries(result) : [];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (entries.length === 0 || texts.length !== entries.length) return JSON.stringify(result, null, 2);
  const [only] = texts;
  return texts.length === 1 && only !== undefined
    ? only[1]
    : texts.map(([name, text]) => `${name}:\n${text}`).join('\n');
}
