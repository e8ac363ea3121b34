import {
  asError,
  attemptIds,
  type Clock,
  type Durability,
  type EngineEvent,
  type Graph,
  HeddleError,
  type Instant,
  type JobId,
  newRunId,
  type RunId,
  silentLogger,
  type Store,
  type Timer,
  type Value,
} from '../model/index.ts';
import {
  type ActorHost,
  assignSubmissions,
  cancelEach,
  launchAll,
  recoverAll,
  releaseEach,
  takeReport,
} from './acting.ts';
import type {
  EngineApi,
  EngineOptions,
  Explanation,
  JobSelection,
  JobView,
  RetryChanges,
  RunSettings,
  RunView,
} from './api.ts';
import { CANCELLED, FAILED } from './codes.ts';
import { type Committer, openCommitter } from './committer.ts';
import { Core } from './core.ts';
import { explain, stuckJobs, viewJob, viewRun } from './explaining.ts';
import { loadRun, type StoredSettings } from './loading.ts';
import type { Outbox } from './outbox.ts';
import { addSegment, newRunState, refuseImpossible, release } from './runs.ts';
import type { RunState } from './run-state.ts';
import * as steering from './steering.ts';
import { addChore, turn, type TurnBudget, wallJumped } from './turn.ts';

/** One turn's measure: a commit of some 500 rows, and some milliseconds of the loop. */
const BUDGET: TurnBudget = { edges: 2000, grants: 250, size: 500 };
/** Clocks that disagree by more than this have jumped. */
const JUMP_MS = 1000;
/** While jobs wait for points in time, the wall clock is looked at so often. */
const JUMP_CHECK_MS = 30_000;

/**
 * The thin shell around the core: it brings in what happens, lets the core decide, commits what was
 * decided, and only then launches, cancels and tells.
 *
 * One turn: inputs of this turn of the loop -> `turn()` -> one commit -> its effects. While a commit
 * is under way, inputs gather for the next.
 */
export class EngineShell implements EngineApi, ActorHost {
  readonly core: Core;
  readonly store: Store;
  readonly options: EngineOptions;
  readonly #clock: Clock;
  readonly #committer: Committer;
  readonly #listeners: Set<(events: readonly EngineEvent[]) => void> = new Set();
  readonly #endWaiters: Map<RunState, { resolve: (view: RunView) => void; reject: (error: Error) => void }[]> =
    new Map();
  #idleWaiters: (() => void)[] = [];
  #scheduled = false;
  #timer: Timer | undefined;
  #timerDue = Infinity;
  #broken: Error | undefined;
  #closed = false;
  #lastSkew: number;

