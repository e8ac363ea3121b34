import {
  asError,
  type Backend,
  type Clock,
  type EngineEvent,
  HeddleError,
  type Instant,
  silentLogger,
  type Store,
} from '../model/index.ts';
import { type ActorHost, cancelEach, launchAll, recallEach, recoverAll, releaseEach, takeReport } from './acting.ts';
import type { EngineOptions, RunView } from './api.ts';
import { abandon } from './attempts.ts';
import { Committer } from './committer.ts';
import { Core, coreSettings, type CoreSettings } from './core.ts';
import { viewRun } from './explaining.ts';
import { headsBefore } from './strategies.ts';
import { BackendLimits, timesTotals } from './limits.ts';
import { CustomConditions } from './custom-conditions.ts';
import { Entrance } from './entrance.ts';
import { EventListeners } from './event-listeners.ts';
import { expandAll } from './expansions.ts';
import type { Outbox } from './outbox.ts';
import { askAll } from './reusing.ts';
import type { RunState } from './run-state.ts';
import { standingNotices } from './standing-notices.ts';
import { addChore, turn, type TurnBudget, wallJumped } from './turn.ts';
import { WakeTimer } from './wake-timer.ts';

/**
 * One turn's measure where it is committed: some hundred rows, a millisecond or two. Larger commits are more steps a second,
 * and more of them wait for their word whenever the disk or a collection of garbage takes its time.
 */
const BUDGET: TurnBudget = { edges: 500, grants: 80, size: 320 };
/** Where nothing is kept of jobs. */
const VOLATILE_BUDGET: TurnBudget = { edges: 2000, grants: 250, size: 1000 };
/** Clocks that disagree by more than this have jumped. */
const JUMP_MS = 1000;
/** While jobs wait for points in time, the wall clock is looked at so often. */
const JUMP_CHECK_MS = 30_000;

interface EndWaiter {
  resolve(view: RunView): void;
  reject(error: Error): void;
}

/**
 * Brings in what happens, lets the core decide, commits what was decided, and only then launches,
 * cancels and tells.
 *
 * One turn: inputs of this turn of the event loop -> `turn()` -> one commit -> its effects. While as many commits are
 * under way as the store takes, inputs gather for the next. States: running -> broken, when the store cannot be
 * trusted or the core has a bug: then nothing more is decided and everybody who waits is told.
 */
export class EngineLoop implements ActorHost {
  readonly core: Core;
  readonly store: Store;
  readonly options: EngineOptions;
  readonly limits: BackendLimits;
  /** Who changes a run in ways that take their time, one after the other. */
  readonly entrance: Entrance = new Entrance();
  readonly #clock: Clock;
  readonly #committer: Committer;
  readonly #listeners: EventListeners;
  readonly #endWaiters: Map<RunState, EndWaiter[]> = new Map();
  readonly #givingUp: Map<RunState, Promise<void>> = new Map();
  #commitWaiters: (() => void)[] = [];
  /** Told when nothing will come of what they wait for. */
  readonly #failures: Set<(error: Error) => void> = new Set();
  #scheduled = false;
  /** Reports are being taken that came together. */
  #isGathering = false;
  #isTurning = false;
  readonly #timer: WakeTimer;
  #broken: Error | undefined;
  #stopped = false;
  #lastSkew: number;

