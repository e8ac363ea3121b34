import {
  type AcceptMask,
  type CallReference,
  type CommandPayload,
  type Detail,
  HeddleError,
  isFinal,
  type Outcome,
  type Status,
  type Value,
} from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import type { Job } from './job.ts';
import type { JobOptions } from './job-options.ts';

/** Any function at all. */
export type AnyFunction = (...parameters: never[]) => unknown;

/** What a job does: a call with arguments that may hold jobs, or a command. */
export type JobWork =
  | {
      readonly kind: 'call';
      readonly backend: string;
      /** What it is called: part of its definition. */
      readonly task: string;
      readonly fn: AnyFunction;
      readonly args: readonly unknown[];
      /** How the function travels; absent: it is called where it is. */
      readonly reference?: CallReference;
      /** A generator whose values are taken one by one. */
      readonly stream: boolean;
      /** A child process is in the job's directory meanwhile. */
      readonly enterDirectory: boolean;
    }
  | {
      readonly kind: 'command';
      readonly backend: string;
      readonly task: string;
      readonly payload: CommandPayload;
      /** What `result()` gives once it is done. */
      readonly result: unknown;
    };

/** What a job asks of the session that has it. */
export interface JobHome {
  /** Where relative paths of jobs start, absolute. */
  readonly project: string;
  cancel(state: JobState): Promise<void>;
  rerun(state: JobState): Promise<void>;
  /** Result of a job that is done, or whose generator is streaming. */
  resultOf(state: JobState): Promise<unknown>;
  directoryOf(state: JobState): string;
  /** Why it is pending, as far as that is known now. */
  reasonOf(state: JobState): Detail;
  /** A job of it, by its id. */
  known(id: string): JobState | undefined;
}

/** Another job that is waited for: for its value, or until it ended with an accepted status. */
export interface Upstream {
  readonly state: JobState;
  readonly accept: AcceptMask;
}

interface Watcher {
  readonly look: () => boolean;
  readonly resolve: (holds: boolean) => void;
  readonly reject: (error: unknown) => void;
}

const NO_UPSTREAM: readonly Upstream[] = [];
const NONE: readonly string[] = [];

/**
 * What is known of a job. States: created -> pending -> running -> done | failed | cancelled, from `running` back to
 * `pending` for another attempt, and from a final one by a rerun. A job is told of by its session alone, in the order of
 * the journal, but for two things: what is submitted reads `pending` at once, and what is cancelled before that `cancelled`.
 */
export class JobState {
  readonly job: Job<unknown>;
  readonly id: string;
  readonly options: JobOptions<never>;
  readonly createdAt: number;
  /** Given up once it is encoded: what a rerun needs the engine has. */
  work: JobWork | undefined;
  readonly isStream: boolean;
  /** Of a command, whose value is what lies in its directory. */
  readonly fixedResult: { readonly value: unknown } | undefined;
  /** The session it was submitted to. */
  home: JobHome | undefined;
  /** It will be submitted as soon as there is an engine. */
  isExpected = false;
  /** In the session's run; -1 before it is submitted. */
  index = -1;
  status: Status = 'created';
  detail: Detail = '';
  fence = 0;
  charged = 0;
  submittedAt = 0;
  startedAt = 0;
  endedAt = 0;
  /** Of the latest attempt that ended. */
  outcome: Outcome | undefined;
  /** Its fence. */
  endedFence = 0;
  /** Of a job that is done, where it is small or in memory anyway; else the store has it. */
  value: Value | undefined;
  /** Why it never came to the engine, or why nothing is known of it any more. */
  refusal: Error | undefined;
  /** What it waits for in any case, until it is done. */
  upstream: readonly Upstream[] = NO_UPSTREAM;
  /** Ids of jobs it waits for which nobody had submitted when it was. */
  awaits: readonly string[] = NONE;
  /** Ids of the jobs whose values it takes. */
  dependencies: readonly string[] = NONE;
  /** The function that is kept in memory for it. */
  holds: AnyFunction | undefined;
  /** Does something from where it was submitted; of a job with callbacks. */
  asSubmitter: (<Result>(run: () => Result) => Result) | undefined;
  #watchers: Watcher[] | undefined;

  constructor(
    job: Job<unknown>,
    init: { readonly id: string; readonly work: JobWork; readonly options: JobOptions<never> },
  ) {
    this.job = job;
    this.id = init.id;
    this.work = init.work;
    this.isStream = init.work.kind === 'call' && init.work.stream;
    this.fixedResult = init.work.kind === 'command' ? { value: init.work.result } : undefined;
    this.options = init.options;
    this.createdAt = systemClock.now().wall;
  }

  get isFinal(): boolean {
    return isFinal(this.status);
  }

  get isStreaming(): boolean {
    return this.status === 'running' && this.detail === 'streaming';
  }

  /** Everybody who waits looks again. */
  changed(): void {
    const watchers = this.#watchers;
    if (watchers === undefined) return;
    const left = watchers.filter((watcher) => !settles(watcher));
    this.#watchers = left.length === 0 ? undefined : left;
  }

  /** Nothing more will be heard of it: everybody who waits is told why. */
  abandon(error: Error): void {
    this.refusal ??= error;
    const watchers = this.#watchers;
    this.#watchers = undefined;
    for (const watcher of watchers ?? []) watcher.reject(this.refusal);
  }

  /**
   * Resolves when `look` says so, looked at after each change: true. With a timeout, false when that has passed.
   * What `look` throws, it rejects with.
   */
  async until(look: () => boolean, timeoutMs?: number): Promise<boolean> {
    if (look()) return true;
    if (this.refusal !== undefined && !this.isFinal) throw this.refusal;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const watcher: Watcher = { look, resolve, reject };
    (this.#watchers ??= []).push(watcher);
    if (timeoutMs === undefined) return promise;
    const timer = systemClock.after(timeoutMs, () => {
      this.#watchers = this.#watchers?.filter((other) => other !== watcher);
      resolve(false);
    });
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  }

  /** @throws {HeddleError} STATE_CONFLICT when nothing would ever come of waiting */
  mustBeSubmitted(): void {
    if (this.status !== 'created' || this.isExpected) return;
    throw new HeddleError('STATE_CONFLICT', `job '${this.id}' has not been submitted`, {
      hint: 'engine.submit(job) comes first',
    });
  }

  /** Forgets how it ended, since it is to run again. */
  restart(): void {
    this.charged = 0;
    this.endedAt = 0;
    this.startedAt = 0;
    this.outcome = undefined;
    this.value = undefined;
    this.refusal = undefined;
  }
}

function settles({ look, resolve, reject }: Watcher): boolean {
  try {
    if (!look()) return false;
    resolve(true);
  } catch (error) {
    reject(error);
  }
  return true;
}
