import { AsyncLocalStorage } from 'node:async_hooks';
import { decodeValue } from '../calls/index.ts';
import { asError, type EngineEvent, type FailedCause, type Logger, type Outcome, type Status } from '../model/index.ts';
import type { JobCallbacks } from './job-options.ts';
import type { JobState } from './job-state.ts';
import { bodyError } from './task-error.ts';

export type JobEvent = Extract<EngineEvent, { readonly kind: 'job' }>;

/** Values up to this size stay with their jobs; others are read from the store when somebody wants them. */
const KEPT_CHARS = 1024;

const CHARGED: ReadonlySet<Outcome['kind']> = new Set<FailedCause>([
  'error',
  'exit',
  'signal',
  'timeout',
  'memory',
  'output-missing',
]) as ReadonlySet<Outcome['kind']>;

/** Takes in what the engine tells of a job; gives the status it had. `keepValues`: they are in memory anyway. */
export function applyEvent(state: JobState, event: JobEvent, keepValues: boolean): Status {
  const { outcome, status } = event;
  const before = state.status;
  // What never came to the engine in earnest keeps the end it was told.
  if (state.refusal !== undefined) return before;
  if (state.isFinal && status === 'pending') state.restart();
  state.status = status;
  state.detail = event.detail;
  if (event.fence > state.fence) state.fence = event.fence;
  if (status === 'running' && event.from === 'pending') state.startedAt = event.at;
  if (outcome !== undefined) {
    state.endedFence = event.fence;
    if (CHARGED.has(outcome.kind) && !isOnlyRefused(event)) state.charged += 1;
    state.outcome = withoutValue(outcome);
    if (outcome.kind === 'ok' && outcome.value !== undefined) {
      const { value } = outcome;
      if (keepValues || (value.codec === 'json' && value.json.length <= KEPT_CHARS)) state.value = value;
    }
  }
  if (state.isFinal) state.endedAt = event.at;
  return before;
}

/** Its backend had no room for it, or could not start it, and is asked again: it was no attempt. */
function isOnlyRefused({ status, outcome }: JobEvent): boolean {
  return status === 'pending' && outcome?.kind === 'error' && outcome.error.name === 'LaunchRefused';
}

const OK: Outcome = { kind: 'ok' };

function withoutValue(outcome: Outcome): Outcome {
  if (outcome.kind !== 'ok') return outcome;
  return outcome.usage === undefined ? OK : { kind: 'ok', usage: outcome.usage };
}

/** Remembers from where a job was submitted, for its callbacks: in what is traced or in whose scope. */
export function rememberSubmitter(state: JobState): void {
  const { onDone, onFailed, onCancelled, onAttemptFailed } = state.options;
  if ((onDone ?? onFailed ?? onCancelled ?? onAttemptFailed) !== undefined)
    state.asSubmitter = AsyncLocalStorage.snapshot();
}

/** Who calls callbacks, and waits for those that take their time. */
export class CallbackRunner {
  readonly #logger: Logger;
  readonly #going = new Map<Promise<unknown>, JobState>();
  /** Says of what runs that a callback brought it about. */
  readonly #inside = new AsyncLocalStorage<true>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Callbacks that have not come back. */
  get going(): number {
    return this.#going.size;
  }

  /** Tells whoever asked to be told of this. */
  tell(state: JobState, event: JobEvent): void {
    const { onDone, onCancelled, onAttemptFailed } = state.options as JobCallbacks<unknown>;
    const { outcome, status } = event;
    const { job } = state;
    if (onAttemptFailed !== undefined && outcome !== undefined && outcome.kind !== 'ok' && outcome.kind !== 'cancelled')
      this.#call(state, 'onAttemptFailed', () => onAttemptFailed(bodyError(state, outcome), job));
    if (status === 'done' && onDone !== undefined)
      this.#call(state, 'onDone', () => onDone(state.fixedResult?.value ?? valueIn(outcome), job));
    if (status === 'failed') this.failed(state);
    if (status === 'cancelled' && onCancelled !== undefined) this.#call(state, 'onCancelled', () => onCancelled(job));
  }

  failed(state: JobState): void {
    const { onFailed } = state.options;
    if (onFailed !== undefined) this.#call(state, 'onFailed', () => onFailed(bodyError(state), state.job));
  }

  /**
   * Resolves when those that are going now, of these jobs or all, have come back; undefined when there are none, or it is
   * asked from within a callback, which would wait for itself.
   */
  settled(states?: ReadonlySet<JobState>): Promise<unknown> | undefined {
    if (this.#going.size === 0 || this.#inside.getStore() === true) return undefined;
    const wanted = [...this.#going].filter(([, state]) => states === undefined || states.has(state));
    return wanted.length === 0 ? undefined : Promise.allSettled(wanted.map(([going]) => going));
  }

  /** What a callback does never changes what became of its job. */
  #call(state: JobState, name: keyof JobCallbacks<unknown>, callback: () => unknown): void {
    const report = (thrown: unknown): void =>
      this.#logger.error(
        { job: state.id, error: asError(thrown) },
        `${name} of job '${state.id}' threw; the job is as it was`,
      );
    try {
      const { asSubmitter } = state;
      // The turn of the engine that tells of an end was brought about by somebody else.
      const inside = (): unknown => this.#inside.run(true, callback);
      const answer = asSubmitter === undefined ? inside() : asSubmitter(inside);
      if (!isPromise(answer)) return;
      const going = Promise.resolve(answer)
        .catch(report)
        .finally(() => this.#going.delete(going));
      this.#going.set(going, state);
    } catch (thrown) {
      report(thrown);
    }
  }
}

function valueIn(outcome: Outcome | undefined): unknown {
  return outcome?.kind === 'ok' && outcome.value !== undefined ? decodeValue(outcome.value) : undefined;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { readonly then?: unknown }).then === 'function'
  );
}
