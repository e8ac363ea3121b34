import { systemClock } from '../../jobs/index.ts';
import { asError, HeddleError } from '../../model/index.ts';
import type { Item } from './item.ts';
import type { QueueItem } from './messages.ts';
import { type ExecutorFactory, localExecutor, type RuntimeManager } from './runtime-manager.ts';
import type { WorkflowManager } from './workflow-manager.ts';

/** Failures that are named where there are many. */
const NAMED = 5;

/**
 * Runs the items of a manager: those it has, and those that are added until the end of the block. At that end all of them are done.
 *
 * A failure reaches the caller once: from `item.result()` or `item.exception()` where somebody asked, else from the end of the block.
 *
 * @example
 * {
 *   await using _ = await dispatch(manager, localExecutor({ backend: 'processes' }));
 *   manager.addItem(executable(['make', 'all']));
 * } // done here; throws when `make` has failed
 *
 * @throws {HeddleError} SCOPE_INVALID when the manager is closed, STATE_CONFLICT when its items are dispatched already, and as
 * `Engine.open`. The end of the block: WORKFLOW_FAILED, whose `cause` is the first failure
 */
export async function dispatch<Parameters = void>(
  manager: WorkflowManager,
  executorFactory: ExecutorFactory<Parameters> = localExecutor() as ExecutorFactory<Parameters>,
  parameters: Parameters = undefined as Parameters,
): Promise<Dispatch> {
  const key = {};
  const release = manager.takeDispatch(key);
  try {
    const runtime = executorFactory(manager, parameters);
    await runtime.runtimeStartup();
    return new Dispatch(manager, runtime, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** Items of a manager, being run. Its disposal waits until all are done. */
export class Dispatch implements AsyncDisposable {
  readonly runtime: RuntimeManager;
  readonly #manager: WorkflowManager;
  readonly #release: () => void;
  /** Messages without an answer yet. */
  readonly #sent = new Set<Promise<void>>();
  /** Items whose messages were refused, and why. */
  readonly #refused = new Map<string, Error>();
  #end: Promise<void> | undefined;
  readonly #follow = ({ addItem }: QueueItem): void => this.#send(addItem as string);

  /** @internal */
  constructor(manager: WorkflowManager, runtime: RuntimeManager, release: () => void) {
    this.#manager = manager;
    this.runtime = runtime;
    this.#release = release;
    for (const view of manager.items) if (!view.done) this.#send(view.uid);
    manager.subscribe('addItem', this.#follow);
  }

  /** Cancels what is not done, and what is added from here on. */
  cancel(): Promise<void> {
    return this.runtime.cancel();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#end ??= this.#finish();
    return this.#end;
  }

  #send(uid: string): void {
    const sent = this.runtime.commandQueue.put({ addItem: uid }).then(
      () => undefined,
      (error: unknown) => void this.#refused.set(uid, asError(error)),
    );
    this.#sent.add(sent);
    void sent.then(() => this.#sent.delete(sent));
  }

  async #finish(): Promise<void> {
    try {
      await this.#drain();
      this.#manager.unsubscribe('addItem', this.#follow);
      await this.runtime.runtimeShutdown();
    } finally {
      this.#manager.unsubscribe('addItem', this.#follow);
      this.#release();
    }
    // Somebody else may have said what became of one that was being edited.
    for (const [uid, error] of this.#refused) if (!this.#manager.item(uid).done) throw error;
    const failures = this.#manager.untoldFailures();
    if (failures.length > 0) throw failure(failures, this.#manager.items.length);
  }

  /** Until nothing is under way, and whoever waited for a result has had a turn to add more. */
  async #drain(): Promise<void> {
    const { submittedTasks } = this.runtime;
    do {
      while (this.#sent.size + submittedTasks.size > 0) await Promise.all([...this.#sent, ...submittedTasks]);
      await new Promise<void>((resolve) => void systemClock.after(0, resolve));
    } while (this.#sent.size + submittedTasks.size > 0);
  }
}

function failure(items: readonly Item[], size: number): HeddleError {
  const errors = items.flatMap((item) => {
    const { ending } = item;
    item.isFailureTold = true;
    return ending?.kind === 'exception' ? [{ item, error: ending.error }] : [];
  });
  const named = errors.slice(0, NAMED).map(({ item, error }) => `item '${item.description.label}': ${error.message}`);
  const rest = errors.length > NAMED ? `; and ${errors.length - NAMED} more` : '';
  return new HeddleError('WORKFLOW_FAILED', `${errors.length} of ${size} items failed: ${named.join('; ')}${rest}`, {
    cause: errors[0]?.error,
    details: {
      items: errors.map(({ item: { uid, description }, error }) => ({ uid, label: description.label, error })),
    },
    hint: 'await item.result(), or look at item.exception(), where a failure is to be handled',
  });
}
