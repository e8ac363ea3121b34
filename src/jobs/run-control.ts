import type { EngineApi, Explanation, JobView, RetryChanges, RunView } from '../engine/index.ts';
import { asJobId, type EngineEvent, HeddleError, type RunId } from '../model/index.ts';
import { type EventSource, runEvents } from './run-events.ts';

/** A live attempt, for people who watch. */
export type RunningJob = ReturnType<EngineApi['running']>[number];

/**
 * Looking at a run and steering it, wherever its owner is: in this process, or behind its socket.
 * Jobs are named by their ids.
 *
 * @throws {HeddleError} RUN_NOT_FOUND, JOB_NOT_FOUND, STATE_CONFLICT, ENGINE_CLOSED
 */
export interface RunControl extends AsyncDisposable {
  readonly run: RunId;
  view(): Promise<RunView>;
  job(job: string): Promise<JobView>;
  why(job: string): Promise<Explanation>;
  running(): Promise<readonly RunningJob[]>;
  /** Jobs that nothing would ever wake: there must be none. */
  stuck(): Promise<readonly string[]>;
  /** Without jobs: the whole run. Of what is final: nothing. */
  cancel(jobs?: readonly string[]): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  hold(jobs: readonly string[]): Promise<void>;
  release(jobs: readonly string[]): Promise<void>;
  retry(changes?: RetryChanges): Promise<void>;
  rerun(jobs: readonly string[]): Promise<void>;
  /** What happens after a sequence number, each event after the commit that holds it; ends when the run does. */
  events(after: number, signal?: AbortSignal): AsyncIterable<EngineEvent>;
}

/** Steers a run that this engine owns. Disposing it leaves the engine alone. */
export function localControl(source: EventSource): RunControl {
  const { api, run } = source;
  const index = (job: string): number => indexOfJob(api, run, job);
  const indices = (jobs: readonly string[]): readonly number[] => jobs.map(index);
  return {
    run,
    view: async () => api.view(run),
    job: async (job) => api.job(run, index(job)),
    why: async (job) => api.why(run, index(job)),
    running: async () => api.running(run),
    stuck: async () => api.stuck(run),
    cancel: async (jobs) => api.cancel(run, jobs === undefined ? 'all' : indices(jobs)),
    pause: async () => api.pause(run),
    unpause: async () => api.unpause(run),
    hold: async (jobs) => api.hold(run, indices(jobs)),
    release: async (jobs) => api.release(run, indices(jobs)),
    retry: async (changes) => api.retry(run, changes),
    rerun: async (jobs) => api.rerun(run, indices(jobs)),
    events: (after, signal) => runEvents(source, { after, ...(signal === undefined ? {} : { signal }) }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function indexOfJob(api: EngineApi, run: RunId, job: string): number {
  const index = api.indexOf(run, asJobId(job));
  if (index !== undefined) return index;
  throw jobNotFound(run, job);
}

/** Says that a run has no such job; `near` is the one that may have been meant. */
export function jobNotFound(run: RunId, job: string, near?: string): HeddleError {
  return new HeddleError('JOB_NOT_FOUND', `run '${run}' has no job '${job}'`, {
    details: { run, job },
    hint: near === undefined ? `'heddle show ${run} --all' lists its jobs` : `did you mean '${near}'?`,
  });
}
