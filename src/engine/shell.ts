import {
  type Durability,
  type EngineEvent,
  type Graph,
  HeddleError,
  type JobId,
  newRunId,
  type RunId,
  type Store,
  type StreamRequest,
  type StreamStep,
  type Value,
} from '../model/index.ts';
import { recoverAll } from './acting.ts';
import { recallAll } from './ahead.ts';
import type {
  EngineApi,
  EngineOptions,
  Explanation,
  JobSelection,
  JobView,
  Limits,
  RetryChanges,
  StartSettings,
  RunView,
} from './api.ts';
import { appendInSlices, appendQuickly, inOneGo, isQuick } from './appending.ts';
import { isOver, RUNNING } from './codes.ts';
import type { Core } from './core.ts';
import { forgetRun } from './forgetting.ts';
import { explain, stuckJobs, viewJob, viewRun } from './explaining.ts';
import { EngineLoop } from './loop.ts';
import * as openRuns from './open-runs.ts';
import { overrideFailed } from './overriding.ts';
import { endRunIfOver } from './runs.ts';
import type { RunState } from './run-state.ts';
import * as steering from './steering.ts';
import { stopEngine } from './stopping.ts';
import { finishedRun, startRun, takeOver } from './taking-over.ts';

/** The engine's face: runs are started, taken over, steered and asked about here; `EngineLoop` does the work. */
export class EngineShell implements EngineApi {
  readonly store: Store;
  readonly options: EngineOptions;
  readonly #loop: EngineLoop;
  #stopping: Promise<void> | undefined;
  #disposing: Promise<void> | undefined;

  private constructor(loop: EngineLoop) {
    this.#loop = loop;
    this.store = loop.store;
    this.options = loop.options;
  }

  /** Opens the engine and its backends. Backends are disposed with it; the store stays its opener's. */
  static async open(options: EngineOptions): Promise<EngineShell> {
    const loop = new EngineLoop(options);
    await using opened = new AsyncDisposableStack();
    for (const backend of options.backends) {
      opened.use(backend);
      await loop.openBackend(backend);
    }
    if (options.limits !== undefined) loop.limits.apply(options.limits);
    opened.move();
    return new EngineShell(loop);
  }

  /** The state itself, for checks and displays; only the engine changes it. */
  get core(): Core {
    return this.#loop.core;
  }

  get durability(): Durability {
    return this.store.durability;
  }

