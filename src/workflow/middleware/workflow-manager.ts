import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '../../jobs/index.ts';
import { checkFields, HeddleError } from '../../model/index.ts';
import type { ItemDescription } from './description.ts';
import { Item, ItemEditor, type ItemView } from './item.ts';
import { identify } from './item-uid.ts';
import { keepResult, keptResult } from './kept-results.ts';
import { QueueItem } from './messages.ts';

export interface WorkflowManagerOptions {
  /**
   * Where files and results are kept: what an earlier manager of this directory has done is done. @default a temporary one,
   * removed when the manager is closed
   */
  readonly directory?: string;
}

/** Is told of each item as it is added, at once. What it throws becomes a warning of the process. */
export type AddItemListener = (message: QueueItem) => void;

/**
 * What is to be done, and what became of it: items by fingerprint, and the files of one directory. It runs nothing itself:
 * `dispatch` does.
 *
 * @example
 * await using manager = await WorkflowManager.open();
 * const hello = manager.addItem(executable(['echo', 'hello']));
 * {
 *   await using _ = await dispatch(manager);
 * }
 * console.log(await (await hello.result()).stdout.text());
 */
export class WorkflowManager implements AsyncDisposable {
  /** The files of its directory. */
  readonly datastore: FileStore;
  readonly #resources: AsyncDisposableStack;
  readonly #items = new Map<string, Item>();
  readonly #listeners = new Set<AddItemListener>();
  /** Who runs its items now. */
  #dispatcher: object | undefined;
  #isClosed = false;

  private constructor(datastore: FileStore, resources: AsyncDisposableStack) {
    this.datastore = datastore;
    this.#resources = resources;
  }

  /** @throws {HeddleError} STORE_LOCKED naming who has the directory, and others as `FileStore.open` */
  static async open(options: WorkflowManagerOptions = {}): Promise<WorkflowManager> {
    checkFields(options, ['directory'], 'WorkflowManager.open');
    await using resources = new AsyncDisposableStack();
    const directory = options.directory ?? (await temporaryDirectory(resources));
    const datastore = await FileStore.open(directory, { durable: options.directory !== undefined });
    resources.use(datastore);
    return new WorkflowManager(datastore, resources.move());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** All items, in the order in which they were added. */
  get items(): readonly ItemView[] {
    return [...this.#items.values()].map(({ view }) => view);
  }

  /**
   * Takes an item in and tells who subscribed. One that was done in this directory before is done at once.
   *
   * @throws {HeddleError} ITEM_DUPLICATE when an item with the same behaviour and inputs is there, SCOPE_INVALID when the manager is
   * closed, VALUE_INVALID
   */
  addItem<Result>(description: ItemDescription<Result>): ItemView<Result> {
    this.#mustBeOpen();
    if (typeof description !== 'object' || description === null || !['call', 'command'].includes(description.kind)) {
      throw new HeddleError('INPUT_INVALID', 'that is no description of an item', {
        hint: 'give functionCall(fn, [...]) or executable([program, ...])',
      });
    }
    const { uid, isPortable } = identify(description, this);
    if (this.#items.has(uid)) {
      throw new HeddleError('ITEM_DUPLICATE', `item '${description.label}' is there already (${uid.slice(0, 12)})`, {
        details: { uid },
        hint: 'manager.item(error.details.uid) gives it; what must be done again differs in an argument',
      });
    }
    const item = new Item<Result>(uid, description, { manager: this, isPortable });
    const kept = isPortable ? keptResult(this.datastore, uid) : undefined;
    if (kept !== undefined) item.end({ kind: 'result', value: kept.value as Result });
    this.#items.set(uid, item as unknown as Item);
    this.#tell(new QueueItem({ addItem: uid }));
    return item.view;
  }

  /** @throws {HeddleError} ITEM_NOT_FOUND, SCOPE_INVALID when the manager is closed */
  item(uid: string): ItemView {
    return this.#find(uid).view;
  }

  /** The right to say what became of an item, for one at a time. @throws {HeddleError} ITEM_NOT_FOUND, STATE_CONFLICT, SCOPE_INVALID */
  editItem(uid: string): ItemEditor {
    return new ItemEditor(this.#find(uid), (item, value) => {
      if (item.isPortable) keepResult(this.datastore, item, value);
    });
  }

  /** @throws {HeddleError} STATE_CONFLICT when it has subscribed already, SCOPE_INVALID when the manager is closed */
  subscribe(event: 'addItem', listener: AddItemListener): void {
    this.#mustBeOpen();
    checkEvent(event);
    if (typeof listener !== 'function') throw new HeddleError('INPUT_INVALID', 'a listener is a function');
    if (this.#listeners.has(listener)) {
      throw new HeddleError('STATE_CONFLICT', `this listener has subscribed to '${event}' already`, {
        hint: 'unsubscribe it first, or give another function',
      });
    }
    this.#listeners.add(listener);
  }

  /** Taking out one that is not there changes nothing. */
  unsubscribe(event: 'addItem', listener: AddItemListener): void {
    checkEvent(event);
    this.#listeners.delete(listener);
  }

  /** Failures of its items nobody was told of yet. @internal */
  untoldFailures(): readonly Item[] {
    return this.failures().filter((item) => !item.isFailureTold);
  }

  /** Its items that failed. @internal */
  failures(): readonly Item[] {
    return [...this.#items.values()].filter(({ ending }) => ending?.kind === 'exception');
  }

  /** Makes somebody the one who runs its items; gives how to end that. @throws {HeddleError} STATE_CONFLICT, SCOPE_INVALID @internal */
  takeDispatch(dispatcher: object): () => void {
    this.#mustBeOpen();
    if (this.#dispatcher !== undefined) {
      throw new HeddleError('STATE_CONFLICT', 'the items of this workflow manager are being dispatched already', {
        hint: 'add items to that dispatch, or wait for its end',
      });
    }
    this.#dispatcher = dispatcher;
    return () => {
      if (this.#dispatcher === dispatcher) this.#dispatcher = undefined;
    };
  }

  /** Takes nothing more and gives its directory back. Items that are not done never will be. @throws {HeddleError} STATE_CONFLICT while its items are dispatched */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#dispatcher !== undefined) {
      throw new HeddleError('STATE_CONFLICT', 'the items of this workflow manager are being dispatched', {
        hint: 'close it behind the dispatch',
      });
    }
    this.#isClosed = true;
    this.#listeners.clear();
    for (const item of this.#items.values()) if (item.ending === undefined) item.abandon(closed());
    await this.#resources.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #tell(message: QueueItem): void {
    for (const listener of this.#listeners) {
      try {
        listener(message);
      } catch (error) {
        process.emitWarning(`a listener of a workflow manager threw: ${String(error)}`);
      }
    }
  }

  #find(uid: string): Item {
    this.#mustBeOpen();
    const item = this.#items.get(uid);
    if (item !== undefined) return item;
    throw new HeddleError('ITEM_NOT_FOUND', `this manager has no item ${String(uid).slice(0, 12)}`, {
      hint: 'take the uid of what addItem gave',
    });
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw closed();
  }
}

function closed(): HeddleError {
  return new HeddleError('SCOPE_INVALID', 'the workflow manager is closed', {
    hint: 'open another one: WorkflowManager.open()',
  });
}

function checkEvent(event: string): void {
  if (event === 'addItem') return;
  throw new HeddleError('INPUT_INVALID', `a workflow manager tells of no '${event}'`, { hint: "there is 'addItem'" });
}

async function temporaryDirectory(resources: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'heddle-manager-'));
  resources.defer(async () => rm(directory, { recursive: true, force: true }));
  return directory;
}
