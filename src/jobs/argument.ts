import type { Secret } from '../model/index.ts';
import type { Job } from './job.ts';

/** What is copied as it is: a job inside one would not be found. */
type Whole =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | null
  | undefined
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | ((...parameters: never[]) => unknown);

/** A job has members (`name`, `id`) that would make it pass for some plain objects. */
interface NoJob {
  readonly '~value'?: never;
}

/**
 * T; or a job whose value is a T; or a T with such jobs wherever in its lists, plain objects, maps and sets a value may
 * stand; where text is wanted, also a secret. A job in an argument is waited for, and replaced by its value.
 */
export type Arg<T> = Job<unknown, T> | WithJobs<T> | (string extends T ? Secret : never);

type WithJobs<T> = T extends Whole
  ? T
  : T extends ReadonlyMap<infer Key, infer Member>
    ? ReadonlyMap<Arg<Key>, Arg<Member>> & NoJob
    : T extends ReadonlySet<infer Member>
      ? ReadonlySet<Arg<Member>> & NoJob
      : T extends readonly unknown[]
        ? { readonly [Index in keyof T]: Arg<T[Index]> } & NoJob
        : T extends object
          ? { readonly [Key in keyof T]: Arg<T[Key]> } & NoJob
          : T;

/** The arguments of a function, each of which may be, or hold, jobs. */
export type Args<Parameters extends readonly unknown[]> = {
  readonly [Index in keyof Parameters]: Arg<Parameters[Index]>;
};

/** What awaiting `result()` of a job gives, by what its function returns: of a generator, its values one by one. */
export type ResultOf<Returned> =
  Returned extends Generator<infer Item, infer Last, infer Sent>
    ? AsyncGenerator<Item, Last, Sent>
    : Returned extends AsyncGenerator<infer Item, infer Last, infer Sent>
      ? AsyncGenerator<Item, Last, Sent>
      : Awaited<Returned>;

/** What a job gives to those that take it as an argument: of a generator, what it returns in the end. */
export type ValueOf<Returned> =
  Returned extends Generator<unknown, infer Last, never>
    ? Last
    : Returned extends AsyncGenerator<unknown, infer Last, never>
      ? Awaited<Last>
      : Awaited<Returned>;
