import { reviveError } from '../calls/index.ts';
import { describeOutcome, type Detail, HeddleError, type Outcome } from '../model/index.ts';
import type { JobState } from './job-state.ts';
import { whyNever } from './why-never.ts';

/** What is known of the end of a job that failed. */
export interface TaskFailure {
  readonly job: string;
  /** Why it is failed: `error`, `exit`, `timeout`, ... */
  readonly cause: Detail;
  readonly outcome?: Outcome;
  /** Of a task of several commands: what each came to. */
  readonly result?: unknown;
}

/** A job failed. `cause` is what its body threw, where it threw; `details.cause` says how it ended. */
export class TaskExecutionError extends HeddleError<TaskFailure> {
  override readonly name: string = 'TaskExecutionError';

  constructor(
    message: string,
    failure: TaskFailure,
    { cause, hint = hintOf(cause) }: { cause?: unknown; hint?: string | undefined } = {},
  ) {
    super('TASK_FAILED', message, {
      details: quietly(failure),
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** The job's id; of a graph of named tasks, the task's name. */
  get taskName(): string {
    return this.details?.job ?? '';
  }
}

function hintOf(cause: unknown): string | undefined {
  return HeddleError.is(cause) ? cause.hint : undefined;
}

/** There to be read, but not shown: the error's cause says the same. */
function quietly({ outcome, result, ...failure }: TaskFailure): TaskFailure {
  const quiet = Object.defineProperty(failure, 'outcome', { value: outcome });
  return result === undefined ? quiet : Object.defineProperty(quiet, 'result', { value: result });
}

/** The error `result()` of a job that is failed or cancelled rejects with. */
export function failureOf(state: JobState): HeddleError {
  return state.status === 'cancelled' ? cancellationOf(state) : executionError(state, state.outcome);
}

/** The error of a failed job, or of one of its attempts. */
function executionError(state: JobState, outcome: Outcome | undefined): TaskExecutionError {
  const { id, detail, refusal } = state;
  const failure: TaskFailure = { job: id, cause: detail, ...(outcome === undefined ? {} : { outcome }) };
  if (refusal !== undefined)
    return new TaskExecutionError(`job '${id}' can't run: ${refusal.message}`, failure, { cause: refusal });
  const cause = outcome?.kind === 'error' ? reviveError(outcome.error) : undefined;
  const why = outcome === undefined ? reasonOf(state) : describeOutcome(outcome);
  const hasWritten = outcome?.kind === 'exit' || outcome?.kind === 'signal';
  const hint = hasWritten ? 'await job.stderr() gives what it wrote' : undefined;
  return new TaskExecutionError(`job '${id}' failed: ${why}`, failure, { cause, hint });
}

/** The error of a failed task of a run, by how its last attempt ended. */
export function failureOfTask(failure: TaskFailure): TaskExecutionError {
  const { job: task, cause, outcome } = failure;
  const why = outcome === undefined ? cause : describeOutcome(outcome);
  const thrown = outcome?.kind === 'error' ? reviveError(outcome.error) : undefined;
  return new TaskExecutionError(`task '${task}' failed: ${why}`, failure, { cause: thrown });
}

/** Why a job failed that never ran. */
export function reasonOf({ detail, options, home }: JobState): string {
  if (detail !== 'unsatisfiable') return detail;
  const never = options.condition === undefined ? undefined : whyNever(options.condition, (id) => home?.known(id));
  return never ?? 'what it waits for can never come true';
}

/** What the body of an attempt threw; where it did not throw, the job's error. */
export function bodyError(state: JobState, outcome: Outcome | undefined = state.outcome): Error {
  if (state.refusal !== undefined) return state.refusal;
  return outcome?.kind === 'error' ? reviveError(outcome.error) : executionError(state, outcome);
}

/** What a body threw, of the error of its job; any other error is itself. */
export function bodyErrorIn(error: unknown): unknown {
  return error instanceof TaskExecutionError && error.cause !== undefined ? error.cause : error;
}

function cancellationOf(state: JobState): HeddleError {
  const culprit = state.detail === 'upstream' ? culpritOf(state) : undefined;
  const because = culprit === undefined ? '' : `: job '${culprit.id}' is ${culprit.status}`;
  return new HeddleError('JOB_CANCELLED', `job '${state.id}' was cancelled (${state.detail})${because}`, {
    details: { job: state.id, cause: state.detail, ...(culprit === undefined ? {} : { becauseOf: culprit.id }) },
    ...(culprit === undefined ? {} : { cause: failureOf(culprit) }),
  });
}

/** Up the values it needs, to the job with which it began. */
function culpritOf(state: JobState): JobState | undefined {
  let at: JobState | undefined = state;
  while (at !== undefined && at.detail === 'upstream') {
    at = at.upstream.find(({ state: { status } }) => status === 'failed' || status === 'cancelled')?.state;
  }
  return at;
}
