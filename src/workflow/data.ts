import { HeddleError, type Hole, type Json, misplacedSecret, type Ref, Secret } from '../model/index.ts';
import { isBodyInput, sourceOf } from './placeholder.ts';
import type { NodeRecord, Recorder } from './recorder.ts';

/** A file of the user's, by its path. */
export class FileInput {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}

/** Whose values are taken over, and which nodes they turn out to need. */
export interface DataScope {
  readonly recorder: Recorder;
  readonly uses: Set<NodeRecord>;
}

/** Deeper than any sensible data; what refers to itself gets here. */
const MAX_DEPTH = 200;

/**
 * Takes a value over as data: placeholders become refs, files become `$file`, objects with keys of
 * ours are written apart. `where` says whose value it is, for errors.
 *
 * @throws {HeddleError} TEMPLATE_INVALID for what JSON can't say
 */
export function toData(value: unknown, scope: DataScope, where: string, depth = 0): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw unsayable(`${where} is ${value}`);
    case 'object':
      if (value === null) return null;
      return objectData(value, scope, where, depth);
    case 'function': {
      const ref = refOf(value, scope);
      if (ref !== undefined) return ref as unknown as Json;
      throw unsayable(`${where} is a function`);
    }
    case 'undefined':
    case 'symbol':
    case 'bigint':
      throw unsayable(`${where} is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`);
  }
}

function unsayable(message: string): HeddleError {
  return new HeddleError('TEMPLATE_INVALID', message, {
    hint: 'a value must be plain data (text, numbers, booleans, null, lists and objects of them), a file, or the output of a task',
  });
}

/** What stands for a placeholder in data; undefined for every other value. @throws {HeddleError} GRAPH_INVALID for one from elsewhere */
export function refOf(value: object, { recorder, uses }: DataScope): Ref | Hole | undefined {
  const source = sourceOf(value);
  if (source === undefined) return undefined;
  if (!isBodyInput(source.origin)) uses.add(source.origin);
  return recorder.place(source);
}

function objectData(value: object, scope: DataScope, where: string, depth: number): Json {
  const ref = refOf(value, scope);
  if (ref !== undefined) return ref as unknown as Json;
  if (value instanceof FileInput) return { $file: value.path };
  // This is the data of commands: no place in it is a secret's.
  if (Secret.is(value)) throw misplacedSecret(value);
  if (depth > MAX_DEPTH)
    throw unsayable(`${where.slice(0, 80)}... is nested deeper than ${MAX_DEPTH}, or holds itself`);
  if (Array.isArray(value)) return value.map((element, i) => toData(element, scope, `${where}[${i}]`, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw unsayable(
      `${where} is a ${(value.constructor as { readonly name?: string } | undefined)?.name ?? 'class instance'}`,
    );
  }
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]): [string, Json] => [key, toData(member, scope, `${where}.${key}`, depth + 1)]);
  return entries.some(([key]) => key.startsWith('$')) ? { $object: entries } : Object.fromEntries(entries);
}
