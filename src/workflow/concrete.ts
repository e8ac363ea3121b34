import type { Placeholder } from './placeholder.ts';

declare const SKIPPABLE: unique symbol;

/** Of a handle: nothing may be chosen, and then there is no value, and what needs it is skipped. */
export interface Skippable {
  /** Never there: it only carries the type. */
  readonly [SKIPPABLE]: true;
}

type Primitive = string | number | boolean | bigint | symbol | null | undefined;

/** The type of the value that something comes to, once the placeholders in it are known. */
export type Concrete<T> =
  T extends Placeholder<infer Value>
    ? T extends Skippable
      ? Value | null
      : Value
    : T extends undefined | void
      ? null
      : T extends Primitive
        ? T
        : T extends readonly unknown[]
          ? { readonly [Index in keyof T]: Concrete<T[Index]> }
          : T extends object
            ? { readonly [Key in keyof T]: Concrete<T[Key]> }
            : T;

/** Not part of what types are inferred from. */
export type Fixed<T> = NoInfer<T>;
