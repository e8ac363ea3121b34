import { asError, type EngineEvent, HeddleError, type RunId, silentLogger, type Store } from '../model/index.ts';
import type { EngineOptions } from './api.ts';
import { eventsOf, fillThinRows, isPlain, type PreparedCommit, prepareCommit } from './committing.ts';
import type { Core } from './core.ts';
import type { Outbox } from './outbox.ts';
import type { RunState } from './run-state.ts';

/** What the committer works for. */
export interface CommitHost {
  readonly core: Core;
  readonly store: Store;
  readonly options: EngineOptions;
  readonly hasListeners: boolean;
  input(input: () => void): void;
}

export interface CommitOutcomes {
  /** It is durable: now it may act and be told. */
  committed(out: Outbox, events: readonly EngineEvent[]): void;
  /** A run has another owner. */
  disowned(run: RunState): void;
  /** The store takes nothing for now: told at once, since no commit can carry it. */
  stalled(error: Error): void;
  /** The store cannot be trusted any more. */
  broken(error: Error): void;
}

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 2000;

/** An outbox on its way to the store. */
interface Flight {
  readonly out: Outbox;
  /** It may follow another to the store before that has been answered. */
  readonly isPlain: boolean;
  prepared: PreparedCommit | undefined;
  /** What the store says; absent: it has not been handed over, or is to be once more. */
  answer: Promise<Error | undefined> | undefined;
}

/**
 * Commits one outbox after the other. Where the store allows it, some follow before the first is answered, so that
 * deciding and writing go on side by side; effects still come outbox by outbox, each after its own commit. A store
 * that is full or busy is waited for; nothing is given up.
 */
export class Committer {
  readonly #host: CommitHost;
  readonly #outcomes: CommitOutcomes;
  /** In the order in which they were decided. */
  readonly #flights: Flight[] = [];
  #isDriving = false;
  #isRecovering = false;
  #stalledBy: HeddleError | undefined;

  constructor(host: CommitHost, outcomes: CommitOutcomes) {
    this.#host = host;
    this.#outcomes = outcomes;
  }

  /** A commit is under way. */
  get busy(): boolean {
    return this.#flights.length > 0;
  }

  /** No further outbox is taken before a commit has ended. */
  get isFull(): boolean {
    if (this.#flights.length === 0) return false;
    if (this.#isRecovering || this.#stalledBy !== undefined) return true;
    return this.#flights.length >= this.#most || this.#flights.some(({ isPlain }) => !isPlain);
  }

  get #most(): number {
    return this.#host.store.commitsAhead ?? 1;
  }

  /** Why commits are waiting, when they are: nothing new is accepted meanwhile. */
  get stalledBy(): HeddleError | undefined {
    return this.#stalledBy;
  }

  /** A commit under way holds the end of this run. */
  holds(run: RunState): boolean {
    return this.#flights.some(({ out }) => out.drafts.get(run)?.settled === true);
  }

  commit(out: Outbox): void {
    if (this.#flights.length === 0 && this.#host.store.commitNow !== undefined && this.#commitNow(out)) return;
    this.#flights.push({ out, isPlain: isPlain(out), prepared: undefined, answer: undefined });
    if (this.#isDriving) return this.#handOver();
    this.#isDriving = true;
    this.#drive().then(
      () => {
        this.#isDriving = false;
      },
      (thrown: unknown) => {
        const error = asError(thrown);
        this.#outcomes.broken(error);
        for (const { out } of this.#flights) for (const waiter of out.waiters) waiter(error);
      },
    );
  }

  /** Commits where nothing has to be waited for. Says whether it did; what went wrong is heard when it is tried again. */
  #commitNow(out: Outbox): boolean {
    const { core, store } = this.#host;
    try {
      const prepared = prepareCommit(core, out, store);
      store.commitNow?.(prepared.map(({ commit }) => commit));
    } catch {
      return false;
    }
    try {
      this.#finish(out);
    } catch (thrown) {
      this.#outcomes.broken(asError(thrown));
    }
    return true;
  }

  /** Takes the answers in order. After a failure everything goes to the store once more, in the same order. */
  async #drive(): Promise<void> {
    let delay = FIRST_RETRY_MS;
    for (let head = this.#flights[0]; head !== undefined; head = this.#flights[0]) {
      this.#handOver();
      const failure = await head.answer;
      if (failure === undefined) {
        this.#flights.shift();
        this.#finish(head.out);
        delay = FIRST_RETRY_MS;
        continue;
      }
      this.#isRecovering = true;
      // The store rejects what was handed over behind it too.
      for (const { answer } of this.#flights) await answer;
      for (const flight of this.#flights) flight.answer = undefined;
      await this.#recover(failure, delay);
      delay = Math.min(delay * 2, LONGEST_RETRY_MS);
      this.#isRecovering = false;
    }
  }

  #handOver(): void {
    if (this.#isRecovering) return;
    const most = this.#most;
    for (const [i, flight] of this.#flights.entries()) {
      if (i > 0 && (i >= most || !flight.isPlain)) return;
      flight.answer ??= this.#write(flight);
      if (!flight.isPlain) return;
    }
  }

  async #write(flight: Flight): Promise<Error | undefined> {
    const { core, store } = this.#host;
    try {
      if (!flight.isPlain) await fillThinRows(flight.out, store);
      flight.prepared ??= prepareCommit(core, flight.out, store);
      const ours = flight.prepared.filter(({ run }) => core.runs.get(run.id) === run);
      if (ours.length > 0) await store.commit(ours.map(({ commit }) => commit));
      return undefined;
    } catch (thrown) {
      // At once, though the answers before it may not have been taken yet: what comes now must not overtake it.
      this.#isRecovering = true;
      return asError(thrown);
    }
  }

  /** Returns when the commit may be tried again; throws when it may not. */
  async #recover(error: Error, delay: number): Promise<void> {
    const code = HeddleError.is(error) ? error.code : undefined;
    if (code === 'RUN_NOT_OWNED' && this.#disown(error)) return;
    if (!HeddleError.is(error) || (code !== 'STORE_BUSY' && code !== 'STORE_FULL')) throw error;
    if (this.#stalledBy === undefined) {
      (this.#host.options.logger ?? silentLogger).warn(
        { error },
        'the store takes no commits; the engine waits for it',
      );
      this.#outcomes.stalled(error);
    }
    this.#stalledBy = error;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#host.options.clock.after(delay, resolve);
    await promise;
  }

  #disown(error: Error): boolean {
    const details = HeddleError.is(error) ? (error.details as { readonly run?: RunId } | undefined) : undefined;
    const run = details?.run === undefined ? undefined : this.#host.core.runs.get(details.run);
    if (run === undefined) return false;
    this.#outcomes.disowned(run);
    return true;
  }

  #finish(out: Outbox): void {
    const { hasListeners, core, options } = this.#host;
    out.keepOnly((run) => core.runs.get(run.id) === run);
    for (const draft of out.drafts.values()) draft.run.told.apply(draft);
    const events = hasListeners ? eventsOf(out, core.now.wall) : [];
    for (const notice of out.notices) {
      if (notice.kind === 'notice') (options.logger ?? silentLogger).info({ code: notice.code }, notice.message);
    }
    this.#stalledBy = undefined;
    this.#outcomes.committed(out, out.notices.length === 0 ? events : [...events, ...out.notices]);
  }
}