  start(graph: Graph, settings: StartSettings & { readonly id?: RunId }): Promise<RunId> {
    const id = settings.id ?? newRunId(this.options.clock.now().wall, this.options.random);
    const { id: _, ...kept } = settings;
    return this.#enter(id, async () => {
      await startRun(this.#loop, { id, graph, settings: kept, mayBegin: () => this.#refuseWhenClosed() });
      return id;
    });
  }

  async resume(id: RunId, options: { readonly paused?: boolean } = {}): Promise<void> {
    const running = await this.#enter(id, () => takeOver(this.#loop, id, options.paused === true));
    await recoverAll(this.#loop, running);
  }

  async append(id: RunId, segment: Graph): Promise<void> {
    this.#refuseWhenClosed();
    const defaults = this.options.defaultBackends;
    const isNow = isQuick(segment) && !this.#loop.entrance.isBusy(id);
    const run = isNow ? this.#run(id) : await this.#enter(id, () => this.#append(this.#run(id), segment));
    if (isNow) this.#loop.input(() => appendQuickly(this.core, { run, segment, defaults }));
    // One does not wait for the commit of another: those that come while one is under way share the next.
    await this.#loop.durable();
    this.#mustBeOurs(run);
  }

  async #append(run: RunState, segment: Graph): Promise<RunState> {
    const addition = { run, segment, defaults: this.options.defaultBackends };
    if (isQuick(segment)) this.#loop.input(() => appendQuickly(this.core, addition));
    else await this.#keptOpen(run, () => appendInSlices(this.#loop, addition));
    return run;
  }

  seal(id: RunId): Promise<void> {
    return this.#enter(id, async () => {
      const run = this.#run(id);
      if (run.sealedTo < run.table.size) await this.#loop.chore(run, openRuns.seal(this.core, run));
      this.#mustBeOurs(run);
    });
  }

  close(id: RunId): Promise<void> {
    return this.#enter(id, async () => {
      const run = this.#run(id);
      if (!run.closed) await this.#loop.chore(run, openRuns.close(this.core, run));
      this.#mustBeOurs(run);
    });
  }

  limit(limits: Limits): void {
    this.#refuseWhenClosed();
    this.#loop.input(() => this.#loop.limits.apply(limits));
  }

  async pull(id: RunId, index: number, request: StreamRequest): Promise<StreamStep> {
    return openRuns.pullFrom(this.#withJob(id, index), index, request);
  }

  /** Does something with a run that cannot end meanwhile. */
  async #keptOpen(run: RunState, work: () => Promise<void>): Promise<void> {
    run.chores += 1;
    try {
      await work();
    } finally {
      this.#loop.input(() => {
        run.chores -= 1;
        if (this.core.runs.get(run.id) !== run) return;
        endRunIfOver(this.core, run);
        if (run.watches.size > 0) this.core.suspects.add(run);
      });
    }
  }

  /** Steers a run. One that has ended was given up with its end: there is nothing left to steer. */
  async #steer(id: RunId, jobs: readonly number[], change: (run: RunState) => void): Promise<void> {
    const run = this.#run(id);
    for (const job of jobs) this.#withJob(id, job);
    // What has ended is not changed; that it has ended may still have to be written down.
    await (run.endedAt === 0 ? this.#loop.steer(() => change(run)) : this.#loop.durable());
    this.#mustBeOurs(run);
  }

  /** What was wished of a run that changed hands meanwhile was not committed with the rest. */
  #mustBeOurs(run: RunState): void {
    if (this.core.runs.get(run.id) === run) return;
    const message = `run ${run.id} was given up or taken over before this was written down`;
    throw new HeddleError('RUN_NOT_OWNED', message, { details: { run: run.id } });
  }

  async cancel(id: RunId, jobs: JobSelection = 'all'): Promise<void> {
    const run = this.#run(id);
    if (jobs !== 'all') {
      if (jobs.length > steering.FEW_JOBS) return this.#cancelMany(run, jobs);
      return this.#steer(id, jobs, () => inOneGo(steering.cancelJobs(this.core, run, jobs)));
    }
    if (run.endedAt !== 0) return this.#loop.durable();
    // The wish is durable with the first of it: whoever takes the run over after a crash goes on with it.
    await this.#loop.chore(run, steering.cancelRun(this.core, run));
    this.#mustBeOurs(run);
  }

  /** Dependents first: cancelled with the others, they are not told that an upstream one was. */
  async #cancelMany(run: RunState, jobs: readonly number[]): Promise<void> {
    for (const job of jobs) this.#withJob(run.id, job);
    const lastFirst = Int32Array.from(jobs).sort().reverse();
    await this.#loop.chore(run, steering.cancelJobs(this.core, run, [...lastFirst]));
    this.#mustBeOurs(run);
  }

  async pause(id: RunId): Promise<void> {
    await this.#steer(id, [], (run) => steering.pause(this.core, run));
  }

  async unpause(id: RunId): Promise<void> {
    await this.#steer(id, [], (run) => steering.unpause(this.core, run));
  }

  async hold(id: RunId, jobs: readonly number[]): Promise<void> {
    await this.#steer(id, jobs, (run) => steering.hold(this.core, run, jobs));
  }

  async release(id: RunId, jobs: readonly number[]): Promise<void> {
    await this.#steer(id, jobs, (run) => steering.releaseHeld(this.core, run, jobs));
  }

  retry(id: RunId, changes: RetryChanges = {}): Promise<void> {
    return this.#enter(id, async () => {
      const run = await finishedRun(this.#loop, id);
      try {
        if (changes.resources !== undefined) overrideFailed(this.core, run, changes.resources);
      } catch (refusal) {
        await this.store.releaseRun(id, run.epoch);
        throw refusal;
      }
      await this.#loop.chore(run, steering.retryFailed(this.core, run));
      this.#mustBeOurs(run);
    });
  }

  rerun(id: RunId, jobs: readonly number[]): Promise<void> {
    return this.#enter(id, async () => {
      const held = this.core.runs.get(id);
      const run = held !== undefined && held.endedAt === 0 ? held : await finishedRun(this.#loop, id);
      for (const job of jobs) this.#withJob(id, job);
      await this.#keptOpen(run, async () => {
        await this.#loop.quiet();
        if (run.stopping) throw new HeddleError('STATE_CONFLICT', `run ${id} is being cancelled`);
        refuseUnfinished(run, jobs);
        steering.refuseExpanded(run, jobs);
        await this.#loop.chore(run, steering.rerun(this.core, run, jobs));
      });
      this.#mustBeOurs(run);
    });
  }

  forget(id: RunId): Promise<void> {
    return this.#enter(id, () => forgetRun(this.#loop, this.#run(id)));
  }

  // ---- asking ---------------------------------------------------------------------------------

  view(id: RunId): RunView {
    return viewRun(this.#run(id));
  }

  job(id: RunId, index: number): JobView {
    return viewJob(this.#withJob(id, index), index);
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
    const now = this.options.clock.now().mono;
    return [...run.attemptOf.values()]
      .filter(({ job }) => run.told.statusOf(job) === RUNNING)
      .map(({ job, phase, grantedMono }) => ({ job: run.nameOf(job), index: job, phase, sinceMs: now - grantedMono }));
  }

  async value(id: RunId, index: number): Promise<Value | undefined> {
    const [value] = await this.store.values(id, [index]);
    return value;
  }

  listen(listener: (events: readonly EngineEvent[]) => void): () => void {
    return this.#loop.listen(listener);
  }

  async ended(id: RunId): Promise<RunView> {
    return this.#loop.ended(this.#run(id));
  }

  committed(): Promise<void> {
    return this.#loop.durable();
  }

  // ---- stopping -------------------------------------------------------------------------------

  async drain(): Promise<void> {
    const { core } = this;
    this.#loop.input(() => {
      core.draining = true;
      recallAll(core);
    });
    while (core.attempts.size > 0 && this.#loop.broken === undefined && !this.#loop.isStopped)
      await this.#loop.nextCommit();
  }

  shutdown(options: { readonly detach?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#loop.entrance
      .close()
      .then(() => stopEngine(this.#loop, { detach: options.detach === true }));
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.shutdown().then(async () => {
      for (const backend of this.options.backends) await backend[Symbol.asyncDispose]();
    });
    return this.#disposing;
  }

  // ---- small things ---------------------------------------------------------------------------

  #run(id: RunId): RunState {
    const run = this.core.runs.get(id);
    if (run !== undefined) return run;
    throw new HeddleError('RUN_NOT_FOUND', `run ${id} is not executed by this engine`, {
      hint: 'resume it, or retry or rerun it when it has ended: that takes it from the store, where also show reads it',
    });
  }

  #withJob(id: RunId, index: number): RunState {
    const run = this.#run(id);
    if (Number.isInteger(index) && index >= 0 && index < run.table.size) return run;
    throw new HeddleError('JOB_NOT_FOUND', `run ${id} has no job number ${index}`);
  }

  async #enter<Result>(id: RunId, work: () => Promise<Result>): Promise<Result> {
    this.#refuseWhenClosed();
    return this.#loop.entrance.enter(id, work);
  }

  #refuseWhenClosed(): void {
    const { refusal } = this.#loop;
    if (refusal !== undefined) throw refusal;
    if (this.#loop.entrance.isClosed) throw new HeddleError('ENGINE_CLOSED', 'the engine has been shut down');
  }
}

function refuseUnfinished(run: RunState, jobs: readonly number[]): void {
  for (const job of jobs) {
    const status = run.statusOf(job);
    if (status !== 'skipped' && isOver(status)) continue;
    throw new HeddleError('STATE_CONFLICT', `job ${run.nameOf(job)} is ${status}: only a final job can be run again`);
  }
}
