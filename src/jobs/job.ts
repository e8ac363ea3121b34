import { inspect } from 'node:util';
import {
  type Detail,
  type DurationInput,
  HeddleError,
  isFinal,
  type Outcome,
  parseDuration,
  type Status,
  STATUSES,
} from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import type { AnyCondition } from './conditions.ts';
import { checkOptions, JOB_FIELDS, type JobOptions, maxAttemptsOf } from './job-options.ts';
import { JobState, type JobWork } from './job-state.ts';
import { readOutput } from './job-output.ts';
import { bodyError, failureOf } from './task-error.ts';

/** How long one waits. */
export interface WaitOptions {
  /** @default for ever */
  readonly timeout?: DurationInput;
}

/** Numbers the jobs of this process, so that ids are unique in any session. */
let made = 0;

/** What a job's class hands over. */
export interface JobInit {
  readonly name: string;
  readonly work: JobWork;
  readonly options: JobOptions<never>;
  /** Options of the class beside those every job has. */
  readonly fields?: readonly string[];
}

let stateOfJob: (job: Job<unknown, unknown>) => JobState;

/**
 * One piece of work and what becomes of it. It is made (`created`), then submitted to an engine, and may stand where its
 * value is wanted in the arguments of others. A handle, never a thenable: `result()` and `wait()` say what is waited for.
 *
 * `created -> pending -> running -> done | failed | cancelled`; a final job becomes `pending` again by `rerun()`, or by
 * being submitted again.
 */
export abstract class Job<Result, Value = Result> {
  /** Carries the type of what the job gives to others; never there. */
  declare readonly '~value': Value;
  /** Unique in the engine: `<name>-<number>`. */
  readonly id: string;
  /** A label for people. */
  readonly name: string;
  readonly #state: JobState;

