import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  type CallPayload,
  type CallReference,
  type ControlPayload,
  type Graph,
  type Json,
  mapPayload,
} from '../model/index.ts';

/** Names a module below a project by its path from there, `./lib/fit.ts`; leaves every other reference as it is. */
export function portableReference(reference: CallReference, project: string): CallReference {
  if (reference.kind !== 'module' || !reference.module.startsWith('file:')) return reference;
  const path = relative(project, fileURLToPath(reference.module));
  // A query makes it another module than its file.
  const isFile = !/[?#]/.test(reference.module);
  return !isFile || path === '' || path.startsWith('..') ? reference : { ...reference, module: `./${path}` };
}

/** How a call of a module begins, as `JSON.stringify` writes it. */
const HEAD = '{"call":{"kind":"module","module":"';
const QUOTE = 0x22;

/**
 * The same graph, with the modules of its calls named by their paths from the project: then it is the same graph wherever
 * the project lies, and goes on where the project has been moved. Looks at the payloads of calls only, and
 * gives the graph itself back when there is nothing to change.
 */
export function portableGraph(graph: Graph, project: string): Graph {
  const { definitions, definitionOf, payloads } = graph;
  const isCall = definitions.map(({ kind }) => kind === 'call');
  const isControl = definitions.map(({ kind }) => kind === 'control');
  if (!isCall.includes(true) && !isControl.includes(true)) return graph;
  const bytes = Buffer.from(payloads.bytes.buffer, payloads.bytes.byteOffset, payloads.bytes.byteLength);
  const below = Buffer.from(`${HEAD}${pathToFileURL(`${project}/`).href}`);
  const rewritten = new Rewritten(bytes, payloads.offsets);
  for (let i = 0; i < graph.size; i += 1) {
    const start = payloads.offsets[i] as number;
    const end = payloads.offsets[i + 1] as number;
    if (isControl[definitionOf[i] as number] === true) {
      const by = portableControl(bytes.toString('utf8', start, end), project);
      if (by !== undefined) rewritten.replace(i, { upTo: end, by: Buffer.from(by) });
      continue;
    }
    if (isCall[definitionOf[i] as number] !== true) continue;
    if (end - start <= below.length || bytes.compare(below, 0, below.length, start, start + below.length) !== 0)
      continue;
    const quote = bytes.indexOf(QUOTE, start + below.length);
    const path = pathOf(bytes.toString('latin1', start + below.length, quote));
    if (path !== undefined) rewritten.replace(i, { upTo: quote, by: Buffer.from(`${HEAD}./${path}`) });
  }
  return rewritten.isChanged ? { ...graph, payloads: rewritten.take() } : graph;
}

/** The calls in the bodies of a control node; undefined when there is nothing to change. */
function portableControl(payload: string, project: string): string | undefined {
  const changed = JSON.stringify(
    mapPayload(JSON.parse(payload) as ControlPayload, {
      data: (data, _, role) => {
        if (role !== 'payload' || !isCallPayload(data)) return data;
        const { call } = data as unknown as CallPayload;
        return { ...data, call: portableReference(call, project) as unknown as Json };
      },
    }),
  );
  return changed === payload ? undefined : changed;
}

function isCallPayload(data: Json): data is { readonly [key: string]: Json } {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, 'call');
}

function addModulesOfControl(payload: string, modules: Set<string>): void {
  mapPayload(JSON.parse(payload) as ControlPayload, {
    data: (data, _, role) => {
      if (role === 'payload' && isCallPayload(data)) {
        const { call } = data as unknown as CallPayload;
        if (call.kind === 'module') modules.add(call.module);
      }
      return data;
    },
  });
}

/** The modules a graph calls, each once, as its calls name them. */
export function calledModules({ size, definitions, definitionOf, payloads }: Graph): readonly string[] {
  const isCall = definitions.map(({ kind }) => kind === 'call');
  const isControl = definitions.map(({ kind }) => kind === 'control');
  if (!isCall.includes(true) && !isControl.includes(true)) return [];
  const bytes = Buffer.from(payloads.bytes.buffer, payloads.bytes.byteOffset, payloads.bytes.byteLength);
  const modules = new Set<string>();
  for (let i = 0; i < size; i += 1) {
    const start = payloads.offsets[i] as number;
    const end = payloads.offsets[i + 1] as number;
    if (isControl[definitionOf[i] as number] === true) addModulesOfControl(bytes.toString('utf8', start, end), modules);
    if (isCall[definitionOf[i] as number] !== true) continue;
    // Arguments may be large, and are not read: the reference stands first where we have written it.
    const head = bytes.toString('utf8', start, Math.min(end, start + LONGEST_HEAD));
    const quoted = head.startsWith(HEAD) ? /^(?:[^"\\]|\\.)*"/.exec(head.slice(HEAD.length))?.[0] : undefined;
    const module = quoted === undefined ? moduleIn(bytes.toString('utf8', start, end)) : JSON.parse(`"${quoted}`);
    if (typeof module === 'string') modules.add(module);
  }
  return [...modules];
}

const LONGEST_HEAD = 4096;

function moduleIn(payload: string): unknown {
  const { call } = JSON.parse(payload || '{}') as {
    readonly call?: { readonly kind?: unknown; readonly module?: unknown };
  };
  return call?.kind === 'module' ? call.module : undefined;
}

/** The rest of a file's URL as it stands in a path, in JSON. Undefined for what is more than a file. */
function pathOf(rest: string): string | undefined {
  if (/[?#\\]/.test(rest)) return undefined;
  return rest.includes('%') ? JSON.stringify(decodeURIComponent(rest)).slice(1, -1) : rest;
}

/** A column of texts being copied, some of them with another beginning. */
class Rewritten {
  readonly #from: Buffer;
  readonly #offsets: Uint32Array;
  #to: Buffer | undefined;
  #newOffsets = new Uint32Array(0);
  /** Texts copied so far, and bytes written. */
  #copied = 0;
  #used = 0;

  constructor(from: Buffer, offsets: Uint32Array) {
    this.#from = from;
    this.#offsets = offsets;
  }

  get isChanged(): boolean {
    return this.#to !== undefined;
  }

  /** Puts bytes in the place of what text i begins with. They are never more: a path is shorter than its URL. */
  replace(i: number, { upTo, by }: { readonly upTo: number; readonly by: Buffer }): void {
    const to = (this.#to ??= this.#begin());
    this.#copyUpTo(i);
    to.set(by, this.#used);
    this.#used += by.length;
    this.#copy(upTo, this.#offsets[i + 1] as number);
    this.#copied = i + 1;
    this.#newOffsets[i + 1] = this.#used;
  }

  take(): Graph['payloads'] {
    this.#copyUpTo(this.#offsets.length - 1);
    return { bytes: new Uint8Array((this.#to ?? this.#from).subarray(0, this.#used)), offsets: this.#newOffsets };
  }

  #begin(): Buffer {
    this.#newOffsets = new Uint32Array(this.#offsets.length);
    return Buffer.allocUnsafe(this.#from.length);
  }

  #copyUpTo(i: number): void {
    const from = this.#offsets[this.#copied] as number;
    const shift = this.#used - from;
    this.#copy(from, this.#offsets[i] as number);
    for (let k = this.#copied; k < i; k += 1) this.#newOffsets[k + 1] = (this.#offsets[k + 1] as number) + shift;
    this.#copied = i;
  }

  #copy(from: number, to: number): void {
    (this.#to as Buffer).set(this.#from.subarray(from, to), this.#used);
    this.#used += to - from;
  }
}
