import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobId } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { type EventSource, runEvents } from './run-events.ts';
import { jobNotFound } from './run-control.ts';

const CHUNK_BYTES = 64 * 1024;
/** How often a file that may grow is looked at. */
const LOOK_EVERY_MS = 200;
const STREAMS = ['stdout', 'stderr'] as const;

/** A piece of what an attempt wrote. Bytes are as they came: a character may be cut in two. */
export interface LogChunk {
  readonly job: string;
  readonly fence: number;
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

export interface LogsOptions {
  /** Only these. @default every job of the run */
  readonly jobs?: readonly string[];
  /** @default both */
  readonly streams?: readonly LogChunk['stream'][];
  /** Goes on until the run ends or the engine closes. @default false */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** Where logs come from: the run, and where its attempts work. */
export interface LogSource extends EventSource {
  readonly directoryOf: (index: number, job: JobId, fence: number) => string;
}

/**
 * What the latest attempts of jobs wrote. Bytes of one stream are in order; those of different jobs come as they are found.
 *
 * @throws {HeddleError} JOB_NOT_FOUND
 */
export async function* runLogs(source: LogSource, options: LogsOptions = {}): AsyncGenerator<LogChunk> {
  const wanted = options.jobs === undefined ? undefined : new Set(options.jobs.map((job) => indexOf(source, job)));
  const streams = options.streams ?? STREAMS;
  const tails = new Map<number, JobTail>();
  const shown = new Map<number, number>();
  const changed = new Set<number>();
  const following = options.follow === true ? follow(source, changed, options.signal) : undefined;
  const tailOf = (index: number, fence: number): JobTail | undefined => {
    if (fence === 0 || shown.get(index) === fence || wanted?.has(index) === false) return undefined;
    shown.set(index, fence);
    return new JobTail(source, { index, fence, streams });
  };
  try {
    for await (const [index, fence] of started(source)) {
      const tail = tailOf(index, fence);
      if (tail === undefined) continue;
      tails.set(index, tail);
      yield* tail.more();
      if (following !== undefined) continue;
      tails.delete(index);
      await tail[Symbol.asyncDispose]();
    }
    if (following === undefined) return;
    for (let isLast = false; !isLast; ) {
      // What is found after the end of the events is all there is.
      isLast = following.over;
      for (const index of changed) {
        changed.delete(index);
        const tail = tailOf(index, source.api.job(source.run, index).fence);
        if (tail === undefined) continue;
        const before = tails.get(index);
        tails.set(index, tail);
        if (before === undefined) continue;
        yield* before.more();
        await before[Symbol.asyncDispose]();
      }
      for (const [index, tail] of tails) {
        const isOver = tail.isOver();
        yield* tail.more();
        if (!isOver) continue;
        tails.delete(index);
        await tail[Symbol.asyncDispose]();
      }
      if (!isLast) await new Promise<void>((resolve) => void systemClock.after(LOOK_EVERY_MS, resolve));
    }
  } finally {
    following?.stop();
    for (const tail of tails.values()) await tail[Symbol.asyncDispose]();
  }
}

function indexOf({ api, run }: LogSource, job: string): number {
  const index = api.indexOf(run, job as JobId);
  if (index === undefined) throw jobNotFound(run, job);
  return index;
}

/** Jobs that have had an attempt, with the ordinal of the latest. */
async function* started({ api, store, run }: LogSource): AsyncGenerator<readonly [index: number, fence: number]> {
  if (store.keepsJobs) {
    for await (const rows of store.jobs(run)) for (const { job, fence } of rows) if (fence > 0) yield [job, fence];
    return;
  }
  const { size } = api.view(run);
  for (let index = 0; index < size; index += 1) {
    const { fence } = api.job(run, index);
    if (fence > 0) yield [index, fence];
  }
}

interface Following {
  over: boolean;
  stop(): void;
}

/** Notes which jobs change, until the run ends. */
function follow(source: LogSource, changed: Set<number>, signal: AbortSignal | undefined): Following {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  signal?.addEventListener('abort', stop, { once: true });
  const following: Following = {
    over: false,
    stop: () => {
      signal?.removeEventListener('abort', stop);
      stop();
    },
  };
  if (signal?.aborted === true) stop();
  const listen = async (): Promise<void> => {
    for await (const event of runEvents(source, { signal: stopped.signal }))
      if (event.kind === 'job') changed.add(event.index);
    following.over = true;
  };
  listen().catch(() => {
    following.over = true;
  });
  return following;
}

/** The streams of one attempt, read as far as they have grown. */
class JobTail implements AsyncDisposable {
  readonly #source: LogSource;
  readonly #job: JobId;
  readonly #index: number;
  readonly #fence: number;
  readonly #directory: string;
  readonly #streams: readonly { readonly name: LogChunk['stream']; file: FileHandle | undefined; at: number }[];

  constructor(
    source: LogSource,
    of: { readonly index: number; readonly fence: number; readonly streams: readonly LogChunk['stream'][] },
  ) {
    this.#source = source;
    this.#index = of.index;
    this.#fence = of.fence;
    this.#job = source.api.job(source.run, of.index).id;
    this.#directory = source.directoryOf(of.index, this.#job, of.fence);
    this.#streams = of.streams.map((name) => ({ name, file: undefined, at: 0 }));
  }

  /** Nothing more is written: asked before the last look. */
  isOver(): boolean {
    return this.#source.api.job(this.#source.run, this.#index).status !== 'running';
  }

  async *more(): AsyncGenerator<LogChunk> {
    for (const stream of this.#streams) {
      stream.file ??= await openOrNot(join(this.#directory, stream.name));
      if (stream.file === undefined) continue;
      for (;;) {
        const { bytesRead, buffer } = await stream.file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, stream.at);
        if (bytesRead === 0) break;
        stream.at += bytesRead;
        yield { job: this.#job, fence: this.#fence, stream: stream.name, bytes: buffer.subarray(0, bytesRead) };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) await stream.file?.close();
  }
}

/** A stream that nothing was written to has no file. */
async function openOrNot(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
