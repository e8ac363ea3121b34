import { types } from 'node:util';
import { HeddleError, type Json, type Ref, Secret } from '../model/lane-face.ts';
import { cloneBytes, inspectJson } from './encode-value.ts';

/** Deeper than any sensible data that has jobs in it. */
const MAX_DEPTH = 500;

/** The place in the graph a job's handle stands for; undefined for everything that is none. */
export type PlaceOf = (value: object) => Ref | undefined;

/**
 * Writes the arguments of a call as its payload has them. The handles of jobs, at any depth of lists, plain objects,
 * maps and sets, become refs, and so do secrets. An argument without one is carried exactly, what it shares and what goes round in it
 * included; in one with handles everything is written where it stands. What is plain data is not copied: make text of
 * it at once.
 *
 * @throws {HeddleError} VALUE_INVALID naming the part that can't be written, TEMPLATE_INVALID from `placeOf`
 */
export function encodeArguments(args: readonly unknown[], jobOf: PlaceOf): readonly (Json | Ref)[] {
  // A secret stands in data as a job does: by reference.
  const placeOf: PlaceOf = (value) =>
    jobOf(value) ?? (Secret.is(value) ? (value.toJSON() as unknown as Ref) : undefined);
  return args.map((argument, i) => encodeArgument(argument, placeOf, i));
}

function encodeArgument(argument: unknown, placeOf: PlaceOf, i: number): Json | Ref {
  const what = `argument ${i + 1}`;
  // Handles are looked for first of all: whatever else is done to one, it takes for a mistake.
  return holdsHandle(argument, placeOf) ? new Writer(placeOf).write(argument, what) : encodeWhole(argument, what);
}

/** Says whether there is a handle anywhere in a value. */
function holdsHandle(root: unknown, placeOf: PlaceOf): boolean {
  if (!isObject(root)) return false;
  if (placeOf(root) !== undefined) return true;
  const seen = new Set<object>([root]);
  for (const value of seen) {
    if (placeOf(value) !== undefined) return true;
    if (typeof value === 'function' || ArrayBuffer.isView(value) || types.isProxy(value)) continue;
    for (const part of partsOf(value)) if (isObject(part)) seen.add(part);
  }
  return false;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function partsOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (types.isMap(value)) return [...value].flat(1);
  if (types.isSet(value)) return [...value];
  return Object.keys(value).map((key) => (value as Readonly<Record<string, unknown>>)[key]);
}

/** Without handles: JSON where that is exact, else one piece of v8's format. */
function encodeWhole(value: unknown, what: string): Json {
  switch (inspectJson(value)) {
    case 'plain':
      return value as Json;
    case 'marked':
      return plainJson(value as Json);
    case 'other':
      return { $v8: Buffer.from(cloneBytes(value, what)).toString('base64') };
  }
}

/** Objects with keys that start with `$` are written apart. */
function plainJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(plainJson);
  return recordOf(Object.entries(value).map(([key, member]): [string, Json] => [key, plainJson(member)]));
}

function recordOf(entries: readonly (readonly [string, Json])[]): Json {
  return entries.some(([key]) => key.startsWith('$')) ? { $object: entries } : Object.fromEntries(entries);
}

/** Writes one argument that holds handles, part by part. */
class Writer {
  readonly #placeOf: PlaceOf;
  /** What is being written: what is met again inside itself would never end. */
  readonly #open = new Set<object>();

  constructor(placeOf: PlaceOf) {
    this.#placeOf = placeOf;
  }

  write(value: unknown, at: string): Json {
    if (!isObject(value)) return encodeWhole(value, at);
    const ref = this.#placeOf(value);
    if (ref !== undefined) return ref as unknown as Json;
    if (this.#open.has(value)) throw unwritable(`${at.slice(0, 80)} holds itself, and a job beside`);
    if (this.#open.size >= MAX_DEPTH) throw unwritable(`${at.slice(0, 80)}... is nested deeper than ${MAX_DEPTH}`);
    this.#open.add(value);
    const written = this.#container(value, at);
    this.#open.delete(value);
    return written;
  }

  #container(value: object, at: string): Json {
    if (Array.isArray(value)) return Array.from(value, (element, i) => this.write(element, `${at}[${i}]`));
    if (types.isMap(value)) {
      const entries = [...value].map(([key, member], i): Json => {
        const where = `${at}.get(${typeof key === 'string' ? JSON.stringify(key) : i})`;
        return [this.write(key, `the key of ${where}`), this.write(member, where)];
      });
      return { $map: entries };
    }
    if (types.isSet(value)) return { $set: [...value].map((member, i) => this.write(member, `${at}.values(${i})`)) };
    const prototype: unknown = Object.getPrototypeOf(value);
    if (typeof value === 'function' || (prototype !== Object.prototype && prototype !== null)) {
      return this.#other(value, at);
    }
    return recordOf(
      Object.entries(value).map(([key, member]): [string, Json] => [key, this.write(member, `${at}.${key}`)]),
    );
  }

  /** Dates, typed arrays, instances of classes: one piece, in which there is no place for a ref. */
  #other(value: object, at: string): Json {
    if (!holdsHandle(value, this.#placeOf)) return encodeWhole(value, at);
    const name = (value.constructor as { readonly name?: string } | undefined)?.name ?? 'class';
    throw unwritable(`${at} is a ${name} that holds a job`);
  }
}

function unwritable(message: string): HeddleError {
  return new HeddleError('VALUE_INVALID', message, {
    hint: 'put jobs into lists, plain objects, maps and sets, or pass each as an argument of its own',
  });
}
