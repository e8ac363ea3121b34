import { decodeValue } from '../calls/index.ts';
import type { EngineApi } from '../engine/index.ts';
import {
  type Detail,
  describeOutcome,
  type EngineEvent,
  HeddleError,
  isFinal,
  type JobId,
  type RunId,
  type Status,
  STATUSES,
  type Value,
} from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { whenProcessIsIdle } from './idle-process.ts';
import { Intake, type IntakeInit } from './intake.ts';
import { type Job, timeoutMs, type WaitOptions } from './job.ts';
import { applyEvent, CallbackRunner, type JobEvent } from './job-events.ts';
import type { JobHome, JobState } from './job-state.ts';
import { JobStream } from './job-stream.ts';
import { SubmissionQueue } from './submission-queue.ts';
import { bodyError, reasonOf } from './task-error.ts';

export interface SessionInit extends Omit<IntakeInit, 'home'> {
  readonly api: EngineApi;
  readonly directoryOf: (run: RunId, index: number, job: JobId, fence: number) => string;
  /** Whether failures are told in the log with their stacks; looked up when wanted. */
  readonly logsTracebacks: () => boolean;
}

/** After so long a disposal says what it waits for. */
const SAY_AFTER_MS = 1000;
/** Jobs it names then. */
const NAMED = 5;

/**
 * The jobs of one engine, as one run of it that stays open. States: open -> closing (disposal waits; callbacks may still
 * submit) -> closed. What becomes of jobs it hears from the engine, after the commit that holds it, and tells them.
 */
export class Session implements JobHome {
  readonly #init: SessionInit;
  readonly #intake: Intake;
  readonly #queue: SubmissionQueue;
  readonly #callbacks: CallbackRunner;
  readonly #keepValues: boolean;
  readonly #counts = new Int32Array(STATUSES.length);
  readonly #streams = new Map<JobState, JobStream>();
  #state: 'open' | 'closing' | 'closed' = 'open';
  #unlisten: () => void = () => undefined;
  #broken: Error | undefined;
  /** Those who wait until nothing is pending or running. */
  #idle: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  /** How many jobs there were when what was there was sealed last. */
  #sealed = 0;

