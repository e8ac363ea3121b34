import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { asRunId, type RunId, type Store } from '../model/index.ts';
import type { MeasuredUsage } from './meter.ts';
import type { SeriesData } from './series.ts';

/** What was measured of one attempt. */
export interface AttemptUsage extends MeasuredUsage {
  readonly kind: 'attempt';
  /** Index of the job in its run. */
  readonly job: number;
  readonly fence: number;
  readonly series?: SeriesData;
}

/** What was measured of a run while one engine had it: all its attempts together, and the engine's own process. */
export interface RunUsage {
  readonly kind: 'run';
  readonly attempts: SeriesData;
  readonly engine: SeriesData;
}

export type UsageLine = AttemptUsage | RunUsage;

const FOLDER = 'usage';
/** A run's file does not grow beyond: curves are left out first, then everything. */
const MOST_BYTES = 64 * 1024 * 1024;
const CURVES_BYTES = MOST_BYTES / 2;

/** Where what was measured of a run is kept: one line of JSON an attempt, and one for each engine that had it. */
export function usageFile(store: string, run: string): string {
  return join(store, FOLDER, `${run}.ndjson`);
}

/**
 * Writes what was measured into files of the store, a file a run. It is a record for people, not the truth about a run: nothing
 * waits for it, and a crash may lose what was measured last.
 */
export class UsageLog {
  readonly #store: string;
  readonly #waiting = new Map<RunId, UsageLine[]>();
  readonly #bytes = new Map<RunId, number>();
  #writing: Promise<void> | undefined;
  readonly #failed: (error: unknown) => void;

  /** `failed` hears of a file that can't be written; measuring goes on. */
  constructor(store: string, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  add(run: RunId, line: UsageLine): void {
    const lines = this.#waiting.get(run);
    if (lines === undefined) this.#waiting.set(run, [line]);
    else lines.push(line);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when everything added so far is written, or could not be. */
  async flushed(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #write(): Promise<void> {
    // What comes in the same turn of the loop goes into one write.
    await Promise.resolve();
    for (;;) {
      const next = this.#waiting.entries().next().value;
      if (next === undefined) return;
      const [run, lines] = next;
      this.#waiting.delete(run);
      try {
        await this.#append(run, lines);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  async #append(run: RunId, lines: readonly UsageLine[]): Promise<void> {
    const path = usageFile(this.#store, run);
    let size = this.#bytes.get(run);
    if (size === undefined) {
      await mkdir(join(this.#store, FOLDER), { recursive: true });
      size = await stat(path).then(
        (found) => found.size,
        () => 0,
      );
    }
    let text = '';
    for (const line of lines) {
      const json = `${JSON.stringify(size + text.length > CURVES_BYTES ? withoutSeries(line) : line)}\n`;
      if (size + text.length + json.length <= MOST_BYTES) text += json;
    }
    this.#bytes.set(run, size + text.length);
    await appendFile(path, text);
  }
}

function withoutSeries(line: UsageLine): UsageLine {
  if (line.kind === 'run') return line;
  const { series: _, ...rest } = line;
  return rest;
}

/** Reads what was measured of a run, line by line; nothing where nothing was. A line that was torn by a crash is left out. */
export async function* readUsage(store: string, run: string): AsyncGenerator<UsageLine, void> {
  const path = usageFile(store, run);
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  for await (const text of lines) {
    const line = parsed(text);
    if (line !== undefined) yield line;
  }
}

/** What was measured of one attempt; undefined where nothing was. */
export async function usageOf(
  store: string,
  run: string,
  { job, fence }: { readonly job: number; readonly fence: number },
): Promise<AttemptUsage | undefined> {
  let found: AttemptUsage | undefined;
  for await (const line of readUsage(store, run)) {
    if (line.kind === 'attempt' && line.job === job && line.fence === fence) found = line;
  }
  return found;
}

function parsed(text: string): UsageLine | undefined {
  try {
    const line = JSON.parse(text) as UsageLine;
    return line.kind === 'attempt' || line.kind === 'run' ? line : undefined;
  } catch {
    return undefined;
  }
}

/** Removes files of runs that the store has no more: what was measured of a run goes with it. */
export async function sweepUsage(directory: string, store: Store): Promise<void> {
  const names = await readdir(join(directory, FOLDER)).catch(() => []);
  for (const name of names) {
    const run = name.replace(/\.ndjson$/, '');
    if (run === name || (await store.run(asRunId(run))) !== undefined) continue;
    await rm(join(directory, FOLDER, name), { force: true });
  }
}
