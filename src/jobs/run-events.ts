import type { EngineApi } from '../engine/index.ts';
import type { EngineEvent, RunId, Store } from '../model/index.ts';
import { systemClock } from '../process/index.ts';

/** Events kept for a slow listener. Beyond, they are read from the store again, where it keeps them. */
const MAX_BUFFERED = 50_000;
const PAGE = 2000;

/** Where the events of a run come from. */
export interface EventSource {
  readonly api: EngineApi;
  readonly store: Store;
  readonly run: RunId;
  /** The engine's end: every stream ends with it. */
  readonly closed: AbortSignal;
}

export interface EventsOptions {
  /** Only what has a larger sequence number. @default 0: from the beginning, as far as the store keeps it */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

/**
 * What happened and happens to a run, each event after the commit that holds it and once; ends when the run ends, is
 * interrupted, or the engine closes. What had happened before comes from the store, without the outcomes of attempts.
 */
export async function* runEvents(source: EventSource, options: EventsOptions = {}): AsyncGenerator<EngineEvent> {
  const live = new LiveEvents(source, options.signal);
  let seq = options.after ?? 0;
  try {
    while (options.signal?.aborted !== true) {
      if (live.behind && !source.closed.aborted) {
        live.behind = false;
        for await (const event of stored(source, seq)) {
          seq = event.seq;
          yield event;
        }
      }
      const events = live.take();
      for (const event of events) {
        if (event.kind === 'job' && event.seq <= seq) continue;
        if (event.kind === 'job') seq = event.seq;
        yield event;
      }
      if (source.closed.aborted) return;
      if (events.length > 0 || live.behind) continue;
      if (live.over) return;
      await live.more();
    }
  } finally {
    live.stop();
  }
}

type JobEvent = Extract<EngineEvent, { kind: 'job' }>;

async function* stored(source: EventSource, after: number): AsyncGenerator<JobEvent> {
  const { api, store, run } = source;
  let seq = after;
  for (;;) {
    const page = await store.transitions(run, seq, PAGE);
    for (const { job: index, from, to: status, detail, fence, at, seq: own } of page) {
      seq = own;
      yield { kind: 'job', run, seq, job: api.job(run, index).id, index, from, status, detail, fence, at };
    }
    if (page.length < PAGE) return;
  }
}

/** What the engine tells of one run, gathered until it is taken. */
class LiveEvents {
  /** Something is only in the store. */
  behind: boolean;
  /** The run has ended, and everything about it has been told. */
  over = false;
  readonly #source: EventSource;
  readonly #signal: AbortSignal | undefined;
  readonly #unlisten: () => void;
  readonly #onAbort = (): void => this.#wake();
  #events: EngineEvent[] = [];
  #wake: () => void = () => undefined;

  constructor(source: EventSource, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    this.behind = source.store.keepsJobs;
    this.#unlisten = source.api.listen((events) => this.#gather(events));
    for (const each of [signal, source.closed]) each?.addEventListener('abort', this.#onAbort, { once: true });
    void this.#watchEnd();
  }

  take(): readonly EngineEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  async more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  stop(): void {
    this.#unlisten();
    for (const each of [this.#signal, this.#source.closed]) each?.removeEventListener('abort', this.#onAbort);
  }

  #gather(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.run !== undefined && event.run !== this.#source.run) continue;
      if (this.#events.length >= MAX_BUFFERED && this.#source.store.keepsJobs) {
        this.#events = this.#events.filter((kept) => kept.kind !== 'job');
        this.behind = true;
      }
      if (!this.behind || event.kind !== 'job') this.#events.push(event);
    }
    this.#wake();
  }

  async #watchEnd(): Promise<void> {
    try {
      await this.#source.api.ended(this.#source.run);
    } catch {
      // An engine that closed tells no more either.
    }
    // Listeners hear of the end in the same turn as whoever waits for it.
    systemClock.soon(() => {
      this.over = true;
      this.#wake();
    });
  }
}
