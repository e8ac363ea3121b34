import { builtinModules } from 'node:module';
import type { AnyFunction } from './local-functions.ts';

const WORDS = (text: string): readonly string[] => text.trim().split(/\s+/);

/** What ECMAScript puts into every realm. */
const LANGUAGE = WORDS(`
  globalThis undefined NaN Infinity Object Function Array Number parseFloat parseInt Boolean String Symbol Date Promise RegExp
  Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError JSON Math Intl ArrayBuffer Atomics
  Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float16Array Float32Array Float64Array
  Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set Iterator WeakMap WeakSet WeakRef Proxy Reflect
  FinalizationRegistry SharedArrayBuffer DisposableStack AsyncDisposableStack SuppressedError decodeURI
  decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN WebAssembly
`);

/** What every Node since 24 adds, in its main thread and in its workers. */
const NODE = WORDS(`
  console process Buffer global queueMicrotask setTimeout clearTimeout setInterval clearInterval setImmediate clearImmediate
  structuredClone atob btoa fetch performance crypto navigator URL URLSearchParams URLPattern TextEncoder TextDecoder
  TextEncoderStream TextDecoderStream CompressionStream DecompressionStream AbortController AbortSignal Event
  EventTarget CustomEvent MessageChannel MessagePort MessageEvent BroadcastChannel Blob File FormData Headers Request
  Response WebSocket CloseEvent DOMException ReadableStream ReadableStreamDefaultReader ReadableStreamBYOBReader
  ReadableStreamBYOBRequest ReadableByteStreamController ReadableStreamDefaultController WritableStream
  WritableStreamDefaultController WritableStreamDefaultWriter TransformStream TransformStreamDefaultController
  ByteLengthQueuingStrategy CountQueuingStrategy Crypto CryptoKey SubtleCrypto Performance PerformanceEntry
  PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList PerformanceResourceTiming Navigator
`);

/** Names that mean the same wherever a call may run. */
export const GLOBAL_NAMES: ReadonlySet<string> = new Set([...LANGUAGE, ...NODE]);

let paths: Map<unknown, string> | undefined;

/** The path of something every JavaScript here has, from `globalThis`: `Math.max`; undefined for what is none. */
export function globalPath(fn: AnyFunction): string | undefined {
  paths ??= findPaths();
  return paths.get(fn);
}

/** Breadth first, so that the shortest path wins. Getters are not called: some load half of Node. */
function findPaths(): Map<unknown, string> {
  const found = new Map<unknown, string>();
  const waiting: { readonly value: object; readonly path: string; readonly depth: number }[] = [];
  const meet = (value: unknown, path: string, depth: number): void => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || found.has(value)) return;
    found.set(value, path);
    if (depth < 3) waiting.push({ value, path, depth });
  };
  for (const name of GLOBAL_NAMES) meet(Object.getOwnPropertyDescriptor(globalThis, name)?.value, name, 0);
  for (const { value, path, depth } of waiting) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (/^[A-Za-z_$][\w$]*$/.test(name) && name !== 'constructor')
        meet(descriptor.value, `${path}.${name}`, depth + 1);
    }
  }
  return found;
}

/** Where a function of Node's own modules is exported: `node:path`, `join`. */
export function builtinExport(fn: AnyFunction): { readonly module: string; readonly name: string } | undefined {
  for (const id of builtinModules) {
    if (id.startsWith('_')) continue;
    const exported = process.getBuiltinModule(id) as unknown;
    if (exported === fn) return { module: `node:${id}`, name: 'default' };
    if ((typeof exported !== 'object' && typeof exported !== 'function') || exported === null) continue;
    const own = Object.getOwnPropertyDescriptor(exported, fn.name);
    if (own?.value === fn) return { module: id.startsWith('node:') ? id : `node:${id}`, name: fn.name };
  }
  return undefined;
}
