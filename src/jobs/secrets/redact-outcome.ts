import { types } from 'node:util';
import { encodeValue } from '../../calls/index.ts';
import {
  decodeValue,
  type Json,
  type Outcome,
  type Redactor,
  type SerializedError,
  type Value,
} from '../../model/index.ts';

/** An end with secrets taken out of all that it says: what it made, what it wrote last, its error and the causes of that. */
export function redactOutcome<T extends Outcome>(outcome: T, redactor: Redactor): T {
  if (redactor.isIdle) return outcome;
  const { kind } = outcome;
  if (kind === 'ok') {
    const { value } = outcome;
    return value === undefined ? outcome : { ...outcome, value: redactValue(value, redactor) };
  }
  if (kind === 'error') return { ...outcome, error: redactError(outcome.error, redactor) };
  return redactJson(outcome as unknown as Json, redactor) as unknown as T;
}

/** An error with secrets taken out, causes included. */
export function redactError(error: SerializedError, redactor: Redactor): SerializedError {
  return redactJson(error as unknown as Json, redactor) as unknown as SerializedError;
}

/** A result with secrets taken out of its texts; the very same value where there are none. */
export function redactValue(value: Value, redactor: Redactor): Value {
  if (value.codec === 'json') {
    const parsed = JSON.parse(value.json) as Json;
    const clean = redactJson(parsed, redactor);
    return clean === parsed ? value : { codec: 'json', json: JSON.stringify(clean) };
  }
  const decoded = decodeValue(value);
  const clean = new Cleaner(redactor).clean(decoded);
  return clean === decoded ? value : encodeValue(clean);
}

/** JSON with secrets taken out of its texts and keys; the very same where there are none. */
export function redactJson(data: Json, redactor: Redactor): Json {
  if (redactor.isIdle) return data;
  return new Cleaner(redactor).clean(data) as Json;
}

/** Walks through whatever structured clone carries. What holds nothing secret is left as it is, and shared as it was. */
class Cleaner {
  readonly #redactor: Redactor;
  readonly #known = new Map<object, unknown>();

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  clean(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.#redactor.text(value);
      // A secret of digits alone may have been made a number.
      case 'number':
      case 'bigint': {
        const text = String(value);
        const clean = this.#redactor.text(text);
        return clean === text ? value : clean;
      }
      case 'object':
        return value === null ? null : this.#object(value);
      default:
        return value;
    }
  }

  #object(value: object): unknown {
    if (this.#known.has(value)) return this.#known.get(value);
    // Met again inside itself it stays what it was: a ring is not rebuilt.
    this.#known.set(value, value);
    const clean = this.#cleaned(value);
    this.#known.set(value, clean);
    return clean;
  }

  #cleaned(value: object): unknown {
    if (Array.isArray(value)) return this.#parts(value, (parts) => parts) ?? value;
    if (types.isMap(value)) {
      return (
        this.#parts([...value].flat(1), (parts) => {
          const map = new Map<unknown, unknown>();
          for (let i = 0; i < parts.length; i += 2) map.set(parts[i], parts[i + 1]);
          return map;
        }) ?? value
      );
    }
    if (types.isSet(value)) return this.#parts([...value], (parts) => new Set(parts)) ?? value;
    if (value instanceof Uint8Array) return this.#redactor.bytes(value);
    if (value instanceof Error) return this.#error(value);
    if (types.isDate(value) || types.isRegExp(value) || types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value))
      return value;
    const entries = Object.entries(value);
    return (
      this.#parts(entries.flat(1), (parts) =>
        Object.fromEntries(entries.map((_, i) => [String(parts[2 * i]), parts[2 * i + 1]])),
      ) ?? value
    );
  }

  /** What is made of the clean parts; undefined where nothing changes. */
  #parts<Made>(parts: readonly unknown[], make: (clean: readonly unknown[]) => Made): Made | undefined {
    const clean = parts.map((part) => this.clean(part));
    return clean.some((part, i) => !Object.is(part, parts[i])) ? make(clean) : undefined;
  }

  #error(error: Error): Error {
    const message = this.#redactor.text(error.message);
    const stack = error.stack === undefined ? undefined : this.#redactor.text(error.stack);
    const cause = this.clean(error.cause);
    if (message === error.message && stack === error.stack && cause === error.cause) return error;
    const clean = new Error(message, cause === undefined ? undefined : { cause });
    clean.name = error.name;
    if (stack !== undefined) clean.stack = stack;
    return clean;
  }
}
