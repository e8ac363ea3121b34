import { NameIndex, TextColumnBuilder } from '../../model/index.ts';

/** Gives every distinct text a number, from 0. Texts are kept as bytes: a trace may name some millions of files. */
export class Interner {
  readonly #texts = new TextColumnBuilder();
  readonly #index: NameIndex;

  constructor() {
    const texts = this.#texts;
    this.#index = new NameIndex({
      get bytes() {
        return texts.bytes;
      },
      offset: (i) => texts.offset(i),
    });
  }

  get size(): number {
    return this.#texts.size;
  }

  /** The text's number, a new one if it is new. */
  numberOf(text: string): number {
    const next = this.#texts.size;
    this.#texts.push(text);
    const known = this.#index.enter(next);
    if (known === undefined) return next;
    this.#texts.pop();
    return known;
  }

  textOf(number: number): string {
    return this.#texts.textAt(number);
  }
}
