import { reviveError, serializeError } from '../calls/index.ts';
import { HeddleError, type StreamRequest, type StreamStep } from '../model/index.ts';
import type { JobState } from './job-state.ts';
import { bodyError, failureOf } from './task-error.ts';

/**
 * The values of a generator that runs elsewhere, one at a time: nothing of it runs ahead of who takes them. What `next`
 * is given the generator's `yield` gives, as in JavaScript's own. It is of one attempt, and ends with it.
 */
export class JobStream implements AsyncGenerator<unknown, unknown, unknown> {
  readonly #state: JobState;
  readonly #fence: number;
  readonly #pull: (request: StreamRequest) => Promise<StreamStep>;
  #isOver = false;
  /** The latest request. */
  #latest: Promise<unknown> = Promise.resolve();

  constructor(state: JobState, pull: (request: StreamRequest) => Promise<StreamStep>) {
    this.#state = state;
    this.#fence = state.fence;
    this.#pull = pull;
  }

  /** Ordinal of the attempt whose values these are. */
  get fence(): number {
    return this.#fence;
  }

  next(value?: unknown): Promise<IteratorResult<unknown, unknown>> {
    return this.#ask({ kind: 'next', value });
  }

  return(value?: unknown): Promise<IteratorResult<unknown, unknown>> {
    return this.#ask({ kind: 'return', value });
  }

  throw(error?: unknown): Promise<IteratorResult<unknown, unknown>> {
    return this.#ask({ kind: 'throw', error: serializeError(error) });
  }

  /** Ends the generator after the request that is under way; what it makes of that is nobody's business any more. */
  async close(): Promise<void> {
    await this.#latest.catch(() => undefined);
    if (!this.#isOver) await this.return().catch(() => undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ask(request: StreamRequest): Promise<IteratorResult<unknown, unknown>> {
    const answer = this.#answer(request);
    this.#latest = answer;
    return answer;
  }

  async #answer(request: StreamRequest): Promise<IteratorResult<unknown, unknown>> {
    if (this.#isOver) return this.#answerAfterEnd(request);
    let step: StreamStep;
    try {
      step = await this.#pull(request);
    } catch (error) {
      if (!HeddleError.is(error) || error.code !== 'STREAM_ENDED') throw error;
      this.#isOver = true;
      return this.#ended();
    }
    if (step.done) this.#isOver = true;
    return { done: step.done, value: step.value };
  }

  /** Its attempt ended meanwhile: how, the engine tells. */
  async #ended(): Promise<IteratorResult<unknown, unknown>> {
    const state = this.#state;
    await state.until(() => state.isFinal || state.endedFence >= this.#fence);
    if (state.status === 'cancelled') throw failureOf(state);
    const { outcome } = state;
    if (outcome !== undefined && outcome.kind !== 'ok' && state.endedFence === this.#fence)
      throw bodyError(state, outcome);
    return { done: true, value: undefined };
  }

  /** As JavaScript's own generators do. */
  #answerAfterEnd(request: StreamRequest): IteratorResult<unknown, unknown> {
    if (request.kind === 'throw') throw reviveError(request.error);
    return { done: true, value: request.kind === 'return' ? request.value : undefined };
  }
}
