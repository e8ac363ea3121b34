import { serialize } from 'node:v8';
import { HeddleError, type Value } from '../model/index.ts';
import { findOffender, holdsHollow } from './offender.ts';

/** Deeper than this, data is left to v8, which says itself when it gives up. */
const MAX_DEPTH = 500;

/** What `undefined` is in v8's format: the most frequent result there is. */
const UNDEFINED: Uint8Array = new Uint8Array(serialize(undefined));

/**
 * Writes a value as it is stored: as JSON text when JSON gives exactly the same value back, else as the bytes of v8's
 * structured clone. As there, instances of classes become plain objects.
 *
 * @param what how the value is called in errors
 * @throws {HeddleError} VALUE_INVALID when structured clone refuses it, naming the part that is to blame
 */
export function encodeValue(value: unknown, what = 'result'): Value {
  if (value === undefined) return { codec: 'v8', bytes: UNDEFINED.slice() };
  return isExactJson(value)
    ? { codec: 'json', json: JSON.stringify(value) }
    : { codec: 'v8', bytes: cloneBytes(value, what) };
}

/**
 * Writes any value in v8's format.
 *
 * @throws {HeddleError} VALUE_INVALID
 */
export function cloneBytes(value: unknown, what: string): Uint8Array {
  let cause: unknown;
  try {
    if (!holdsHollow(value)) return serialize(value);
  } catch (error) {
    cause = error;
  }
  const { path, problem } = findOffender(value, cause);
  throw new HeddleError('VALUE_INVALID', `${what}${path} ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'arguments and results are data: what structured clone copies (no functions, symbols, promises, streams or live objects)',
  });
}

/** Says whether `JSON.parse(JSON.stringify(value))` is this very value: no more, no less, nothing shared. Never throws. */
export function isExactJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return isExactNumber(value);
    case 'object':
      return value === null || isExactRoot(value);
    default:
      return false;
  }
}

function isExactRoot(value: object): boolean {
  try {
    return isUnpatched() && isExactObject(value, { seen: undefined, root: value }, 0);
  } catch {
    // A getter or a proxy throws: whoever copies the value will say so.
    return false;
  }
}

/** Somebody's `toJSON` on what all objects or lists inherit changes what JSON says of everything. */
function isUnpatched(): boolean {
  return !('toJSON' in Array.prototype);
}

function isExactNumber(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}

/** Objects met so far. The set is made when there is a second one: most values have none. */
interface Walk {
  seen: Set<object> | undefined;
  readonly root: object;
}

function isExactObject(value: object, walk: Walk, depth: number): boolean {
  if (depth > MAX_DEPTH) return false;
  return Array.isArray(value) ? isExactList(value, walk, depth) : isExactRecord(value, walk, depth);
}

function isExactList(list: readonly unknown[], walk: Walk, depth: number): boolean {
  // A list may have names beside its elements, as what a regular expression matched has; holes have no key.
  if (Object.getPrototypeOf(list) !== Array.prototype || Object.keys(list).length !== list.length) return false;
  for (const element of list) if (!isExactPart(element, walk, depth)) return false;
  return true;
}

function isExactRecord(value: object, walk: Walk, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  for (const key of Object.keys(value))
    if (!isExactPart((value as Readonly<Record<string, unknown>>)[key], walk, depth)) return false;
  return true;
}

function isExactPart(value: unknown, walk: Walk, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return isExactNumber(value);
    case 'object': {
      if (value === null) return true;
      walk.seen ??= new Set([walk.root]);
      // JSON would tell twice what is there once, or for ever what holds itself.
      if (walk.seen.has(value)) return false;
      walk.seen.add(value);
      return isExactObject(value, walk, depth + 1);
    }
    default:
      return false;
  }
}
