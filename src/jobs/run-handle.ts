import type { Counts, EngineApi, Explanation, RetryChanges, RunView } from '../engine/index.ts';
import {
  asJobId,
  decodeValue,
  describeOutcome,
  type EngineEvent,
  HeddleError,
  type JobId,
  type Outcome,
  type RunId,
  type Status,
  type Store,
} from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { jobNotFound, localControl, type RunControl, type RunningJob } from './run-control.ts';
import { type EventsOptions, runEvents } from './run-events.ts';
import { type LogChunk, type LogsOptions, runLogs } from './run-logs.ts';
import { resolveResult } from './run-result.ts';

/** Failed jobs that an error names. */
const NAMED_FAILURES = 10;
/** Jobs looked at before others get a turn. */
const LOOKED_AT_ONCE = 10_000;

export interface RunHandleInit {
  readonly api: EngineApi;
  readonly store: Store;
  readonly run: RunId;
  readonly closed: AbortSignal;
  /** Where the attempts of the run work. */
  readonly directoryOf: (index: number, job: JobId, fence: number) => string;
  /** Resolves when what its results were made of is written down. */
  readonly settled?: () => Promise<void>;
}

/** A job that failed, for people. */
export interface FailedJob {
  readonly job: string;
  readonly cause: string;
}

/**
 * One run in the hands of the program that started or resumed it. A handle, never a thenable: `wait()` and
 * `result()` say what one waits for. Jobs are named by their ids.
 */
export class RunHandle {
  readonly id: RunId;
  readonly #init: RunHandleInit;
  /** Steers it as anybody else would; disposing it leaves the run alone. */
  readonly control: RunControl;
  #last: RunView;

  constructor(init: RunHandleInit) {
    this.id = init.run;
    this.#init = init;
    this.control = localControl(init);
    this.#last = init.api.view(init.run);
  }

  get name(): string {
    return this.view().name;
  }

  /** The run as the engine sees it now; when the engine has given it up, as it saw it last. */
  view(): RunView {
    try {
      this.#last = this.#init.api.view(this.id);
    } catch (error) {
      if (!isGivenUp(error)) throw error;
    }
    return this.#last;
  }

  status(): Status {
    return this.view().status;
  }

  counts(): Counts {
    return this.view().counts;
  }

  /** Live attempts; none when the engine has given the run up. */
  running(): readonly RunningJob[] {
    try {
      return this.#init.api.running(this.id);
    } catch (error) {
      if (!isGivenUp(error)) throw error;
      return [];
    }
  }

  /** What happens, from the beginning or after a sequence number; ends with the run or the engine. */
  events(options: EventsOptions = {}): AsyncGenerator<EngineEvent> {
    return runEvents(this.#init, options);
  }

  /** What the latest attempts of its jobs wrote, and with `follow` what they write until it ends. */
  logs(options: LogsOptions = {}): AsyncGenerator<LogChunk> {
    return runLogs(this.#init, options);
  }

  /** Resolves when the run has ended, or was interrupted by the engine's shutdown. Never rejects because a job failed. */
  async wait(): Promise<RunView> {
    this.#last = await this.#init.api.ended(this.id);
    await this.#init.settled?.();
    return this.#last;
  }

  /**
   * What the workflow returns, once the run is done; null when it returns nothing.
   *
   * @throws {HeddleError} TASK_FAILED when it ended otherwise, its `details` naming the failed jobs
   */
  async result(): Promise<unknown> {
    const view = await this.wait();
    if (view.status !== 'done') throw await this.#failure(view);
    const graphs = await this.#init.store.graph(this.id);
    return resolveResult(graphs, async (jobs) => Promise.all(jobs.map((job) => this.#init.api.value(this.id, job))));
  }

  /** The value of a job that is done, as a function that takes it would be given it; undefined where there is none. */
  async value(job: string): Promise<unknown> {
    const value = await this.#init.api.value(this.id, this.#indexOf(job));
    return value === undefined ? undefined : decodeValue(value);
  }

  /** Where the latest attempt of a job works, absolute: `stdout`, `stderr` and what it made are there. */
  directory(job: string): string {
    const index = this.#indexOf(job);
    const { id, fence } = this.#init.api.job(this.id, index);
    return this.#init.directoryOf(index, id, fence);
  }

  /** Why a job is where it is. */
  why(job: string): Promise<Explanation> {
    return this.control.why(job);
  }

  cancel(jobs?: readonly string[]): Promise<void> {
    return this.control.cancel(jobs);
  }

  pause(): Promise<void> {
    return this.control.pause();
  }

  /** Goes on after `pause`. */
  resume(): Promise<void> {
    return this.control.unpause();
  }

  hold(jobs: readonly string[]): Promise<void> {
    return this.control.hold(jobs);
  }

  release(jobs: readonly string[]): Promise<void> {
    return this.control.release(jobs);
  }

  /** Makes the failed and cancelled jobs of the finished run pending again. */
  retry(changes?: RetryChanges): Promise<void> {
    return this.control.retry(changes);
  }

  /** The first failed jobs, with their causes. */
  async failedJobs(limit: number = NAMED_FAILURES): Promise<readonly FailedJob[]> {
    if (!this.#init.store.keepsJobs) return this.#failedInMemory(limit);
    const failed: FailedJob[] = [];
    for await (const rows of this.#init.store.jobs(this.id)) {
      for (const row of rows) {
        if (row.status !== 'failed') continue;
        const outcome = row.outcome === '' ? undefined : (JSON.parse(row.outcome) as Outcome);
        failed.push({
          job: this.#init.api.job(this.id, row.job).id,
          cause: outcome === undefined ? row.detail : describeOutcome(outcome),
        });
        if (failed.length === limit) return failed;
      }
    }
    return failed;
  }

  #indexOf(job: string): number {
    const index = this.#init.api.indexOf(this.id, asJobId(job));
    if (index !== undefined) return index;
    throw jobNotFound(this.id, job);
  }

  /** As the engine remembers them, until it forgets the run. */
  async #failedInMemory(limit: number): Promise<readonly FailedJob[]> {
    const { api } = this.#init;
    const failed: FailedJob[] = [];
    const { size, counts } = this.view();
    const wanted = Math.min(limit, counts.failed);
    try {
      for (let i = 0; i < size && failed.length < wanted; i += 1) {
        const { id, status, detail } = api.job(this.id, i);
        if (status === 'failed') {
          const { lastOutcome } = api.why(this.id, i);
          failed.push({ job: id, cause: lastOutcome === undefined ? detail : describeOutcome(lastOutcome) });
        }
        if (i % LOOKED_AT_ONCE === LOOKED_AT_ONCE - 1) await new Promise<void>((resolve) => systemClock.soon(resolve));
      }
    } catch (error) {
      if (!isGivenUp(error)) throw error;
    }
    return failed;
  }

  async #failure(view: RunView): Promise<HeddleError> {
    const failed = await this.failedJobs();
    const first = failed[0];
    const because = first === undefined ? '' : `: job '${first.job}': ${first.cause}`;
    return new HeddleError('TASK_FAILED', `run '${this.id}' ended ${view.status}${because}`, {
      details: { run: this.id, status: view.status, counts: view.counts, failed },
      ...(view.status === 'pending' ? { hint: `it was interrupted: 'heddle resume ${this.id}' continues it` } : {}),
    });
  }
}

function isGivenUp(error: unknown): boolean {
  return HeddleError.is(error) && error.code === 'RUN_NOT_FOUND';
}
