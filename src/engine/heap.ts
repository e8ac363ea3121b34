/** A binary heap of objects: the least by `before` comes out first. */
export class Heap<Item> {
  readonly #items: Item[] = [];
  readonly #before: (a: Item, b: Item) => boolean;

  constructor(before: (a: Item, b: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = items[parent] as Item;
      if (!this.#before(item, other)) break;
      items[at] = other;
      at = parent;
    }
    items[at] = item;
  }

  pop(): Item | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (items.length > 0 && last !== undefined) this.#sink(last);
    return top;
  }

  /** Puts the first item in its place again after its order changed. */
  sinkTop(): void {
    const top = this.#items[0];
    if (top !== undefined) this.#sink(top);
  }

  clear(): void {
    this.#items.length = 0;
  }

  /** Keeps what passes, and forgets the rest. */
  keep(passes: (item: Item) => boolean): void {
    const items = this.#items;
    let kept = 0;
    for (const item of items) if (passes(item)) items[kept++] = item;
    items.length = kept;
    for (let at = (kept >> 1) - 1; at >= 0; at -= 1) this.#sink(items[at] as Item, at);
  }

  #sink(item: Item, from = 0): void {
    const items = this.#items;
    const size = items.length;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(items[child + 1] as Item, items[child] as Item)) child += 1;
      const other = items[child] as Item;
      if (!this.#before(other, item)) break;
      items[at] = other;
      at = child;
    }
    items[at] = item;
  }
}
