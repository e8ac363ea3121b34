import { inspect } from 'node:util';
import { encodeValue } from '../calls/index.ts';
import type { RunView } from '../engine/index.ts';
import type { Engine, RunHandle } from '../jobs/index.ts';
import { describeOutcome, type EngineEvent, type Graph, isFinal, type Outcome } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { storeDirectory, storeFlag } from './find-run.ts';
import { directoryOf, lastLines, workplaceAt } from './job-record.ts';
import type { Context } from './main.ts';
import { printable } from './output.ts';
import { countsOfView, countsText, showProgress } from './progress.ts';
import { TimeLeft } from './time-left.ts';
import { formatDuration } from './units.ts';

/** Failures told in full, and told at all. */
const TOLD_IN_FULL = 3;
const TOLD = 20;
/** The exit code of what was stopped by a signal. */
export const INTERRUPTED = 130;

export interface Foreground {
  readonly context: Context;
  readonly engine: Engine;
  readonly handle: RunHandle;
  /** For the time that is left; none where reading them would cost more than that is worth. */
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
  output.say(
    `${output.style('bold', handle.id)}  ${printable(opened.name)}, ${opened.size} ${opened.size === 1 ? 'job' : 'jobs'}`,
  );
  const open = opened.size - opened.counts.done - opened.counts.failed - opened.counts.cancelled;
  const timeLeft = new TimeLeft(graphs, startMono, { size: opened.size, open });
  const failures = new Failures(foreground);
  let stopping: Promise<void> | undefined;
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
    const unlisten = engine.listen((events) => {
      timeLeft.hear(events);
      failures.hear(events);
    });
    using _signals = onInterrupt((times) => {
      if (times > 1) leaveNow(foreground, progress);
      output.say(`stopping: ${handle.view().counts.running} running jobs are being cancelled; again to leave at once`);
      stopping = engine.shutdown();
    });
    await handle.wait();
    await stopping;
    unlisten();
    await failures.told;
  }
  const view = handle.view();
  await report(foreground, { view, seconds: (systemClock.now().mono - startMono) / 1000 });
  if (!isFinal(view.status)) return stopping !== undefined || view.detail === 'interrupted' ? INTERRUPTED : 1;
  return view.status === 'done' ? 0 : 1;
}

