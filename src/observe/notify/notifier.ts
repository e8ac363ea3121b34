import {
  asError,
  type EngineEvent,
  FINAL_STATUSES,
  type FinalStatus,
  isFinal,
  type ObservedEngine,
  type Observer,
  type RunId,
  type RunRow,
} from '../../model/index.ts';
import { asItIs, type Redact } from '../redact.ts';
import {
  messageKey,
  messageOf,
  NOTIFY_EVENTS,
  type NotifyEvent,
  TOLD_FAILURES,
  type ToldFailure,
  toldFailure,
} from './message.ts';
import { Outbox, type Wish } from './outbox.ts';
import { SEND_LIMITS, Sender, type SendLimits } from './sender.ts';
import { parseTarget, targetText } from './target.ts';

export interface NotifyOptions {
  /** Addresses (`https://...`) and shell lines (`command:...`). None: only what earlier runs left is sent. */
  readonly to: readonly string[];
  /** @default ['end', 'failure'] */
  readonly on?: readonly NotifyEvent[];
  /** Takes secrets out of what is sent. */
  readonly redact?: Redact;
  readonly limits?: Partial<SendLimits>;
  /** How long closing the engine waits for what was never tried. @default 5000 */
  readonly closeMs?: number;
}

/**
 * Tells people and programs that a run has ended, and that the first of its jobs has failed: by a POST of JSON or by a command.
 * What is to be sent is written down in the store first, and is sent by whoever opens the store next where it could not be sent
 * now. A message may come twice, with the same `Idempotency-Key`. Nothing of it has an effect on a run.
 *
 * @throws {HeddleError} INPUT_INVALID for a target that is none
 *
 * @example
 * await using engine = await Engine.open({ store: '.heddle', observers: [notify({ to: ['https://example.org/hook'] })] });
 */
export function notify(options: NotifyOptions): Observer {
  const targets = [...new Set(options.to.map((text) => targetText(parseTarget(text))))];
  const wish: Wish = { targets, on: options.on ?? NOTIFY_EVENTS };
  return {
    observe: (engine) => {
      const notifier = new Notifier(engine, wish, options);
      return { [Symbol.asyncDispose]: () => notifier.close() };
    },
  };
}

interface SeenRun {
  /** Who wants to be told; read once. */
  wish: Promise<Wish | undefined> | undefined;
  readonly failed: ToldFailure[];
  startedAt: number;
}

/** Listens to one engine. All that touches the disk goes one after the other, behind the engine's back. */
class Notifier {
  readonly #engine: ObservedEngine;
  readonly #wish: Wish;
  readonly #redact: Redact;
  readonly #closeMs: number;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #runs = new Map<RunId, SeenRun>();
  readonly #stop: () => void;
  #work: Promise<void> = Promise.resolve();

