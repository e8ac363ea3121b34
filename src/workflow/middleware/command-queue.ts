import { HeddleError } from '../../model/index.ts';
import { type Answer, asQueueItem, type QueueItem, type QueueMessage } from './messages.ts';

/** A message on its way, and who waits for its answer. */
export interface QueuedMessage {
  readonly item: QueueItem;
  answer(answer: Answer): void;
  refuse(error: Error): void;
}

/**
 * Messages to a runtime, in order. Whoever puts one gets an answer or an error, whatever becomes of the runtime; behind a stop
 * nothing is taken.
 */
export class CommandQueue {
  readonly #waiting: QueuedMessage[] = [];
  #arrived = Promise.withResolvers<void>();
  /** Why nothing more is taken. */
  #refusal: HeddleError | undefined;

  /** Messages nobody has taken yet. */
  get size(): number {
    return this.#waiting.length;
  }

  get isStopped(): boolean {
    return this.#refusal !== undefined;
  }

  /**
   * Puts a message behind the others; resolves with its answer, when it has been processed.
   *
   * @throws {HeddleError} INPUT_INVALID for what is no message, STATE_CONFLICT behind a stop, JOB_NOT_FOUND for an unknown item
   */
  async put(message: QueueMessage | QueueItem): Promise<Answer> {
    const item = asQueueItem(message);
    if (this.#refusal !== undefined) throw this.#refusal;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ item, answer: resolve, refuse: reject });
    if (item.command === 'stop') {
      this.#refusal = new HeddleError('STATE_CONFLICT', 'the runtime was told to stop: it takes no more messages', {
        hint: 'start another one: dispatch(manager, executorFactory)',
      });
    }
    this.#arrived.resolve();
    return promise;
  }

  /** The next message, when there is one; undefined when none will come. For one reader. */
  async take(): Promise<QueuedMessage | undefined> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) return next;
      if (this.#refusal !== undefined) return undefined;
      this.#arrived = Promise.withResolvers();
      await this.#arrived.promise;
    }
  }

  /** Nobody reads any more: what waits, and what comes, is refused. */
  close(cause?: unknown): void {
    this.#refusal ??= new HeddleError('STATE_CONFLICT', 'the runtime has ended: it takes no more messages', {
      hint: 'start another one: dispatch(manager, executorFactory)',
      ...(cause === undefined ? {} : { cause }),
    });
    for (const message of this.#waiting.splice(0)) message.refuse(this.#refusal);
    this.#arrived.resolve();
  }
}