/** Calls back with how often an interrupt has come. */
export function onInterrupt(callback: (times: number) => void): Disposable {
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

function leaveNow({ context, handle }: Foreground, progress: Disposable): never {
  progress[Symbol.dispose]();
  context.output.say(`left at once; what still runs goes on and is found again by: ${resumeHint(context, handle)}`);
  process.exit(INTERRUPTED);
}

function resumeHint(context: Context, handle: RunHandle): string {
  return `heddle resume ${handle.id}${storeFlag(context)}`;
}

type JobEvent = Extract<EngineEvent, { kind: 'job' }>;

/** Tells of attempts that failed, one after the other, the first ones with what there is to see. */
class Failures {
  /** Resolves when everything heard so far has been told. */
  told: Promise<void> = Promise.resolve();
  readonly #foreground: Foreground;
  #count = 0;

  constructor(foreground: Foreground) {
    this.#foreground = foreground;
  }

  hear(events: readonly EngineEvent[]): void {
    const { context, handle } = this.#foreground;
    for (const event of events) {
      if (event.kind === 'notice') context.output.say(`note: ${printable(event.message)}`);
      if (event.kind !== 'job' || event.run !== handle.id) continue;
      const isRetry = event.detail === 'backoff' && event.outcome !== undefined;
      if (event.status !== 'failed' && !isRetry) continue;
      this.#count += 1;
      if (this.#count > TOLD) continue;
      const full = this.#count <= TOLD_IN_FULL;
      const last = this.#count === TOLD;
      this.told = this.told.then(() => this.#tell(event, { full, last }));
    }
  }

  async #tell(event: JobEvent, { full, last }: { readonly full: boolean; readonly last: boolean }): Promise<void> {
    const { context, handle } = this.#foreground;
    const { output } = context;
    const how = printable(event.outcome === undefined ? event.detail : describeOutcome(event.outcome));
    const job = printable(event.job);
    const lines = [];
    if (event.status !== 'failed') lines.push(`${job}: attempt ${event.fence} failed (${how}), to be tried again`);
    else lines.push(`${output.style('red', 'failed')} ${job}: ${how}`);
    if (event.status === 'failed') lines.push(...moreOf(event.outcome).map((line) => `  ${printable(line)}`));
    if (event.status === 'failed' && full && event.fence > 0) {
      const directory = directoryOf(
        storeDirectory(context),
        handle,
        { index: event.index, name: event.job },
        event.fence,
      );
      lines.push(...(await evidenceOf(directory)));
    }
    if (last) lines.push('  further failures are not told one by one');
    output.say(lines.join('\n'));
  }
}

/** What an outcome says beside how it ended: what to do, or what there is instead. */
function moreOf(outcome: Outcome | undefined): readonly string[] {
  if (outcome?.kind === 'error') return outcome.error.hint === undefined ? [] : [outcome.error.hint];
  return outcome?.kind === 'output-missing' && outcome.note !== undefined ? [outcome.note] : [];
}

/** What an attempt that failed left behind; nothing where it had no directory. */
async function evidenceOf(directory: string): Promise<readonly string[]> {
  const place = workplaceAt(directory);
  if (place === undefined) return [];
  const stderr = await lastLines(directory, 'stderr');
  const repeat = place.isRepeatable ? ['  sh command.sh there repeats it by hand'] : [];
  return [...stderr.map((line) => `  | ${line}`), `  in ${directory}`, ...repeat];
}

async function report(
  foreground: Foreground,
  { view, seconds }: { readonly view: RunView; readonly seconds: number },
): Promise<void> {
  const { context, engine, handle } = foreground;
  const { output } = context;
  const state = view.detail === '' || isFinal(view.status) ? view.status : `${view.status} (${view.detail})`;
  const cached = (await engine.store.fingerprints?.countReused(handle.id)) ?? 0;
  const counts = `${countsText(countsOfView(view))}${cached === 0 ? '' : ` (${cached} cached)`}`;
  output.say(`${output.style('bold', handle.id)}  ${state}: ${counts} in ${formatDuration(seconds * 1000)}`);
  if (view.status === 'pending') output.say(`  continue with: ${resumeHint(context, handle)}`);
  if (view.status === 'failed') {
    output.say(`  see:   heddle show ${handle.id}${storeFlag(context)}`);
    output.say(`  again: heddle retry ${handle.id}${storeFlag(context)}`);
  }
  const result = view.status === 'done' ? ((await handle.result()) ?? undefined) : undefined;
  if (context.json) {
    await output.json({
      run: handle.id,
      status: view.status,
      counts: view.counts,
      ...(cached === 0 ? {} : { cached }),
      wallSeconds: Number(seconds.toFixed(3)),
      // What is more than JSON can say is left out.
      ...(result !== undefined && encodeValue(result).codec === 'json' ? { result } : {}),
    });
    return;
  }
  if (result !== undefined) await output.data(resultText(result));
}

/** Text is given as it is, several texts under their names, anything else as JSON where JSON can say it. */
function resultText(result: unknown): string {
  if (typeof result === 'string') return result;
  const entries =
    typeof result === 'object' && result !== null && !Array.isArray(result) ? Object.entries(result as object) : [];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (entries.length === 0 || texts.length !== entries.length) return dataText(result);
  const [only] = texts;
  return texts.length === 1 && only !== undefined
    ? only[1]
    : texts.map(([name, text]) => `${name}:\n${text}`).join('\n');
}

function dataText(result: unknown): string {
  const { codec } = encodeValue(result);
  return codec === 'json' ? JSON.stringify(result, null, 2) : inspect(result, { depth: 6 });
}
