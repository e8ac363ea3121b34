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
 * `file`: a value above 256 KiB, in the artifact store by its hash.
 */
export type Value =
  | { readonly codec: 'json'; readonly json: string }
  | { readonly codec: 'v8'; readonly bytes: Uint8Array }
  | { readonly codec: 'file'; readonly inner: 'json' | 'v8'; readonly sha256: string; readonly size: number };

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

/** Above this a result is kept in a file by its hash. */
export const INLINE_VALUE_BYTES: number = 256 * 1024;
/** A result larger than this is refused. */
export const MAX_VALUE_BYTES: number = 64 * 1024 * 1024;