  constructor(init: SessionInit) {
    this.#init = init;
    this.#intake = new Intake({ ...init, home: this });
    this.#callbacks = new CallbackRunner(init.logger);
    this.#keepValues = init.api.durability === 'memory';
    this.#queue = new SubmissionQueue({
      api: init.api,
      conditions: init.conditions,
      onStarted: (run) => this.#started(run),
      onRefused: (state, error) => this.#refused(state, error),
      onBroken: (error) => this.#break(error),
    });
  }

  // ---- submitting -----------------------------------------------------------------------------

  submit(jobs: readonly Job<unknown, unknown>[]): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#state === 'closed')
      throw new HeddleError('ENGINE_CLOSED', 'the engine has been disposed', {
        hint: 'open another: it took all that it will take',
      });
    const { nodes, again } = this.#intake.take(jobs);
    const now = systemClock.now().wall;
    for (const { state } of nodes) this.#accept(state, now);
    if (nodes.length > 0) this.#queue.add(nodes);
    for (const state of again) void this.rerun(state);
  }

  #accept(state: JobState, now: number): void {
    state.submittedAt = now;
    if (state.status === 'cancelled') {
      this.#count('cancelled', 1);
      // It was cancelled before: it has its place, so that what needs it is cancelled too.
      state.refusal = new HeddleError('JOB_CANCELLED', `job '${state.id}' was cancelled before it was submitted`);
      void this.#queue.cancel(state);
      return;
    }
    this.#move(state, 'pending');
  }

  #move(state: JobState, status: Status): void {
    if (state.status !== 'created') this.#count(state.status, -1);
    this.#count(status, 1);
    state.status = status;
    state.changed();
  }

  #count(status: Status, by: number): void {
    const at = STATUSES.indexOf(status);
    this.#counts[at] = (this.#counts[at] as number) + by;
  }

  /** Resolves when the engine has all that was submitted, and that is durable. */
  async committed(): Promise<void> {
    await this.#queue.flushed();
    if (this.#broken !== undefined) throw this.#broken;
  }

  async cancel(state: JobState): Promise<void> {
    if (!state.isFinal) await this.#queue.cancel(state);
  }

  /** Cancels all that is not final. */
  cancelAll(): Promise<void> {
    for (const state of this.#active()) void this.#queue.cancel(state);
    return this.#queue.flushed();
  }

  async rerun(state: JobState): Promise<void> {
    if (this.#intake.at(state.index) !== state) {
      throw new HeddleError('STATE_CONFLICT', `job '${state.id}' was removed: it can't run again`);
    }
    this.#streams.delete(state);
    state.restart();
    this.#move(state, 'pending');
    await this.#queue.rerun(state);
  }

  /** Cancels it if it is active, and forgets it once it has ended. */
  async remove(state: JobState): Promise<void> {
    await this.cancel(state);
    await state.until(() => state.isFinal);
    this.#forget(state);
  }

  /** Forgets jobs that have ended with one of these statuses. */
  clear(statuses: readonly Status[]): void {
    for (const state of [...this.#intake.byId.values()])
      if (state.isFinal && statuses.includes(state.status)) this.#forget(state);
  }

  #forget(state: JobState): void {
    this.#streams.delete(state);
    if (this.#intake.at(state.index) === state) this.#count(state.status, -1);
    this.#intake.forget(state);
  }

  // ---- what jobs ask --------------------------------------------------------------------------

  async resultOf(state: JobState): Promise<unknown> {
    if (state.isStream) return this.#streamOf(state);
    if (state.fixedResult !== undefined) return state.fixedResult.value;
    const value = state.value ?? (await this.#storedValue(state));
    return value === undefined ? undefined : decodeValue(value);
  }

  async #storedValue(state: JobState): Promise<Value | undefined> {
    const { run } = this.#queue;
    return run === undefined || this.#keepValues ? undefined : this.#init.api.value(run, state.index);
  }

  #streamOf(state: JobState): JobStream {
    const known = this.#streams.get(state);
    if (known !== undefined && known.fence === state.fence) return known;
    const stream = new JobStream(state, (request) =>
      this.#init.api.pull(this.#queue.run as RunId, state.index, request),
    );
    this.#streams.set(state, stream);
    return stream;
  }

  get project(): string {
    return this.#init.project;
  }

  directoryOf(state: JobState): string {
    const { run } = this.#queue;
    if (run === undefined) throw new HeddleError('STATE_CONFLICT', `job '${state.id}' has not reached the engine yet`);
    return this.#init.directoryOf(run, state.index, state.id as JobId, Math.max(1, state.fence));
  }

  reasonOf(state: JobState): Detail {
    return this.#broken === undefined ? this.#queue.reasonOf(state) : '';
  }

  known(id: string): JobState | undefined {
    return this.#intake.byId.get(id);
  }

  get states(): ReadonlyMap<string, JobState> {
    return this.#intake.byId;
  }

  count(status: Status): number {
    return this.#counts[STATUSES.indexOf(status)] as number;
  }

  // ---- hearing --------------------------------------------------------------------------------

  #started(run: RunId): void {
    const unlisten = this.#init.api.listen((events) => this.#hear(run, events));
    // Who waits at the end of a program for what nobody will submit is told so, rather than left waiting.
    const forget = whenProcessIsIdle(() => void this.seal());
    this.#unlisten = () => {
      unlisten();
      forget();
    };
    this.#init.api.ended(run).then(
      (view) => {
        if (!isFinal(view.status)) this.#break(new HeddleError('ENGINE_CLOSED', 'the engine was shut down'));
      },
      (error: Error) => this.#break(error),
    );
  }

  #hear(run: RunId, events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.kind !== 'job' || event.run !== run) continue;
      const state = this.#intake.at(event.index);
      if (state !== undefined) this.#apply(state, event);
    }
    if (this.#idle.length > 0) this.#lookIdle();
  }

  #apply(state: JobState, event: JobEvent): void {
    if (state.refusal !== undefined) return;
    const before = applyEvent(state, event, this.#keepValues);
    if (before !== state.status) {
      this.#count(before, -1);
      this.#count(state.status, 1);
    }
    if (state.status === 'done') state.upstream = [];
    if (state.status === 'failed') this.#logFailure(state);
    if (this.#state !== 'open' && state.isStreaming) void this.#streamOf(state).close();
    this.#callbacks.tell(state, event);
    state.changed();
  }

  #refused(state: JobState, error: Error): void {
    state.refusal = error;
    state.detail = 'unsatisfiable';
    state.endedAt = systemClock.now().wall;
    this.#move(state, 'failed');
    this.#logFailure(state);
    this.#callbacks.failed(state);
    this.#lookIdle();
  }

  #logFailure(state: JobState): void {
    const { id, detail, outcome, refusal } = state;
    const why = refusal?.message ?? (outcome === undefined ? reasonOf(state) : describeOutcome(outcome));
    const error = refusal ?? (outcome?.kind === 'error' ? bodyError(state) : undefined);
    const withStack = error !== undefined && this.#init.logsTracebacks();
    this.#init.logger.error({ job: id, cause: detail, ...(withStack ? { error } : {}) }, `job '${id}' failed: ${why}`);
  }

  /** Nothing more is heard: everybody who waits is told. */
  #break(error: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = error;
    this.#queue.giveUp();
    for (const state of this.#active()) state.abandon(error);
    for (const waiter of this.#idle) waiter.reject(error);
    this.#idle = [];
  }

  // ---- waiting --------------------------------------------------------------------------------

  #active(): readonly JobState[] {
    return [...this.#intake.byId.values()].filter((state) => !state.isFinal);
  }

  get #isIdle(): boolean {
    return this.count('pending') === 0 && this.count('running') === 0;
  }

  #lookIdle(): void {
    if (this.#isIdle) {
      for (const waiter of this.#idle) waiter.resolve();
      this.#idle = [];
    } else if (this.count('running') === 0 && this.#sealed < this.#intake.size) void this.seal();
  }

  /** All that was submitted is all there is, for now: what waits for what is not there fails. */
  async seal(): Promise<void> {
    const { size } = this.#intake;
    if (this.#sealed >= size) return;
    this.#sealed = size;
    await this.#queue.flushed();
    const { run } = this.#queue;
    if (run === undefined || this.#broken !== undefined) return;
    try {
      await this.#queue.ask(() => this.#init.api.seal(run));
    } catch (error) {
      if (this.#broken === undefined) throw error;
    }
  }

  /** Resolves true when nothing is pending or running, or nothing of what is selected; false when the timeout passed. */
  async wait(options: WaitOptions, select?: () => readonly JobState[]): Promise<boolean> {
    const limit = timeoutMs(options);
    const until = limit === undefined ? undefined : systemClock.now().mono + limit;
    const left = (): number | undefined =>
      until === undefined ? undefined : Math.max(0, until - systemClock.now().mono);
    await this.seal();
    for (;;) {
      const states = select === undefined ? undefined : new Set(select());
      if (!(await (states === undefined ? this.#idleWithin(left()) : allEnded(states, left)))) return false;
      // What callbacks submit is waited for as well.
      const callbacks = this.#callbacks.settled(states);
      if (callbacks === undefined && (states === undefined || [...(select?.() ?? [])].every((state) => state.isFinal)))
        return true;
      if (callbacks !== undefined && !(await within(callbacks, left()))) return false;
    }
  }

  async #idleWithin(limitMs: number | undefined): Promise<boolean> {
    if (this.#isIdle) return true;
    if (this.#broken !== undefined) throw this.#broken;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { resolve, reject };
    this.#idle.push(waiter);
    const isInTime = await within(promise, limitMs);
    if (!isInTime) this.#idle = this.#idle.filter((other) => other !== waiter);
    return isInTime;
  }

  // ---- ending ---------------------------------------------------------------------------------

  /** The engine was shut down: nothing more comes of what has not ended. */
  stopped(): void {
    this.#break(new HeddleError('ENGINE_CLOSED', 'the engine was shut down'));
  }

  /** Waits for all jobs, or cancels them; then nothing more is taken. */
  async close(how: 'wait' | 'cancel'): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    const timer = systemClock.after(SAY_AFTER_MS, () => this.#sayWhatIsWaitedFor());
    try {
      if (how === 'cancel') await this.cancelAll();
      for (const state of this.#active()) if (state.isStreaming) void this.#streamOf(state).close();
      while (this.#broken === undefined && (!this.#isIdle || this.#callbacks.going > 0 || !this.#queue.isEmpty)) {
        await this.wait({});
        await this.#queue.flushed();
      }
    } catch (error) {
      // An engine that is broken has told everybody who waits.
      if (this.#broken === undefined) throw error;
    } finally {
      this.#state = 'closed';
      timer.cancel();
    }
    const { run } = this.#queue;
    if (run !== undefined && this.#broken === undefined) {
      await this.#queue.ask(() => this.#init.api.close(run));
      await this.#init.api.ended(run);
    }
    this.#unlisten();
    this.#intake.functions[Symbol.dispose]();
  }

  #sayWhatIsWaitedFor(): void {
    const active = this.#active();
    const named = active
      .slice(0, NAMED)
      .map(({ id, job: { status, detail } }) => `${id} (${detail === '' ? status : detail})`);
    const rest = active.length > NAMED ? ` and ${active.length - NAMED} more` : '';
    const callbacks = this.#callbacks.going === 0 ? '' : `; ${this.#callbacks.going} callbacks have not come back`;
    this.#init.logger.warn(
      { jobs: active.length, callbacks: this.#callbacks.going },
      `disposing the engine waits for ${active.length} jobs: ${named.join(', ')}${rest}${callbacks}`,
    );
  }
}

/** Resolves true when all of these have ended; false when the time has passed. */
async function allEnded(states: Iterable<JobState>, left: () => number | undefined): Promise<boolean> {
  for (const state of states) if (!(await state.until(() => state.isFinal, left()))) return false;
  return true;
}

/** Resolves true when a promise has, false when the time has passed before. */
async function within(promise: Promise<unknown>, limitMs: number | undefined): Promise<boolean> {
  if (limitMs === undefined) return promise.then(() => true);
  const { promise: passed, resolve } = Promise.withResolvers<boolean>();
  const timer = systemClock.after(limitMs, () => resolve(false));
  try {
    return await Promise.race([promise.then(() => true), passed]);
  } finally {
    timer.cancel();
  }
}