  private constructor(options: EngineOptions) {
    this.options = options;
    this.store = options.store;
    this.#clock = options.clock;
    this.core = new Core(
      {
        strategy: options.strategy ?? 'priority',
        reserveAfterMs: options.reserveAfterMs ?? 60_000,
        recheckMs: options.recheckMs ?? 15_000,
        refusalDelayMs: 1000,
        keepRows: options.store.keepsJobs,
        random: options.random,
        newAttemptId: attemptIds(options.random),
        judge: (name) => this.#judge(name),
      },
      options.tokens ?? {},
    );
    const now = options.clock.now();
    this.core.now = now;
    this.#lastSkew = now.wall - now.mono;
    this.#committer = openCommitter(this, {
      committed: (out, events) => this.#committed(out, events),
      disowned: (run) => this.#disown(run),
      stalled: (error) => this.#stalled(error),
      broken: (error) => this.#break(error),
    });
  }

  /** Opens the engine and its backends. Backends are disposed with it; the store stays its opener's. */
  static async open(options: EngineOptions): Promise<EngineShell> {
    const shell = new EngineShell(options);
    await using opened = new AsyncDisposableStack();
    for (const backend of options.backends) {
      const state = shell.core.addBackend(backend);
      opened.use(backend);
      const places = await backend.open({
        clock: options.clock,
        logger: options.logger ?? silentLogger,
        directory: options.directory ?? '',
        project: options.project ?? '',
        ...(options.slots === undefined ? {} : { slots: options.slots }),
        report: (event) => shell.input(() => takeReport(shell.core, backend.name, event)),
      });
      state.setPlaces(places);
    }
    opened.move();
    return shell;
  }

  get durability(): Durability {
    return this.store.durability;
  }

  // ---- the loop -------------------------------------------------------------------------------

  input(input: () => void): void {
    this.core.now = this.#now();
    input();
    this.#poke();
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

  #poke(): void {
    if (this.#scheduled || this.#broken !== undefined) return;
    this.#scheduled = true;
    this.#clock.soon(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#committer.busy || this.#broken !== undefined) return;
    const { core } = this;
    core.now = this.#now();
    try {
      turn(core, BUDGET);
    } catch (thrown) {
      // A bug of ours must stop the engine aloud, never leave it half alive.
      this.#break(new HeddleError('ENGINE_BROKEN', `the engine failed: ${asError(thrown).message}`, { cause: thrown }));
      return;
    }
    assignSubmissions(core, core.out.launches, this.options.random);
    this.#armTimer();
    if (core.out.isEmpty && core.notices.length === 0) {
      if (core.isBusy) this.#poke();
      else this.#tellIdle();
      return;
    }
    const out = core.takeOutbox();
    this.#committer.commit(out);
  }

  #committed(out: Outbox, events: readonly EngineEvent[]): void {
    if (events.length > 0) for (const listener of this.#listeners) this.#tell(listener, events);
    for (const draft of out.drafts.values()) if (draft.settled) this.#settled(draft.run, draft.released);
    for (const waiter of out.waiters) waiter();
    if (out.launches.length > 0) launchAll(this, out.launches);
    if (out.cancels.length > 0) cancelEach(this, out.cancels);
    if (out.releases.length > 0) releaseEach(this, out.releases);
    if (out.rechecks.length > 0) void recoverAll(this, out.rechecks);
    this.#poke();
  }

  #tell(listener: (events: readonly EngineEvent[]) => void, events: readonly EngineEvent[]): void {
    try {
      listener(events);
    } catch (thrown) {
      (this.options.logger ?? silentLogger).error({ error: asError(thrown) }, 'a listener threw; the engine goes on');
    }
  }

  #stalled(error: Error): void {
    const code = HeddleError.is(error) ? error.code : 'STORE_BUSY';
    const notice: EngineEvent = {
      kind: 'notice',
      code,
      message: `${error.message}; nothing new is started until it takes commits again`,
      at: this.core.now.wall,
    };
    for (const listener of this.#listeners) this.#tell(listener, [notice]);
  }

  #settled(run: RunState, released: boolean): void {
    const view = viewRun(run);
    for (const waiter of this.#endWaiters.get(run) ?? []) waiter.resolve(view);
    this.#endWaiters.delete(run);
    if (released) this.core.runs.delete(run.id);
    void this.store.releaseRun(run.id, run.epoch).catch((thrown: unknown) => {
      (this.options.logger ?? silentLogger).warn({ error: asError(thrown) }, 'a run could not be given up');
    });
  }

  #armTimer(): void {
    let due = this.core.timers.next();
    if (due === undefined) return;
    if ([...this.core.runs.values()].some((run) => run.timeGated.size > 0))
      due = Math.min(due, this.core.now.mono + JUMP_CHECK_MS);
    if (this.#timer !== undefined && this.#timerDue <= due) return;
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timer = this.#clock.after(Math.max(0, due - this.core.now.mono), () => {
      this.#timer = undefined;
      this.#timerDue = Infinity;
      this.#poke();
    });
  }

  #judge(name: string): boolean {
    try {
      return this.options.conditions?.[name]?.() ?? false;
    } catch (thrown) {
      this.core.notice('condition-threw', `condition "${name}" threw and counts as false: ${asError(thrown).message}`);
      return false;
    }
  }

  #break(error: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.core.draining = true;
    this.#timer?.cancel();
    (this.options.logger ?? silentLogger).error({ error }, 'the engine stops');
    for (const waiters of this.#endWaiters.values()) for (const waiter of waiters) waiter.reject(error);
    this.#endWaiters.clear();
    for (const waiter of this.core.out.waiters) waiter(error);
    this.#tellIdle();
  }

  /** Another owner has the run: its work here is stopped, and nothing of it is written any more. */
  #disown(run: RunState): void {
    this.core.runs.delete(run.id);
    run.interrupting = true;
    for (const attempt of [...this.core.attempts.values()]) {
      if (attempt.run === run) cancelEach(this, [attempt]);
    }
    const error = new HeddleError('RUN_NOT_OWNED', `run ${run.id} was taken over by another engine`, {
      details: { run: run.id },
    });
    for (const waiter of this.#endWaiters.get(run) ?? []) waiter.reject(error);
    this.#endWaiters.delete(run);
  }

  #tellIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const waiter of waiters) waiter();
  }

  // ---- runs -----------------------------------------------------------------------------------

  async start(
    graph: Graph,
    settings: RunSettings & { readonly id?: RunId; readonly name?: string; readonly fingerprint?: string },
  ): Promise<RunId> {
    this.#refuseWhenClosed();
    const {
      id = newRunId(this.#clock.now().wall, this.options.random),
      name = graph.name,
      fingerprint = '',
      ...kept
    } = settings;
    const run = newRunState(this.core, id, name, kept);
    await this.#inSlices(addSegment(this.core, run, graph, this.options.defaultBackends));
    await this.#inSlices(run.table.rankAll(run.segments));
    refuseImpossible(this.core, run);
    run.status = 'running';
    run.startedAt = this.#clock.now().wall;
    await this.store.createRun(
      {
        id,
        name,
        status: 'running',
        detail: '',
        size: graph.size,
        createdAt: run.startedAt,
        startedAt: run.startedAt,
        endedAt: 0,
        fingerprint,
        settings: JSON.stringify(kept),
      },
      graph,
    );
    run.sealed = true;
    this.input(() => {
      this.core.runs.set(id, run);
      addChore(this.core, run, release(this.core, run, 0, run.table.size));
    });
    return id;
  }

  async resume(id: RunId, options: { readonly paused?: boolean } = {}): Promise<void> {
    const { run, running } = await this.#load(id);
    if (run.endedAt !== 0) {
      await this.store.releaseRun(id, run.epoch);
      throw new HeddleError('STATE_CONFLICT', `run ${id} is finished: it is ${run.status}`, {
        hint: run.status === 'done' ? 'start a new run' : `heddle retry ${id} runs its failed and cancelled jobs again`,
      });
    }
    this.input(() => {
      this.core.runs.set(id, run);
      run.paused = options.paused === true;
      if (run.status !== 'running') {
        run.status = 'running';
        run.detail = '';
        this.core.out.draft(run).patch = { status: 'running', detail: '' };
      }
      addChore(this.core, run, release(this.core, run, 0, run.table.size));
    });
    await recoverAll(this, running);
  }

  /** Loads a run that this engine does not have yet. */
  async #load(id: RunId): ReturnType<typeof loadRun> {
    this.#refuseWhenClosed();
    if (this.core.runs.has(id)) throw new HeddleError('STATE_CONFLICT', `run ${id} is already being executed here`);
    this.core.now = this.#now();
    const loaded = await loadRun(this.core, this.store, {
      id,
      defaults: this.options.defaultBackends,
      breathe: () => this.#soon(),
    });
    return loaded;
  }

  async append(id: RunId, segment: Graph): Promise<void> {
    const run = this.#run(id);
    if (run.endedAt !== 0) throw new HeddleError('STATE_CONFLICT', `run ${id} is finished: nothing can be added`);
    run.chores += 1;
    const first = run.table.size;
    try {
      await this.#inSlices(addSegment(this.core, run, segment, this.options.defaultBackends));
      await this.#inSlices(run.table.rankAll([segment], first));
    } finally {
      run.chores -= 1;
    }
    this.input(() => {
      this.core.out.draft(run).segments.push(segment);
      addChore(this.core, run, release(this.core, run, first, run.table.size));
    });
    await this.#durable();
  }

  async cancel(id: RunId, jobs: JobSelection = 'all'): Promise<void> {
    const run = this.#run(id);
    if (jobs !== 'all') return this.#steer(() => steering.cancelJobs(this.core, run, jobs));
    if (run.endedAt !== 0) return;
    await this.#chore(run, steering.cancelAll(this.core, run, { cause: 'user', killLive: true }));
  }

  pause(id: RunId): Promise<void> {
    const run = this.#run(id);
    return this.#steer(() => steering.pause(run));
  }

  unpause(id: RunId): Promise<void> {
    const run = this.#run(id);
    return this.#steer(() => steering.unpause(this.core, run));
  }

  hold(id: RunId, jobs: readonly number[]): Promise<void> {
    const run = this.#run(id);
    return this.#steer(() => steering.hold(this.core, run, jobs));
  }

  release(id: RunId, jobs: readonly number[]): Promise<void> {
    const run = this.#run(id);
    return this.#steer(() => steering.releaseHeld(this.core, run, jobs));
  }

  async retry(id: RunId, changes: RetryChanges = {}): Promise<void> {
    const run = await this.#finished(id);
    if (changes.resources !== undefined) this.#override(run, changes.resources);
    await this.#chore(run, steering.retryFailed(this.core, run));
  }

  async rerun(id: RunId, jobs: readonly number[]): Promise<void> {
    const run = this.core.runs.get(id) ?? (await this.#finished(id));
    for (const job of jobs) {
      const status = run.statusOf(job);
      if (status === 'pending' || status === 'running') {
        throw new HeddleError(
          'STATE_CONFLICT',
          `job ${run.nameOf(job)} is ${status}: only a final job can be run again`,
        );
      }
    }
    await this.#reclaim(run);
    await this.#quiet();
    await this.#chore(run, steering.rerun(this.core, run, jobs));
  }

  /** A run that is final, loaded and owned; anything else is refused. */
  async #finished(id: RunId): Promise<RunState> {
    let run = this.core.runs.get(id);
    if (run === undefined) {
      const loaded = await this.#load(id);
      run = loaded.run;
      if (run.endedAt === 0) {
        await this.store.releaseRun(id, run.epoch);
        throw this.#unfinished(id);
      }
      this.core.runs.set(id, run);
      return run;
    }
    if (run.endedAt === 0) throw this.#unfinished(id);
    await this.#reclaim(run);
    return run;
  }

  #unfinished(id: RunId): HeddleError {
    return new HeddleError('STATE_CONFLICT', `run ${id} is not finished`, { hint: `heddle resume ${id} continues it` });
  }

  /** Takes a finished run again, which was given up when it ended. */
  async #reclaim(run: RunState): Promise<void> {
    if (run.endedAt === 0) return;
    const answer = await this.store.claimRun(run.id);
    if (answer.kind !== 'claimed') throw new HeddleError('RUN_OWNED', `run ${run.id} is being executed elsewhere`);
    run.epoch = answer.epoch;
  }

  #override(run: RunState, resources: NonNullable<RetryChanges['resources']>): void {
    const jobs: number[] = [];
    for (let job = 0; job < run.table.size; job += 1) {
      const status = run.table.status[job];
      if (status === FAILED || status === CANCELLED) jobs.push(job);
    }
    steering.overrideResources(run, jobs, resources);
    refuseImpossible(this.core, run);
    const settings = run.settings as StoredSettings;
    const overrides = [...(settings.overrides ?? []), { jobs, resources }];
    const draft = this.core.out.draft(run);
    draft.patch = { ...draft.patch, settings: JSON.stringify({ ...settings, overrides }) };
  }

  // ---- asking ---------------------------------------------------------------------------------

  view(id: RunId): RunView {
    return viewRun(this.#run(id));
  }

  job(id: RunId, index: number): JobView {
    return viewJob(this.core, this.#withJob(id, index), index);
  }

  indexOf(id: RunId, job: JobId): number | undefined {
    return this.#run(id).indexOf(job);
  }

  why(id: RunId, index: number): Explanation {
    return explain(this.core, this.#withJob(id, index), index);
  }

  /** Jobs that nothing would ever wake: there must be none. */
  stuck(id: RunId): readonly JobId[] {
    return stuckJobs(this.core, this.#run(id));
  }

  running(id: RunId): ReturnType<EngineApi['running']> {
    const run = this.#run(id);
    const now = this.#clock.now().mono;
    return [...this.core.attempts.values()]
      .filter((attempt) => attempt.run === run)
      .map(({ job, phase, grantedMono }) => ({ job: run.nameOf(job), index: job, phase, sinceMs: now - grantedMono }));
  }

  async value(id: RunId, index: number): Promise<Value | undefined> {
    const [value] = await this.store.values(id, [index]);
    return value;
  }

  listen(listener: (events: readonly EngineEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether anybody listens: events are not made for nobody. */
  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  ended(id: RunId): Promise<RunView> {
    const run = this.#run(id);
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (run.endedAt !== 0 && !this.#isUncommitted(run)) return Promise.resolve(viewRun(run));
    const { promise, resolve, reject } = Promise.withResolvers<RunView>();
    const waiters = this.#endWaiters.get(run) ?? [];
    waiters.push({ resolve, reject });
    this.#endWaiters.set(run, waiters);
    return promise;
  }

  #isUncommitted(run: RunState): boolean {
    return this.core.out.drafts.get(run)?.settled === true || this.#committer.holds(run);
  }

  committed(): Promise<void> {
    return this.#durable();
  }

  // ---- stopping -------------------------------------------------------------------------------

  async drain(): Promise<void> {
    this.core.draining = true;
    while (this.core.attempts.size > 0 && this.#broken === undefined) await this.#nextIdle();
  }

  async shutdown(options: { readonly detach?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.core.draining = true;
    const spares =
      options.detach === true
        ? (attempt: { backend: { backend: { capabilities: { recoverable: boolean } } } }) =>
            attempt.backend.backend.capabilities.recoverable
        : () => false;
    const spared = (): number => [...this.core.attempts.values()].filter(spares).length;
    if (this.#broken === undefined) {
      this.input(() => {
        for (const run of this.core.runs.values()) if (run.endedAt === 0) steering.interrupt(this.core, run, spares);
      });
      while (this.core.attempts.size > spared() && this.#broken === undefined) await this.#nextIdle();
      this.input(() => {
        for (const run of this.core.runs.values()) steering.markInterrupted(this.core, run);
      });
      await this.#durable().catch(() => undefined);
    }
    this.#timer?.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
    for (const backend of this.options.backends) await backend[Symbol.asyncDispose]();
  }

  // ---- small things ---------------------------------------------------------------------------

  #run(id: RunId): RunState {
    const run = this.core.runs.get(id);
    if (run === undefined) throw new HeddleError('RUN_NOT_FOUND', `run ${id} is not executed by this engine`);
    return run;
  }

  #withJob(id: RunId, index: number): RunState {
    const run = this.#run(id);
    if (index >= 0 && index < run.table.size) return run;
    throw new HeddleError('JOB_NOT_FOUND', `run ${id} has no job number ${index}`);
  }

  #refuseWhenClosed(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#closed) throw new HeddleError('ENGINE_CLOSED', 'the engine has been shut down');
    const stalled = this.#committer.stalledBy;
    if (stalled !== undefined) throw stalled;
  }

  #steer(change: () => void): Promise<void> {
    this.input(change);
    return this.#durable();
  }

  async #chore(run: RunState, steps: Generator<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    function* whole(): Generator<void> {
      yield* steps;
      resolve();
    }
    this.input(() => addChore(this.core, run, whole()));
    await promise;
    await this.#durable();
  }

  /** Resolves when everything decided so far is durable. */
  #durable(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.input(() => {
      this.core.out.waiters.push((failure) => (failure === undefined ? resolve() : reject(failure)));
    });
    return promise;
  }

  /** Resolves when the dependents of everything that ended have been told. */
  async #quiet(): Promise<void> {
    while (this.core.finals.length > 0 || this.core.chores.length > 0) await this.#soon();
  }

  #nextIdle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idleWaiters.push(resolve);
    this.#poke();
    return promise;
  }

  #soon(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#clock.soon(resolve);
    return promise;
  }

  async #inSlices(steps: Generator<void>): Promise<void> {
    for (const _ of steps) await this.#soon();
  }
}