  static {
    stateOfJob = (job) => job.#state;
    Object.defineProperty(Job.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Job<unknown, unknown>): string {
        return this.toString();
      },
    });
  }

  protected constructor({ name, work, options, fields = [] }: JobInit) {
    made += 1;
    this.name = options.name ?? name;
    this.id = idOf(this.name, made);
    checkOptions(options, [...JOB_FIELDS, ...fields], this.name);
    this.#state = new JobState(this, { id: this.id, work, options });
  }

  get status(): Status {
    return this.#state.status;
  }

  /** Why it is pending, where in its attempt it is, or why it failed or was cancelled; empty where there is nothing to say. */
  get detail(): Detail {
    const state = this.#state;
    return state.status === 'pending' && state.detail === '' ? (state.home?.reasonOf(state) ?? '') : state.detail;
  }

  /** Why it is `pending`: `blocked`, `condition`, `queued`, `backoff`, ...; undefined when it isn't. */
  get reason(): Detail | undefined {
    return this.#detailOf('pending');
  }

  /** Where in its attempt it is: `starting`, `active`, `streaming`, ...; undefined unless it is `running`. */
  get phase(): Detail | undefined {
    return this.#detailOf('running');
  }

  /** Why it is `failed` or `cancelled`: `error`, `exit`, `timeout`, `upstream`, ...; undefined when it is neither. */
  get cause(): Detail | undefined {
    return this.#detailOf('failed') ?? this.#detailOf('cancelled');
  }

  /** How its latest attempt ended, once one has. */
  get outcome(): Outcome | undefined {
    return this.#state.outcome;
  }

  /** Epoch milliseconds, as all its times; 0: not yet. */
  get createdAt(): number {
    return this.#state.createdAt;
  }

  get submittedAt(): number {
    return this.#state.submittedAt;
  }

  /** Of the latest attempt. */
  get startedAt(): number {
    return this.#state.startedAt;
  }

  get endedAt(): number {
    return this.#state.endedAt;
  }

  /** Attempts so far, of all its runs. */
  get attempts(): number {
    return this.#state.fence;
  }

  /** Attempts it has left after one that fails now. A rerun restores them. */
  get retriesLeft(): number {
    return Math.max(0, maxAttemptsOf(this.#state.options) - 1 - this.#state.charged);
  }

  /**
   * Where its latest attempt works, absolute: what it writes and `command.sh` are there. Made when something is put there.
   *
   * @throws {HeddleError} STATE_CONFLICT before it is submitted
   */
  get directory(): string {
    const state = this.#state;
    if (state.home !== undefined) return state.home.directoryOf(state);
    throw new HeddleError('STATE_CONFLICT', `job '${this.id}' has no directory before it is submitted`);
  }

  /** What its latest attempt has written to standard output so far; empty where nothing is kept of it. */
  stdout(): Promise<string> {
    return readOutput(this.#state, 'stdout');
  }

  /** What its latest attempt has written to standard error so far. With one file for both streams, all of that. */
  stderr(): Promise<string> {
    return readOutput(this.#state, 'stderr');
  }

  /** Ids of the jobs whose values it takes, known once it is submitted. */
  get dependencies(): readonly string[] {
    return this.#state.dependencies;
  }

  get condition(): AnyCondition | undefined {
    return this.#state.options.condition;
  }

  get metadata(): Readonly<Record<string, unknown>> {
    return this.#state.options.metadata ?? {};
  }

  get tags(): readonly string[] {
    return this.#state.options.tags ?? [];
  }

  /**
   * The result, once there is one: the value, awaited; of a generator, as soon as it streams, what takes its values.
   *
   * @throws {TaskExecutionError} when it failed: `cause` is what its body threw
   * @throws {HeddleError} JOB_CANCELLED, STATE_CONFLICT when it was never submitted, ENGINE_CLOSED
   */
  async result(): Promise<Result> {
    const state = this.#state;
    state.mustBeSubmitted();
    if (!state.isFinal) await state.until(() => state.isFinal || (state.isStream && state.isStreaming));
    if (state.status === 'failed' || state.status === 'cancelled') throw failureOf(state);
    return (await state.home?.resultOf(state)) as Result;
  }

  /** What its body threw, once it is `failed`; when it failed otherwise, its `TaskExecutionError`. Undefined in any other status. */
  exception(): Error | undefined {
    return this.#state.status === 'failed' ? bodyError(this.#state) : undefined;
  }

  /**
   * Resolves true when the job is final: the pause before a retry is waited through. False when the timeout passed.
   *
   * @throws {HeddleError} STATE_CONFLICT when it was never submitted, ENGINE_CLOSED
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    const state = this.#state;
    if (!state.isFinal) state.mustBeSubmitted();
    return state.until(() => state.isFinal, timeoutMs(options));
  }

  /** As `wait`. */
  join(options: WaitOptions = {}): Promise<boolean> {
    return this.wait(options);
  }

  /**
   * Resolves true when the job has a status, or a predicate of it holds: looked at whenever something is told of it.
   * False when the timeout passed, or the job ended and it doesn't hold.
   */
  async waitUntil(wanted: Status | ((job: this) => boolean), options: WaitOptions = {}): Promise<boolean> {
    if (typeof wanted === 'string' && !STATUSES.includes(wanted)) {
      throw new HeddleError('INPUT_INVALID', `'${String(wanted)}' is no status of a job`, {
        hint: `there is ${STATUSES.join(', ')}`,
      });
    }
    const state = this.#state;
    const holds = typeof wanted === 'string' ? () => state.status === wanted : () => wanted(this);
    let held = false;
    await state.until(() => {
      held = holds();
      return held || isFinal(state.status);
    }, timeoutMs(options));
    return held;
  }

  /** Cancels it unless it is final; resolves when that is written down. `wait()` waits until nothing of it lives. */
  async cancel(): Promise<void> {
    const state = this.#state;
    if (state.home !== undefined) return state.home.cancel(state);
    if (state.isFinal) return;
    state.status = 'cancelled';
    state.detail = 'user';
    state.endedAt = systemClock.now().wall;
    state.changed();
    state.options.onCancelled?.(this);
  }

  /**
   * Runs it again, under the same id: its arguments are taken anew, its retries restored, and finished jobs that took its
   * value run again too.
   *
   * @throws {HeddleError} STATE_CONFLICT unless it is final
   */
  async rerun(): Promise<void> {
    const state = this.#state;
    state.mustBeSubmitted();
    if (state.home === undefined || !state.isFinal) {
      throw new HeddleError(
        'STATE_CONFLICT',
        `job '${this.id}' is ${state.status}: only a final job of an engine runs again`,
      );
    }
    await state.home.rerun(state);
  }

  /** For people: class, id, status and what is set. */
  toString(): string {
    const { status, options, charged } = this.#state;
    const { detail } = this;
    const parts = [
      `${this.constructor.name} ${this.id}`,
      detail === '' ? status : `${status} (${detail})`,
      ...(options.condition === undefined ? [] : [options.condition.constructor.name]),
      ...(options.retries === undefined ? [] : [`${this.retriesLeft} retries left`]),
      ...(charged === 0 ? [] : [`${charged} failed attempts`]),
    ];
    return `<${parts.join(', ')}>`;
  }

  #detailOf(status: Status): Detail | undefined {
    if (this.#state.status !== status) return undefined;
    const { detail } = this;
    return detail === '' ? undefined : detail;
  }
}

/**
 * What is known of a job, for those who change it.
 *
 * @throws {HeddleError} INPUT_INVALID when it is no job
 */
export function stateOf(job: Job<unknown, unknown>): JobState {
  if (job instanceof Job) return stateOfJob(job);
  throw noJob(job);
}

/** Longest text of what was given instead. */
const MAX_TOLD = 100;

function noJob(value: unknown): HeddleError {
  const what = isThenable(value)
    ? 'a promise'
    : typeof value === 'function'
      ? 'a function'
      : `${inspect(value, { depth: 0, breakLength: Infinity }).slice(0, MAX_TOLD)}`;
  const hints: Readonly<Record<string, string>> = {
    'a promise': 'await it, and give the job',
    'a function': 'make a job of it: new ThreadJob(fn, [argument, ...])',
  };
  return new HeddleError('INPUT_INVALID', `a job is wanted here, not ${what}`, {
    hint: hints[what] ?? 'make one: new ThreadJob(fn, [argument, ...])',
  });
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** The job itself; undefined for any other value. */
export function asJob(value: object): Job<unknown, unknown> | undefined {
  return value instanceof Job ? value : undefined;
}

/** @throws {HeddleError} INPUT_INVALID */
export function timeoutMs({ timeout }: WaitOptions): number | undefined {
  return timeout === undefined ? undefined : parseDuration(timeout, 'timeout');
}

/** Longest part of an id that is a name. */
const MAX_NAME = 200;

/** A name may be any text; what a graph's names may not hold is left out of the id. */
function idOf(name: string, number: number): string {
  if (typeof name !== 'string' || name === '') {
    throw new HeddleError('INPUT_INVALID', `a job's name can't be ${JSON.stringify(name) ?? String(name)}`, {
      hint: 'give some text, or leave it out',
    });
  }
  const plain = /^[\x20-\x7e]{1,200}$/.test(name) ? name : name.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_NAME);
  return `${plain}-${number}`;
}