  constructor(options: EngineOptions) {
    this.options = options;
    this.store = options.store;
    this.#clock = options.clock;
    this.#listeners = new EventListeners(options.logger ?? silentLogger);
    this.#timer = new WakeTimer(options.clock, () => this.#poke());
    const customConditions = new CustomConditions(this, (name) => options.conditions?.[name]);
    const judge: CoreSettings['judge'] = (name, everyMs) => customConditions.holds(name, everyMs);
    this.core = new Core(coreSettings(options, judge), {
      tokens: options.tokens ?? {},
      totals: timesTotals(options),
    });
    this.limits = new BackendLimits(this.core, options.oversubscribe ?? 1);
    const now = options.clock.now();
    this.core.now = now;
    this.#lastSkew = now.wall - now.mono;
    this.#committer = new Committer(this, {
      committed: (out, events) => this.#committed(out, events),
      disowned: (run) => this.#disown(run),
      stalled: (error) => this.#stalled(error),
      broken: (error) => this.break(error),
    });
  }

  /** Opens a backend and takes its places in. */
  async openBackend(backend: Backend): Promise<void> {
    const state = this.core.addBackend(backend, headsBefore(this.core));
    const { options } = this;
    const places = await backend.open({
      clock: options.clock,
      logger: options.logger ?? silentLogger,
      directory: options.directory ?? '',
      project: options.project ?? '',
      ...(options.slots === undefined ? {} : { slots: options.slots }),
      ...(options.gpus === undefined ? {} : { gpus: options.gpus }),
      report: (event) =>
        this.input(() => takeReport(this.core, backend.name, this.limits.limited(backend.name, event))),
      ...(options.store.commitNow === undefined ? {} : { together: (reports) => this.#together(reports) }),
    });
    state.setPlaces(this.limits.offered(backend.name, places));
    this.core.placesChanged();
  }

  /** Why nothing is accepted: the engine is broken, or its store takes no commits for now. */
  get refusal(): Error | undefined {
    return this.#broken ?? this.#committer.stalledBy;
  }

  get broken(): Error | undefined {
    return this.#broken;
  }

  /** Why commits are waiting, when they are. */
  get stalledBy(): Error | undefined {
    return this.#committer.stalledBy;
  }

  get isCommitting(): boolean {
    return this.#committer.busy;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  input(input: () => void): void {
    if (!this.#isGathering) this.core.now = this.#now();
    input();
    this.#poke();
  }

  /** Takes what an event of the loop brought as one, and then the turn that follows from it. */
  #together(reports: () => void): void {
    if (this.#isGathering || this.#isTurning || this.#stopped || this.#broken !== undefined) return reports();
    const isScheduled = this.#scheduled;
    this.core.now = this.#now();
    this.#isGathering = true;
    this.#scheduled = true;
    try {
      reports();
    } finally {
      this.#isGathering = false;
      this.#scheduled = isScheduled;
    }
    this.#turn();
  }

  /** Reads both clocks; when they have drifted apart, what waits for a point in time is looked at. */
  #now(): Instant {
    const now = this.#clock.now();
    const skew = now.wall - now.mono;
    if (Math.abs(skew - this.#lastSkew) > JUMP_MS) {
      this.core.now = now;
      this.core.notice('clock-jump', `the wall clock jumped by ${Math.round((skew - this.#lastSkew) / 1000)} s`);
      wallJumped(this.core);
    }
    this.#lastSkew = skew;
    return now;
  }

  /** Takes the time in. */
  readClock(): void {
    this.core.now = this.#now();
  }

  #poke(): void {
    if (this.#scheduled || this.#stopped || this.#broken !== undefined) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.core.now = this.#now();
      this.#turn();
    });
  }

  #turn(): void {
    // A turn that was asked for before the engine stopped would set its timer again, and hold the program up.
    if (this.#committer.isFull || this.#stopped || this.#broken !== undefined) return;
    this.#isTurning = true;
    this.#decide();
    this.#isTurning = false;
  }

  #decide(): void {
    const { core } = this;
    try {
      turn(core, this.store.keepsJobs ? BUDGET : VOLATILE_BUDGET);
    } catch (thrown) {
      // A bug of ours must stop the engine aloud, never leave it half alive.
      this.break(new HeddleError('ENGINE_BROKEN', `the engine failed: ${asError(thrown).message}`, { cause: thrown }));
      return;
    }
    this.#armTimer();
    if (!core.out.isEmpty || core.notices.length > 0) this.#committer.commit(core.takeOutbox());
    if (core.isBusy) this.#poke();
  }

  #committed(out: Outbox, events: readonly EngineEvent[]): void {
    this.#listeners.tell(events);
    for (const draft of out.drafts.values()) if (draft.settled) this.#settled(draft.run, draft.released);
    for (const waiter of out.waiters) waiter();
    // What these bring about at once (a no-op's end) is to go into the next commit: so the next turn is asked for last.
    const isScheduled = this.#scheduled;
    this.#scheduled = true;
    if (out.launches.length > 0) launchAll(this, out.launches);
    if (out.expansions.length > 0) expandAll(this, out.expansions);
    if (out.questions.length > 0) askAll(this, out.questions);
    if (out.cancels.length > 0) cancelEach(this, out.cancels);
    if (out.recalls.length > 0) recallEach(this, out.recalls);
    if (out.releases.length > 0) releaseEach(this, out.releases);
    if (out.rechecks.length > 0) void recoverAll(this, out.rechecks);
    this.#scheduled = isScheduled;
    this.#tellCommitted();
    // Where nothing was waited for, nobody was turned away meanwhile: whoever is deciding looks himself whether there is more.
    if (this.#isTurning && !this.core.isBusy) this.#armTimer();
    else this.#poke();
  }

  #stalled(error: Error): void {
    const code = HeddleError.is(error) ? error.code : 'STORE_BUSY';
    const message = `${error.message}; nothing new is started until it takes commits again`;
    this.#listeners.tell([{ kind: 'notice', code, message, at: this.core.now.wall }]);
  }

  #settled(run: RunState, released: boolean): void {
    const view = viewRun(run);
    for (const waiter of this.#endWaiters.get(run) ?? []) waiter.resolve(view);
    this.#endWaiters.delete(run);
    if (released) this.core.runs.delete(run.id);
    const givenUp = this.store
      .releaseRun(run.id, run.epoch)
      .catch((thrown: unknown) => {
        (this.options.logger ?? silentLogger).warn({ error: asError(thrown) }, 'a run could not be given up');
      })
      .finally(() => this.#givingUp.delete(run));
    this.#givingUp.set(run, givenUp);
  }

  /** Resolves when the end of a run is durable and the run has been given up: from then on it can be claimed again. */
  async givenUp(run: RunState): Promise<void> {
    await this.durable();
    await this.#givingUp.get(run);
  }

  #armTimer(): void {
    let due = this.core.timers.next();
    if (due === undefined) return;
    if ([...this.core.runs.values()].some((run) => run.timeGated.size > 0))
      due = Math.min(due, this.core.now.mono + JUMP_CHECK_MS);
    this.#timer.arm(due, this.core.now.mono);
  }

  /** Decides nothing more, and tells everybody who waits. */
  break(error: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.core.draining = true;
    this.#timer.cancel();
    (this.options.logger ?? silentLogger).error({ error }, 'the engine stops');
    for (const waiters of this.#endWaiters.values()) for (const waiter of waiters) waiter.reject(error);
    this.#endWaiters.clear();
    for (const waiter of this.core.out.waiters) waiter(error);
    for (const fail of this.#failures) fail(error);
    this.#tellCommitted();
  }

  /**
   * Another owner has the run: nothing of it is written or told any more. What lives in this process is
   * stopped; what outlives processes is the new owner's, who has asked after it by now.
   */
  #disown(run: RunState): void {
    this.core.runs.delete(run.id);
    run.interrupting = true;
    for (const attempt of [...this.core.attempts.values()]) {
      if (attempt.run !== run) continue;
      if (attempt.backend.backend.capabilities.recoverable) abandon(this.core, attempt);
      else cancelEach(this, [attempt]);
    }
    const error = new HeddleError('RUN_NOT_OWNED', `run ${run.id} was taken over by another engine`, {
      details: { run: run.id },
    });
    for (const waiter of this.#endWaiters.get(run) ?? []) waiter.reject(error);
    this.#endWaiters.delete(run);
  }

  #tellCommitted(): void {
    const waiters = this.#commitWaiters;
    this.#commitWaiters = [];
    for (const waiter of waiters) waiter();
  }

  listen(listener: (events: readonly EngineEvent[]) => void): () => void {
    return this.#listeners.add(listener, standingNotices(this.core));
  }

  /** Whether anybody listens: events are not made for nobody. */
  get hasListeners(): boolean {
    return !this.#listeners.isEmpty;
  }

  /** Resolves after the commit that ends a run, or gives it up unfinished. */
  ended(run: RunState): Promise<RunView> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const isUncommitted = this.core.out.drafts.get(run)?.settled === true || this.#committer.holds(run);
    if (run.endedAt !== 0 && !isUncommitted) return Promise.resolve(viewRun(run));
    const { promise, resolve, reject } = Promise.withResolvers<RunView>();
    const waiters = this.#endWaiters.get(run) ?? [];
    waiters.push({ resolve, reject });
    this.#endWaiters.set(run, waiters);
    return promise;
  }

  /** Changes the core and waits until that is durable. */
  steer(change: () => void): Promise<void> {
    this.input(change);
    return this.durable();
  }

  /** Does work that is spread over turns, and waits until it is durable. */
  async chore(run: RunState, steps: Generator<void>): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    function* whole(): Generator<void> {
      yield* steps;
      resolve();
    }
    this.#failures.add(reject);
    this.input(() => addChore(this.core, run, whole()));
    try {
      await promise;
    } finally {
      this.#failures.delete(reject);
    }
    await this.durable();
  }

  /** Resolves when everything decided so far is durable. */
  durable(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.#stopped) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.input(() => {
      this.core.out.waiters.push((failure) => (failure === undefined ? resolve() : reject(failure)));
    });
    return promise;
  }

  /** Resolves when the dependents of everything that ended have been told. */
  async quiet(): Promise<void> {
    while (this.core.finals.length > 0 || this.core.chores.length > 0) {
      if (this.#broken !== undefined) throw this.#broken;
      this.#poke();
      await (this.#committer.busy ? this.nextCommit() : this.soon());
    }
  }

  /** Resolves after the next commit, or when there will be none: nothing ends without one. */
  nextCommit(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#commitWaiters.push(resolve);
    return promise;
  }

  /** Lets the event loop breathe. */
  soon(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(resolve);
    });
  }

  async inSlices(steps: Generator<void>): Promise<void> {
    for (const _ of steps) await this.soon();
  }

  /** Nothing is decided any more, and no timer of the engine's fires. What was given up has been by then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer.cancel();
    this.#tellCommitted();
    await Promise.all(this.#givingUp.values());
  }
}
