import { deserialize, serialize } from 'node:v8';

/** A file as a value: what it holds, how large it is, what it is called. A path is only where one lies. */
export interface FileValue {
  readonly sha256: string;
  readonly size: number;
  /** Logical name: the last part of the path it was declared under. */
  readonly name: string;
}

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * What a job made, as it is stored.
 * `json`: a value that JSON carries exactly. `v8`: one that only structured clone carries.
 */
export type Value =
  | { readonly codec: 'json'; readonly json: string }
  | { readonly codec: 'v8'; readonly bytes: Uint8Array };

/** The value that was encoded. It shares nothing with what is stored. */
export function decodeValue(value: Value): unknown {
  // Buffers and typed arrays in the result are views of what is deserialised: of a copy, then.
  return value.codec === 'json' ? JSON.parse(value.json) : deserialize(new Uint8Array(value.bytes));
}

/** A command's value: one entry a declared output, parsed JSON for `json` outputs, else the file. */
export interface CommandValue {
  readonly outputs: Readonly<Record<string, CommandOutput>>;
}

/**
 * One declared output as it was found. `at` is where the file lay then: relative to the store's directory
 * when inside it, else absolute. It is a hint; the file's identity is its hash.
 */
export type CommandOutput =
  | { readonly type: 'json'; readonly value: Json; readonly file: FileValue; readonly at: string }
  | { readonly type: 'text'; readonly value: string; readonly file: FileValue; readonly at: string }
  | { readonly type: 'file'; readonly file: FileValue; readonly at: string };

/** Above this a store may keep a result apart from its rows; readers do not notice. */
export const INLINE_VALUE_BYTES: number = 256 * 1024;
/** A result larger than this is refused. */
export const MAX_VALUE_BYTES: number = 64 * 1024 * 1024;

/** Says whether a value has more than so many bytes; JSON counts as UTF-8. */
export function isLargerThan(value: Value, bytes: number): boolean {
  if (value.codec === 'v8') return value.bytes.length > bytes;
  const { length } = value.json;
  if (length > bytes) return true;
  // A character of a string is at most three bytes: most values need no counting.
  return length * 3 > bytes && Buffer.byteLength(value.json) > bytes;
}

/** Objects with keys that start with `$` are written apart, as everywhere in data. What needs it not is given as it is. */
export function escapedData(value: Json): Json {
  return typeof value === 'object' && value !== null && JSON.stringify(value).includes('"$') ? apart(value) : value;
}

/** What only structured clone carries, in data: the bytes of v8's format, as base64. */
export interface CloneMark {
  readonly $v8: string;
}

/** A part of what structured clone carries, as data: by itself where JSON has it too, else by its mark. */
export function clonedData(value: unknown): Json {
  return isJsonLeaf(value) ? value : { $v8: Buffer.from(serialize(value)).toString('base64') };
}

/** The value that a mark stands for. */
export function readClone({ $v8 }: CloneMark): unknown {
  return deserialize(Buffer.from($v8, 'base64'));
}

/** Numbers that JSON has no word for are none of these. */
function isJsonLeaf(value: unknown): value is null | boolean | number | string {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

function apart(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(apart);
  const entries = Object.entries(value).map(([key, member]): [string, Json] => [key, apart(member as Json)]);
  return entries.some(([key]) => key.startsWith('$')) ? { $object: entries } : Object.fromEntries(entries);
}
