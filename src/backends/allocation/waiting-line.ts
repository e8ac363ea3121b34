/** What became of one that was offered room. */
export type Offer = 'taken' | 'none';

/** So many shapes that find no room are enough for one look. */
const MOST_SHAPES = 64;

interface Shape<T> {
  items: T[];
  /** Those before it have gone. */
  next: number;
}

/**
 * What waits for room, by what it asks for: where one finds none, none like it does, so a look costs as much as it places and not
 * as much as waits. Those of one shape go in the order in which they came, shapes in the order of their first.
 */
export class WaitingLine<T> {
  readonly #shapes = new Map<string, Shape<T>>();
  readonly #isHere: (item: T) => boolean;

  /** @param isHere whether it still waits; those that do not are skipped */
  constructor(isHere: (item: T) => boolean) {
    this.#isHere = isHere;
  }

  get isEmpty(): boolean {
    return this.#shapes.size === 0;
  }

  add(key: string, item: T): void {
    const shape = this.#shapes.get(key);
    if (shape === undefined) this.#shapes.set(key, { items: [item], next: 0 });
    else shape.items.push(item);
  }

  /** Offers room to who is first, of each shape, until it finds none; `isPatient` false: nobody goes before it. */
  offer(place: (item: T) => Offer, isPatient: (item: T) => boolean): void {
    let without = 0;
    for (const [key, shape] of this.#shapes) {
      const first = this.#place(shape, place);
      if (first === undefined) {
        this.#shapes.delete(key);
        continue;
      }
      without += 1;
      if (without >= MOST_SHAPES || !isPatient(first)) return;
    }
  }

  /** Everybody, in no order that matters. */
  takeAll(): readonly T[] {
    const all = [...this.#shapes.values()].flatMap(({ items, next }) => items.slice(next));
    this.#shapes.clear();
    return all.filter(this.#isHere);
  }

  /** Gives who finds no room; undefined when nobody is left. */
  #place(shape: Shape<T>, place: (item: T) => Offer): T | undefined {
    for (; shape.next < shape.items.length; shape.next += 1) {
      const item = shape.items[shape.next] as T;
      if (this.#isHere(item) && place(item) === 'none') {
        // What has gone is cut off when it is most of it: each is moved once.
        if (shape.next * 2 > shape.items.length) {
          shape.items = shape.items.slice(shape.next);
          shape.next = 0;
        }
        return item;
      }
    }
    return undefined;
  }
}
