import { asError, type EngineEvent, HeddleError, type RunId, silentLogger, type Store } from '../model/index.ts';
import type { EngineOptions } from './api.ts';
import { eventsOf, type PreparedCommit, prepareCommit } from './committing.ts';
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

/** Commits one outbox after the other. A store that is full or busy is waited for; nothing is given up. */
export class Committer {
  readonly #host: CommitHost;
  readonly #outcomes: CommitOutcomes;
  #current: Outbox | undefined;
  #stalledBy: HeddleError | undefined;

  constructor(host: CommitHost, outcomes: CommitOutcomes) {
    this.#host = host;
    this.#outcomes = outcomes;
  }

  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Why commits are waiting, when they are: nothing new is accepted meanwhile. */
  get stalledBy(): HeddleError | undefined {
    return this.#stalledBy;
  }

  /** A commit under way holds the end of this run. */
  holds(run: RunState): boolean {
    return this.#current?.drafts.get(run)?.settled === true;
  }

  commit(out: Outbox): void {
    this.#current = out;
    this.#write(out).catch((thrown: unknown) => {
      const error = asError(thrown);
      this.#outcomes.broken(error);
      for (const waiter of out.waiters) waiter(error);
    });
  }

  async #write(out: Outbox): Promise<void> {
    const prepared = await prepareCommit(this.#host.core, out, this.#host.store);
    for (let delay = FIRST_RETRY_MS; ; delay = Math.min(delay * 2, LONGEST_RETRY_MS)) {
      const ours = prepared.commits.filter(({ run }) => this.#host.core.runs.get(run.id) === run);
      const commits = ours.map(({ commit }) => commit);
      try {
        if (commits.length > 0) await this.#host.store.commit(commits);
        break;
      } catch (thrown) {
        await this.#recover(asError(thrown), delay);
      }
    }
    this.#finish(out, prepared);
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

  #finish(out: Outbox, prepared: PreparedCommit): void {
    const { hasListeners, core, options } = this.#host;
    out.keepOnly((run) => core.runs.get(run.id) === run);
    for (const draft of out.drafts.values()) draft.run.told.apply(draft);
    const events = hasListeners ? eventsOf(out, prepared, core.now.wall) : [];
    for (const notice of out.notices) {
      if (notice.kind === 'notice') (options.logger ?? silentLogger).info({ code: notice.code }, notice.message);
    }
    this.#current = undefined;
    this.#stalledBy = undefined;
    this.#outcomes.committed(out, out.notices.length === 0 ? events : [...events, ...out.notices]);
  }
}
