import {
  type Durability,
  type EngineEvent,
  type Graph,
  HeddleError,
  type JobId,
  newRunId,
  type RunId,
  type Store,
  type Value,
} from '../model/index.ts';
import { recoverAll } from './acting.ts';
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
import { abandon, type LiveAttempt } from './attempts.ts';
import { FAILED } from './codes.ts';
import type { Core } from './core.ts';
import { explain, stuckJobs, viewJob, viewRun } from './explaining.ts';
import { armWakeUps, loadRun } from './loading.ts';
import { EngineLoop } from './loop.ts';
import { overrideFailed } from './overriding.ts';
import { addSegment, newRunState, refuseImpossible, release } from './runs.ts';
import type { RunState } from './run-state.ts';
import * as steering from './steering.ts';
import { addChore } from './turn.ts';

/** The engine's face: runs are started, taken over, steered and asked about here; `EngineLoop` does the work. */
export class EngineShell implements EngineApi {
  readonly store: Store;
  readonly options: EngineOptions;
  readonly #loop: EngineLoop;
  #closed = false;

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

  async start(
    graph: Graph,
    settings: RunSettings & { readonly id?: RunId; readonly name?: string; readonly fingerprint?: string },
  ): Promise<RunId> {
    this.#refuseWhenClosed();
    const {
      id = newRunId(this.options.clock.now().wall, this.options.random),
      name = graph.name,
      fingerprint = '',
      ...kept
    } = settings;
    const run = newRunState(this.core, id, name, kept);
    await this.#loop.inSlices(addSegment(this.core, run, graph, this.options.defaultBackends));
    await this.#loop.inSlices(run.table.rankAll(run.segments));
    refuseImpossible(this.core, run);
    run.status = 'running';
    run.startedAt = this.options.clock.now().wall;
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
    this.#loop.input(() => {
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
    this.#loop.input(() => {
      this.core.runs.set(id, run);
      armWakeUps(this.core, run);
      run.paused = options.paused === true;
      if (run.status !== 'running') {
        run.status = 'running';
        run.detail = '';
        this.core.out.draft(run).patch = { status: 'running', detail: '' };
      }
      addChore(this.core, run, release(this.core, run, 0, run.table.size));
      // A crash may have fallen between the failure that stops the run and the end of the rest.
      const stops = (run.settings.onFailure ?? 'continue') !== 'continue';
      if (stops && (run.counts[FAILED] as number) > 0) this.#stopRest(run);
    });
    await recoverAll(this.#loop, running);
  }

  /** Loads a run that this engine does not have yet. */
  async #load(id: RunId): ReturnType<typeof loadRun> {
    this.#refuseWhenClosed();
    if (this.core.runs.has(id)) throw new HeddleError('STATE_CONFLICT', `run ${id} is already being executed here`);
    this.#loop.readClock();
    const loaded = await loadRun(this.core, this.store, {
      id,
      defaults: this.options.defaultBackends,
      breathe: () => this.#loop.soon(),
    });
    return loaded;
  }

  async append(id: RunId, segment: Graph): Promise<void> {
    const run = this.#run(id);
    if (run.endedAt !== 0) throw new HeddleError('STATE_CONFLICT', `run ${id} is finished: nothing can be added`);
    if (run.stopping) throw new HeddleError('STATE_CONFLICT', `run ${id} is being cancelled: nothing can be added`);
    if (segment.base !== run.table.size) {
      throw new HeddleError(
        'STATE_CONFLICT',
        `the segment begins at ${segment.base}, but run ${id} has ${run.table.size} jobs`,
      );
    }
    run.chores += 1;
    const first = run.table.size;
    try {
      await this.#loop.inSlices(addSegment(this.core, run, segment, this.options.defaultBackends));
      await this.#loop.inSlices(run.table.rankAll([segment], first));
    } finally {
      run.chores -= 1;
    }
    this.#loop.input(() => {
      this.core.out.draft(run).segments.push(segment);
      addChore(this.core, run, release(this.core, run, first, run.table.size));
      // It began to stop meanwhile: what was added goes the way of the rest.
      if (run.stopping) this.#stopRest(run);
    });
    await this.#loop.durable();
    this.#mustBeOurs(run);
  }

  /** Steers a run. One that has ended was given up with its end: there is nothing left to steer. */
  async #steer(id: RunId, change: (run: RunState) => void): Promise<void> {
    const run = this.#run(id);
    // What has ended is not changed; that it has ended may still have to be written down.
    await (run.endedAt === 0 ? this.#loop.steer(() => change(run)) : this.#loop.durable());
    this.#mustBeOurs(run);
  }

  /** What was wished of a run that changed hands meanwhile was not committed with the rest. */
  #mustBeOurs(run: RunState): void {
    if (this.core.runs.get(run.id) === run) return;
    throw new HeddleError('RUN_NOT_OWNED', `run ${run.id} was given up or taken over before this was written down`);
  }

  /** Cancels what has not ended, for the reason for which the run stops. */
  #stopRest(run: RunState): void {
    const policy = run.settings.onFailure ?? 'continue';
    const cause = policy === 'continue' ? 'user' : 'run-abort';
    run.stopping = true;
    addChore(this.core, run, steering.cancelAll(this.core, run, { cause, killLive: policy === 'abort' }));
  }

  async cancel(id: RunId, jobs: JobSelection = 'all'): Promise<void> {
    if (jobs !== 'all') return this.#steer(id, (run) => steering.cancelJobs(this.core, run, jobs));
    const run = this.#run(id);
    if (run.endedAt !== 0) return this.#loop.durable();
    await this.#loop.chore(run, steering.cancelAll(this.core, run, { cause: 'user', killLive: true }));
    this.#mustBeOurs(run);
  }

  async pause(id: RunId): Promise<void> {
    await this.#steer(id, (run) => steering.pause(this.core, run));
  }

  async unpause(id: RunId): Promise<void> {
    await this.#steer(id, (run) => steering.unpause(this.core, run));
  }

  async hold(id: RunId, jobs: readonly number[]): Promise<void> {
    await this.#steer(id, (run) => steering.hold(this.core, run, jobs));
  }

  async release(id: RunId, jobs: readonly number[]): Promise<void> {
    await this.#steer(id, (run) => steering.releaseHeld(this.core, run, jobs));
  }

  async retry(id: RunId, changes: RetryChanges = {}): Promise<void> {
    const run = await this.#finished(id);
    try {
      if (changes.resources !== undefined) overrideFailed(this.core, run, changes.resources);
    } catch (refusal) {
      await this.store.releaseRun(id, run.epoch);
      throw refusal;
    }
    // At once, so that whoever asks next finds it unfinished.
    steering.reopen(this.core, run);
    await this.#loop.chore(run, steering.retryFailed(this.core, run));
    this.#mustBeOurs(run);
  }

  async rerun(id: RunId, jobs: readonly number[]): Promise<void> {
    const held = this.core.runs.get(id);
    const run = held !== undefined && held.endedAt === 0 ? held : await this.#finished(id);
    await this.#loop.quiet();
    for (const job of jobs) {
      const status = run.statusOf(job);
      if (status === 'pending' || status === 'running') {
        throw new HeddleError(
          'STATE_CONFLICT',
          `job ${run.nameOf(job)} is ${status}: only a final job can be run again`,
        );
      }
    }
    await this.#loop.chore(run, steering.rerun(this.core, run, jobs));
    this.#mustBeOurs(run);
  }

  /** A run that is final, loaded and owned; anything else is refused. */
  async #finished(id: RunId): Promise<RunState> {
    const held = this.core.runs.get(id);
    if (held !== undefined) {
      if (held.endedAt === 0) throw this.#unfinished(id);
      const isSame = await this.#reclaim(held);
      if (held.endedAt === 0) throw this.#unfinished(id);
      if (isSame) return held;
      this.core.runs.delete(id);
    }
    const { run, running } = await this.#load(id);
    if (run.endedAt === 0) {
      for (const attempt of running) abandon(this.core, attempt);
      await this.store.releaseRun(id, run.epoch);
      throw this.#unfinished(id);
    }
    this.core.runs.set(id, run);
    return run;
  }

  #unfinished(id: RunId): HeddleError {
    return new HeddleError('STATE_CONFLICT', `run ${id} is not finished`, { hint: `heddle resume ${id} continues it` });
  }

  /**
   * Takes a finished run again, which was given up after the commit of its end. False: another engine has
   * had it since, so that what is known of it here is old.
   */
  async #reclaim(run: RunState): Promise<boolean> {
    await this.#loop.givenUp(run);
    const answer = await this.store.claimRun(run.id);
    if (answer.kind !== 'claimed') throw new HeddleError('RUN_OWNED', `run ${run.id} is being executed elsewhere`);
    const isNext = answer.epoch <= run.epoch + 1;
    run.epoch = answer.epoch;
    return isNext;
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
    return explain(this.#withJob(id, index), index);
  }

  /** Jobs that nothing would ever wake: there must be none. */
  stuck(id: RunId): readonly JobId[] {
    return stuckJobs(this.core, this.#run(id));
  }

  running(id: RunId): ReturnType<EngineApi['running']> {
    const run = this.#run(id);
    const now = this.options.clock.now().mono;
    return [...this.core.attempts.values()]
      .filter((attempt) => attempt.run === run)
      .map(({ job, phase, grantedMono }) => ({ job: run.nameOf(job), index: job, phase, sinceMs: now - grantedMono }));
  }

  async value(id: RunId, index: number): Promise<Value | undefined> {
    const [value] = await this.store.values(id, [index]);
    return value;
  }

  listen(listener: (events: readonly EngineEvent[]) => void): () => void {
    return this.#loop.listen(listener);
  }

  ended(id: RunId): Promise<RunView> {
    return this.#loop.ended(this.#run(id));
  }

  committed(): Promise<void> {
    return this.#loop.durable();
  }

  // ---- stopping -------------------------------------------------------------------------------

  async drain(): Promise<void> {
    this.core.draining = true;
    while (this.core.attempts.size > 0 && this.#loop.broken === undefined) await this.#loop.nextCommit();
  }

  async shutdown(options: { readonly detach?: boolean } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.core.draining = true;
    // What does not answer cannot be waited for: it is left for `resume` to ask after.
    const spares = (attempt: LiveAttempt): boolean =>
      attempt.phase === 'unreachable' || (options.detach === true && attempt.backend.backend.capabilities.recoverable);
    const spared = (): number => [...this.core.attempts.values()].filter(spares).length;
    if (this.#loop.broken === undefined) {
      this.#loop.input(() => {
        for (const run of this.core.runs.values()) if (run.endedAt === 0) steering.interrupt(this.core, run, spares);
      });
      while (this.core.attempts.size > spared() && this.#loop.broken === undefined) await this.#loop.nextCommit();
      this.#loop.input(() => {
        for (const run of this.core.runs.values()) steering.markInterrupted(this.core, run);
      });
      await this.#loop.durable().catch(() => undefined);
    }
    this.#loop.stopClock();
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
    const { refusal } = this.#loop;
    if (refusal !== undefined) throw refusal;
    if (this.#closed) throw new HeddleError('ENGINE_CLOSED', 'the engine has been shut down');
  }
}
