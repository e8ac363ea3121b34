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

/** Commits one outbox after the other. A store that is full or busy is waited for; nothing is given up. */
export interface Committer {
  readonly busy: boolean;
  /** Why commits are waiting, when they are: nothing new is accepted meanwhile. */
  readonly stalledBy: HeddleError | undefined;
  commit(out: Outbox): void;
  /** A commit under way holds the end of this run. */
  holds(run: RunState): boolean;
}

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 2000;

export function openCommitter(host: CommitHost, outcomes: CommitOutcomes): Committer {
  let current: Outbox | undefined;
  let stalledBy: HeddleError | undefined;

  function finish(out: Outbox, prepared: PreparedCommit): void {
    const events = host.hasListeners ? eventsOf(out, prepared, host.core.now.wall) : [];
    const notices = out.notices;
    for (const notice of notices) {
      if (notice.kind === 'notice') (host.options.logger ?? silentLogger).info({ code: notice.code }, notice.message);
    }
    current = undefined;
    stalledBy = undefined;
    outcomes.committed(out, notices.length === 0 ? events : [...events, ...notices]);
  }

  async function write(out: Outbox): Promise<void> {
    const prepared = await prepareCommit(host.core, out, host.store);
    await persist(out, prepared, FIRST_RETRY_MS);
  }

  async function persist(out: Outbox, prepared: PreparedCommit, delay: number): Promise<void> {
    const commits = prepared.commits.filter((commit) => host.core.runs.has(commit.run));
    try {
      if (commits.length > 0) await host.store.commit(commits);
    } catch (thrown) {
      await failed(out, prepared, { thrown, delay });
      return;
    }
    finish(out, prepared);
  }

  async function failed(
    out: Outbox,
    prepared: PreparedCommit,
    failure: { thrown: unknown; delay: number },
  ): Promise<void> {
    const error = asError(failure.thrown);
    const code = HeddleError.is(error) ? error.code : undefined;
    if (code === 'RUN_NOT_OWNED' && disown(error)) return persist(out, prepared, failure.delay);
    if (code !== 'STORE_BUSY' && code !== 'STORE_FULL') throw error;
    if (stalledBy === undefined) tellStall(error);
    if (HeddleError.is(error)) stalledBy = error;
    await pauseFor(failure.delay);
    await persist(out, prepared, Math.min(failure.delay * 2, LONGEST_RETRY_MS));
  }

  function disown(error: Error): boolean {
    const details = HeddleError.is(error) ? (error.details as { readonly run?: RunId } | undefined) : undefined;
    const run = details?.run === undefined ? undefined : host.core.runs.get(details.run);
    if (run === undefined) return false;
    outcomes.disowned(run);
    return true;
  }

  function tellStall(error: Error): void {
    (host.options.logger ?? silentLogger).warn({ error }, 'the store takes no commits; the engine waits for it');
    outcomes.stalled(error);
  }

  function pauseFor(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    host.options.clock.after(delayMs, resolve);
    return promise;
  }

  return {
    get busy() {
      return current !== undefined;
    },
    get stalledBy() {
      return stalledBy;
    },
    holds: (run) => current?.drafts.get(run)?.settled === true,
    commit(out) {
      current = out;
      write(out).catch((thrown: unknown) => outcomes.broken(asError(thrown)));
    },
  };
}
