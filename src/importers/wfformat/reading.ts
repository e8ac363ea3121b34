import type { HeddleError } from '../../model/index.ts';
import { traceError } from './trace-error.ts';

/** A value in a trace, and where it stands: each question answered wrongly throws with the place. */
export class Reading {
  readonly place: string;
  readonly #value: unknown;

  private constructor(value: unknown, place: string) {
    this.#value = value;
    this.place = place;
  }

  static of(value: unknown, place: string): Reading {
    return new Reading(value, place);
  }

  get(field: string): Reading {
    return new Reading(
      this.#field(field),
      this.place.includes(': ') ? `${this.place}.${field}` : `${this.place}: ${field}`,
    );
  }

  has(field: string): boolean {
    return this.#field(field) !== undefined;
  }

  text(): string {
    if (typeof this.#value === 'string' && this.#value !== '') return this.#value;
    throw this.#wrong('text belongs there');
  }

  /** That a list is there; what is in it, others read. */
  list(): void {
    if (!Array.isArray(this.#value)) throw this.#wrong('a list belongs there');
  }

  /** A list of texts; one that is missing is empty. */
  texts(): readonly string[] {
    if (this.#value === undefined) return [];
    if (!Array.isArray(this.#value)) throw this.#wrong('a list of texts belongs there');
    this.#value.forEach((element, i) => new Reading(element, `${this.place}[${i}]`).text());
    return this.#value as readonly string[];
  }

  seconds(): number {
    if (typeof this.#value === 'number' && this.#value >= 0 && Number.isFinite(this.#value)) return this.#value;
    throw this.#wrong('seconds, 0 or more, belong there');
  }

  bytes(): number {
    if (Number.isSafeInteger(this.#value) && (this.#value as number) >= 0) return this.#value as number;
    throw this.#wrong('a whole number of bytes, 0 or more, belongs there');
  }

  #field(field: string): unknown {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value))
      throw this.#wrong('a record belongs there');
    return Object.hasOwn(this.#value, field) ? (this.#value as Readonly<Record<string, unknown>>)[field] : undefined;
  }

  #wrong(hint: string): HeddleError {
    return traceError(
      this.place,
      this.#value === undefined ? 'is missing' : `is ${shorten(JSON.stringify(this.#value))}`,
      hint,
    );
  }
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
