import { types } from 'node:util';

/**
 * What v8's format makes an empty object of without a word, where structured clone refuses: their state is hidden
 * from it. Told by name, so that none of them is loaded to be compared with.
 */
const HOLLOW: ReadonlyMap<string, string> = new Map([
  ['URL', 'is a URL: pass its href'],
  ['URLSearchParams', 'is a URLSearchParams: pass it as text'],
  ['Headers', 'is a Headers: pass its entries'],
  ['FormData', 'is a FormData: pass its entries'],
  ['Request', 'is a Request'],
  ['Response', 'is a Response: pass its text or its bytes'],
  ['Blob', 'is a Blob: pass its bytes'],
  ['File', 'is a File: pass its bytes'],
  ['AbortSignal', 'is an AbortSignal'],
  ['AbortController', 'is an AbortController'],
  ['ReadableStream', 'is a stream: read it'],
  ['WritableStream', 'is a stream'],
  ['TransformStream', 'is a stream'],
  ['CryptoKey', 'is a CryptoKey: export it'],
]);

/** Elements of a list that are all looked at; of a longer one, which may be mostly holes, those that are there. */
const MAX_WALKED = 1_000_000;

/** Says whether anything in a value would be lost without a word. Cheap beside what copying costs. */
export function holdsHollow(root: unknown): boolean {
  if (typeof root !== 'object' || root === null) return false;
  const seen = new Set<object>([root]);
  const add = (part: unknown): void => {
    if (typeof part === 'object' && part !== null) seen.add(part);
  };
  for (const value of seen) {
    if (ArrayBuffer.isView(value) || types.isProxy(value)) continue;
    if (hollowness(value) !== undefined) return true;
    if (Array.isArray(value) && value.length <= MAX_WALKED) value.forEach(add);
    else if (types.isMap(value)) value.forEach((member, key) => (add(member), add(key)));
    else if (types.isSet(value)) value.forEach(add);
    else for (const key of Object.keys(value)) add((value as Readonly<Record<string, unknown>>)[key]);
  }
  return false;
}

function hollowness(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as { readonly [Symbol.toStringTag]?: unknown } | null;
  if (prototype === null || prototype === Object.prototype) return undefined;
  const tag = prototype[Symbol.toStringTag];
  return typeof tag === 'string' ? HOLLOW.get(tag) : undefined;
}

/** Which part of a value can't be copied, and why. */
export interface Offender {
  /** From the value to the part: `.rows[3].callback`; empty for the value itself. */
  readonly path: string;
  /** With the part as its subject: `is a function`. */
  readonly problem: string;
}

/** Finds what structured clone refuses in a value. Getters that throw are what it is told of; nothing else is called. */
export function findOffender(value: unknown, cause?: unknown): Offender {
  const text = cause instanceof Error ? cause.message : 'it is no data';
  try {
    return search(value) ?? { path: '', problem: `can't be copied: ${text}` };
  } catch {
    return { path: '', problem: `can't be copied: ${text}` };
  }
}

interface Place {
  readonly value: unknown;
  readonly path: string;
}

/** Breadth first: the nearest offender is the one to name. */
function search(root: unknown): Offender | undefined {
  const seen = new Set<unknown>();
  const waiting: Place[] = [{ value: root, path: '' }];
  for (const { value, path } of waiting) {
    const problem = problemOf(value);
    if (problem !== undefined) return { path, problem };
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    const throwing = partsOf(value, path, waiting);
    if (throwing !== undefined) return throwing;
  }
  return undefined;
}

function problemOf(value: unknown): string | undefined {
  if (typeof value === 'function') return value.name === '' ? 'is a function' : `is a function ('${value.name}')`;
  if (typeof value === 'symbol') return 'is a symbol';
  if (typeof value !== 'object' || value === null) return undefined;
  if (types.isProxy(value)) return 'is a proxy';
  if (types.isPromise(value)) return 'is a promise: await it';
  if (types.isWeakMap(value)) return 'is a WeakMap';
  if (types.isWeakSet(value)) return 'is a WeakSet';
  if (value instanceof WeakRef) return 'is a WeakRef';
  if (types.isGeneratorObject(value)) return 'is a generator: gather what it yields into a list';
  if (types.isSharedArrayBuffer(value)) return 'is a SharedArrayBuffer: pass a copy';
  const hollow = hollowness(value);
  if (hollow !== undefined) return hollow;
  if (types.isExternal(value) || types.isModuleNamespaceObject(value)) return "is no data, and can't be copied";
  return undefined;
}

function partsOf(value: object, path: string, into: Place[]): Offender | undefined {
  if (types.isMap(value)) {
    for (const [key, member] of value) {
      const name = typeof key === 'string' ? JSON.stringify(key) : String(into.length);
      into.push({ value: key, path: `${path}.keys(${name})` }, { value: member, path: `${path}.get(${name})` });
    }
  }
  if (types.isSet(value)) {
    let position = 0;
    for (const member of value) into.push({ value: member, path: `${path}.values(${position++})` });
  }
  if (types.isNativeError(value)) return undefined;
  if (ArrayBuffer.isView(value)) return undefined;
  for (const key of Object.keys(value)) {
    const at = `${path}${step(value, key)}`;
    try {
      into.push({ value: (value as Readonly<Record<string, unknown>>)[key], path: at });
    } catch (error) {
      return { path: at, problem: `has a getter that throws: ${error instanceof Error ? error.message : 'something'}` };
    }
  }
  return undefined;
}

function step(value: object, key: string): string {
  if (Array.isArray(value) && /^\d+$/.test(key)) return `[${key}]`;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
