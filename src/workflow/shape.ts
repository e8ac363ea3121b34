import { HeddleError, type Json } from '../model/index.ts';

/**
 * Data from outside, and the way to where one is in it: each question that is answered wrongly throws
 * with that way. For records by the million, where a schema library's objects would cost more than the reading.
 */
export class Shape {
  readonly #value: unknown;
  readonly #path: string;

  private constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  static of(value: unknown, name: string): Shape {
    return new Shape(value, name);
  }

  wrong(wanted: string): HeddleError {
    const shown = JSON.stringify(this.#value) ?? 'missing';
    return new HeddleError(
      'INPUT_INVALID',
      `${this.#path} ${wanted}: got ${shown.length > 60 ? `${shown.slice(0, 60)}...` : shown}`,
      {
        details: { path: this.#path },
        hint: 'write it as heddle graph --format json does',
      },
    );
  }

  has(field: string): boolean {
    return Object.hasOwn(this.#object(), field) && this.#object()[field] !== undefined;
  }

  get(field: string): Shape {
    const object = this.#object();
    return new Shape(Object.hasOwn(object, field) ? object[field] : undefined, `${this.#path}.${field}`);
  }

  keys(): readonly string[] {
    return Object.keys(this.#object());
  }

  /** Refuses a field nobody reads. */
  fields(known: readonly string[]): void {
    for (const field of this.keys())
      if (!known.includes(field)) throw this.get(field).wrong('is no field that is known');
  }

  elements(): readonly Shape[] {
    if (!Array.isArray(this.#value)) throw this.wrong('is a list');
    return this.#value.map((element, i) => new Shape(element, `${this.#path}[${i}]`));
  }

  isText(): boolean {
    return typeof this.#value === 'string';
  }

  text(): string {
    if (typeof this.#value !== 'string') throw this.wrong('is text');
    return this.#value;
  }

  number(min: number = -Infinity): number {
    if (typeof this.#value === 'number' && Number.isFinite(this.#value) && this.#value >= min) return this.#value;
    throw this.wrong(min === -Infinity ? 'is a number' : `is a number, ${min} or more`);
  }

  whole(min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    if (Number.isSafeInteger(this.#value) && (this.#value as number) >= min && (this.#value as number) <= max)
      return this.#value as number;
    throw this.wrong(
      max === Number.MAX_SAFE_INTEGER
        ? `is a whole number, ${min} or more`
        : `is a whole number between ${min} and ${max}`,
    );
  }

  oneOf<Word extends string>(words: readonly Word[]): Word {
    const word = words.find((candidate) => candidate === this.#value);
    if (word === undefined) throw this.wrong(`is one of ${words.join(', ')}`);
    return word;
  }

  equals(value: string | number): void {
    if (this.#value !== value) throw this.wrong(`is ${JSON.stringify(value)}`);
  }

  json(): Json {
    if (this.#value === undefined) throw this.wrong('is there');
    return this.#value as Json;
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value))
      throw this.wrong('is an object');
    return this.#value as Readonly<Record<string, unknown>>;
  }
}
