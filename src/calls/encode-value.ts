import { serialize } from 'node:v8';
import { HeddleError, type Value } from '../model/lane-face.ts';
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
  return inspectJson(value) !== 'other';
}

/** `marked`: exact JSON, and there are keys in it that start with `$`; `other`: no exact JSON. */
export type JsonKind = 'plain' | 'marked' | 'other';

/** As `isExactJson`, and what else is to be known before data is written among refs. */
export function inspectJson(value: unknown): JsonKind {
  if (typeof value !== 'object' || value === null) return isExactLeaf(value) ? 'plain' : 'other';
  const walk: Walk = { met: [value], seen: undefined, marked: false };
  try {
    // Somebody's `toJSON` on what all lists inherit changes what JSON says of them.
    if ('toJSON' in Array.prototype || !isExactObject(value, walk, 0)) return 'other';
  } catch {
    // A getter or a proxy throws: whoever copies the value will say so.
    return 'other';
  }
  return walk.marked ? 'marked' : 'plain';
}

/** Objects met so far: few in a list, many in a set. */
interface Walk {
  readonly met: object[];
  seen: Set<object> | undefined;
  marked: boolean;
}

const FEW = 16;

/** False when it was met before: JSON would tell twice what is there once, or for ever what holds itself. */
function meet(value: object, walk: Walk): boolean {
  const { met, seen } = walk;
  if (seen !== undefined) return seen.size < seen.add(value).size;
  if (met.includes(value)) return false;
  met.push(value);
  if (met.length > FEW) walk.seen = new Set(met);
  return true;
}

function isExactLeaf(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    default:
      return value === null;
  }
}

function isExactPart(value: unknown, walk: Walk, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return isExactLeaf(value);
  return meet(value, walk) && isExactObject(value, walk, depth + 1);
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
  for (const key of Object.keys(value)) {
    if (key.startsWith('$')) walk.marked = true;
    if (!isExactPart((value as Readonly<Record<string, unknown>>)[key], walk, depth)) return false;
  }
  return true;
}
