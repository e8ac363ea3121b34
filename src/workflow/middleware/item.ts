import { HeddleError } from '../../model/index.ts';
import type { ItemDescription } from './description.ts';

/** What became of an item. */
type Ending<Result> =
  | { readonly kind: 'result'; readonly value: Result }
  | { readonly kind: 'exception'; readonly error: Error };

/** One item of a manager. Its ending comes once, by the editor. @internal */
export class Item<Result = unknown> {
  readonly uid: string;
  readonly description: ItemDescription<Result>;
  readonly view: ItemView<Result>;
  ending: Ending<Result> | undefined;
  /** Somebody has been told that it failed, by `result()` or `exception()`. */
  isFailureTold = false;
  isEdited = false;
  /** Its result is the same in any process. */
  readonly isPortable: boolean;
  readonly #ended = Promise.withResolvers<Ending<Result>>();

  constructor(
    uid: string,
    description: ItemDescription<Result>,
    { manager, isPortable }: { readonly manager: object; readonly isPortable: boolean },
  ) {
    this.uid = uid;
    this.description = description;
    this.isPortable = isPortable;
    this.view = new ItemView(this, manager);
    // Who asks is told; that nobody does is no error of the process.
    this.#ended.promise.catch(() => undefined);
  }

  end(ending: Ending<Result>): void {
    if (this.ending !== undefined)
      throw conflict(`item '${this.description.label}' has its ${this.ending.kind} already`);
    this.ending = ending;
    this.#ended.resolve(ending);
  }

  /** Nothing comes of it any more. */
  abandon(error: Error): void {
    this.#ended.reject(error);
  }

  async result(): Promise<Result> {
    const ending = await this.#ended.promise;
    if (ending.kind === 'result') return ending.value;
    this.isFailureTold = true;
    throw ending.error;
  }
}

let itemOf: (view: ItemView<unknown>) => { readonly item: Item; readonly manager: object };

/** One item as its user sees it: what it is, and what becomes of it. It outlives its manager with what it then has. */
export class ItemView<Result = unknown> {
  readonly #item: Item<Result>;
  readonly #manager: object;

  static {
    itemOf = (view) => ({ item: view.#item as Item, manager: view.#manager });
  }

  /** @internal */
  constructor(item: Item<Result>, manager: object) {
    this.#item = item;
    this.#manager = manager;
  }

  /** sha256 in hex of what the item does and of its inputs: equal work has equal ones. */
  get uid(): string {
    return this.#item.uid;
  }

  /** It has its result or its exception. */
  get done(): boolean {
    return this.#item.ending !== undefined;
  }

  description(): ItemDescription<Result> {
    return this.#item.description;
  }

  /**
   * The result, once there is one. Rejects with the item's exception when it failed.
   *
   * @throws {HeddleError} SCOPE_INVALID when its manager is closed before it was done
   */
  result(): Promise<Result> {
    return this.#item.result();
  }

  /** Why it failed; undefined when it is not done, or has a result. */
  exception(): Error | undefined {
    const { ending } = this.#item;
    if (ending?.kind !== 'exception') return undefined;
    this.#item.isFailureTold = true;
    return ending.error;
  }

  /** A part of its result, to stand in another item's inputs: `list.part('stdout')`. */
  part<Key extends keyof Result & string>(key: Key): ItemPart<Result[Key]> {
    return new ItemPart(this as ItemView<unknown>, [key]);
  }
}

/** A part of what an item will give. */
export class ItemPart<Value = unknown> {
  readonly view: ItemView<unknown>;
  readonly path: readonly string[];
  /** Carries the type; never there. */
  declare readonly '~value'?: Value;

  /** @internal */
  constructor(view: ItemView<unknown>, path: readonly string[]) {
    this.view = view;
    this.path = path;
  }

  part<Key extends keyof Value & string>(key: Key): ItemPart<Value[Key]> {
    return new ItemPart(this.view, [...this.path, key]);
  }
}

/** The item behind a view, and whose it is. @internal */
export function itemBehind(view: ItemView<unknown>): { readonly item: Item; readonly manager: object } {
  return itemOf(view);
}

/**
 * The one who may say what became of an item. Dispose of it when that is said, or will not be.
 *
 * @example
 * using editor = manager.editItem(uid);
 * editor.setResult(42);
 */
export class ItemEditor<Result = unknown> implements Disposable {
  readonly #item: Item<Result>;
  readonly #onResult: (item: Item<Result>, value: Result) => void;
  #isOpen = true;

  /** @internal */
  constructor(item: Item<Result>, onResult: (item: Item<Result>, value: Result) => void) {
    if (item.isEdited) throw conflict(`item '${item.description.label}' is being edited by somebody else`);
    item.isEdited = true;
    this.#item = item;
    this.#onResult = onResult;
  }

  get view(): ItemView<Result> {
    return this.#item.view;
  }

  get description(): ItemDescription<Result> {
    return this.#item.description;
  }

  /** @throws {HeddleError} STATE_CONFLICT when the item has its ending, or the editor was disposed of */
  setResult(value: Result): void {
    this.#mustBeOpen();
    // What others would take for done is safe first.
    if (this.#item.ending === undefined) this.#onResult(this.#item, value);
    this.#item.end({ kind: 'result', value });
  }

  /** @throws {HeddleError} as `setResult` */
  setException(error: Error): void {
    this.#mustBeOpen();
    this.#item.end({ kind: 'exception', error });
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#item.isEdited = false;
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw conflict(`the editor of item '${this.#item.description.label}' was given back`);
  }
}

function conflict(message: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', message, {
    hint: 'an item gets its result or its exception once, from one editor',
  });
}
