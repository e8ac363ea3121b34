import type { CallReference } from '../model/index.ts';

/** Any function at all: the one type every function is assignable to. */
export type AnyFunction = (...parameters: never[]) => unknown;

const held = new Map<string, AnyFunction>();
let count = 0;
/** Of this process. Its pid would not do: in a container every program has the same, and would be found to hold what another did. */
let owner: string | undefined;

/** Keeps a function in this process's memory, to be called where it is: by the inline backend. */
export function holdLocal(fn: AnyFunction): CallReference {
  count += 1;
  // Lanes hold nothing: they do without that module.
  owner ??= process.getBuiltinModule('node:crypto').randomBytes(6).toString('base64url');
  const id = `${owner}-${count}`;
  held.set(id, fn);
  return { kind: 'local', id };
}

/** The function held under an id; undefined when it was dropped, or another process held it. */
export function heldLocal(id: string): AnyFunction | undefined {
  return held.get(id);
}

/** Lets go of a function: no call of it comes any more. */
export function dropLocal(id: string): void {
  held.delete(id);
}