  constructor(engine: ObservedEngine, wish: Wish, options: NotifyOptions) {
    const { clock, random, logger, directory } = engine;
    this.#engine = engine;
    this.#wish = wish;
    this.#redact = options.redact ?? engine.redact ?? asItIs;
    this.#closeMs = options.closeMs ?? 5000;
    const tag = Math.floor(random.next() * 2 ** 40).toString(36);
    this.#outbox = new Outbox(directory, tag);
    this.#sender = new Sender({
      outbox: this.#outbox,
      clock,
      random,
      logger,
      limits: { ...SEND_LIMITS, ...options.limits },
    });
    this.#then(() => this.#takeOver());
    this.#stop = engine.listen((events) => this.#hear(events));
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#work;
    await this.#sender.close(this.#closeMs);
    await this.#outbox.close().catch((error: unknown) => this.#complain(error));
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => this.#complain(error));
  }

  /** What others have left, and the ends of runs that nobody could tell of any more. */
  async #takeOver(): Promise<void> {
    const { store } = this.#engine;
    await this.#outbox.adopt();
    for (const key of await this.#outbox.keys()) this.#sender.add(key);
    for (const run of await this.#outbox.wished()) {
      const row = await store.run(run);
      if (row === undefined) await this.#outbox.granted(run);
      else if (isFinal(row.status) && (await store.ownerOf(run))?.alive !== true) await this.#tellEnd(row);
    }
  }

  #hear(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.kind === 'run') this.#hearRun(event);
      else if (event.kind === 'job') this.#hearJob(event);
    }
  }

  #hearRun(event: Extract<EngineEvent, { kind: 'run' }>): void {
    const seen = this.#seen(event.run);
    if (event.status === 'running' && seen.startedAt === 0) seen.startedAt = event.at;
    if (!isFinal(event.status)) return;
    this.#runs.delete(event.run);
    this.#then(async () => {
      const wish = await this.#wishOf(event.run, seen);
      if (wish === undefined) return;
      const row = await this.#engine.store.run(event.run);
      const { name = event.run, startedAt = seen.startedAt } = row ?? {};
      await this.#tell({ ...event, name, startedAt }, { event: 'end', wish, failed: seen.failed });
      await this.#outbox.granted(event.run);
    });
  }

  #hearJob(event: Extract<EngineEvent, { kind: 'job' }>): void {
    // The first one of a run: who wants to be told is written down before it can end.
    const seen = this.#seen(event.run);
    if (event.status !== 'failed' || seen.failed.length >= TOLD_FAILURES) return;
    seen.failed.push(toldFailure(event));
    if (seen.failed.length > 1) return;
    const failed = [...seen.failed];
    this.#then(async () => {
      const wish = await this.#wishOf(event.run, seen);
      if (wish === undefined) return;
      const name = (await this.#engine.store.run(event.run))?.name ?? event.run;
      const of = { run: event.run, at: event.at, status: 'running' as const, name, startedAt: 0 };
      await this.#tell(of, { event: 'failure', wish, failed });
    });
  }

  #seen(run: RunId): SeenRun {
    let seen = this.#runs.get(run);
    if (seen === undefined) {
      seen = { wish: undefined, failed: [], startedAt: 0 };
      this.#runs.set(run, seen);
      const first = seen;
      this.#then(async () => void (await this.#wishOf(run, first)));
    }
    return seen;
  }

  /** What was wished when the run was started holds for whoever resumes it. */
  #wishOf(run: RunId, seen: SeenRun): Promise<Wish | undefined> {
    seen.wish ??= this.#readWish(run);
    return seen.wish;
  }

  async #readWish(run: RunId): Promise<Wish | undefined> {
    const before = await this.#outbox.wishOf(run);
    const { targets, on } = this.#wish;
    if (targets.length === 0) return before;
    const wish = { targets: [...new Set([...(before?.targets ?? []), ...targets])], on };
    await this.#outbox.wish(run, wish);
    return wish;
  }

  async #tellEnd(row: RunRow): Promise<void> {
    const wish = await this.#outbox.wishOf(row.id);
    const { id: run, endedAt: at, name, startedAt, status } = row;
    if (wish !== undefined && isFinal(status))
      await this.#tell({ run, at, name, startedAt, status }, { event: 'end', wish, failed: await this.#failedOf(run) });
    await this.#outbox.granted(run);
  }

  async #failedOf(run: RunId): Promise<readonly ToldFailure[]> {
    const { store } = this.#engine;
    const failed: ToldFailure[] = [];
    if (!store.keepsJobs) return failed;
    for await (const rows of store.jobs(run)) {
      for (const { job, status, detail } of rows) {
        if (status === 'failed') failed.push({ job: `#${job}`, cause: detail, how: detail });
        if (failed.length === TOLD_FAILURES) return failed;
      }
    }
    return failed;
  }

  async #tell(
    of: Pick<RunRow, 'name' | 'startedAt'> & {
      readonly run: RunId;
      readonly at: number;
      readonly status: RunRow['status'];
    },
    what: { readonly event: NotifyEvent; readonly wish: Wish; readonly failed: readonly ToldFailure[] },
  ): Promise<void> {
    const { event, wish, failed } = what;
    if (!wish.on.includes(event)) return;
    const counts = event === 'end' ? await this.#countsOf(of.run) : undefined;
    const status: FinalStatus | 'running' = FINAL_STATUSES.find((word) => word === of.status) ?? 'running';
    for (const target of wish.targets) {
      const key = messageKey({ run: of.run, event, at: of.at }, target);
      const facts = { ...of, status, event, failed, ...(counts === undefined ? {} : { counts }) };
      const body = JSON.stringify(messageOf(facts, key, this.#redact));
      await this.#outbox.put({ key, event, target, createdAt: this.#engine.clock.now().wall, body });
      this.#sender.add(key);
    }
  }

  async #countsOf(run: RunId): Promise<Readonly<Record<string, number>> | undefined> {
    const { store } = this.#engine;
    return store.keepsJobs ? Object.fromEntries(await store.counts(run)) : undefined;
  }

  #complain(error: unknown): void {
    this.#engine.logger.warn({ error: asError(error).message }, 'a notification could not be written down or sent');
  }
}
