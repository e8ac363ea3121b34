import { brief, checkFields, HeddleError } from '../model/index.ts';
import { recordBody, recordControl } from './body.ts';
import type { Concrete } from './concrete.ts';
import { type DataScope, toData } from './data.ts';
import type { CallHandle } from './handle.ts';
import { type Part, type Placeholder, sourceOf } from './placeholder.ts';
import { currentRecorder, type NodeRecord } from './recorder.ts';

/** How a map goes about its elements. */
export interface MapOptions {
  /** At most so many of its jobs run at a time. @default no limit of its own */
  readonly maxConcurrency?: number;
  /** Failures do not fail it: each element is told with its status. @default false */
  readonly settled?: boolean;
  readonly name?: string;
}

/** What became of an element of a map that is `settled`. */
export type Settled<T> =
  | { readonly status: 'done'; readonly value: T }
  | { readonly status: 'failed' | 'cancelled'; readonly error: SettledError }
  /** A branch inside of it chose nothing. */
  | { readonly status: 'skipped' };

export interface SettledError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

type SettledOptions = MapOptions & { readonly settled: true };
type PlainOptions = MapOptions & { readonly settled?: false };

/**
 * Does the same for each element of a list that may be known only when it is run. Its function is called once, with
 * placeholders for the element and its index; what it records is done for each element. The value is the list of what it
 * returns, in the order of the elements. When elements fail, the others go on, and the map fails with all that did.
 *
 * @example
 * const fits = map(prepare(p).samples, (sample) => fit(sample), { maxConcurrency: 8 });
 *
 * @throws {HeddleError} GRAPH_INVALID, TEMPLATE_INVALID, INPUT_INVALID, PLACEHOLDER_USED
 */
export function map<T, Result>(
  collection: Placeholder<readonly T[]>,
  body: (item: Part<T>, index: Part<number>) => Result,
  options: SettledOptions,
): CallHandle<readonly Settled<Concrete<Result>>[]>;
export function map<T, Result>(
  collection: Placeholder<readonly T[]>,
  body: (item: Part<T>, index: Part<number>) => Result,
  options?: PlainOptions,
): CallHandle<readonly Concrete<Result>[]>;
export function map<T, Result>(
  collection: readonly T[],
  body: (item: Part<Concrete<T>>, index: Part<number>) => Result,
  options: SettledOptions,
): CallHandle<readonly Settled<Concrete<Result>>[]>;
export function map<T, Result>(
  collection: readonly T[],
  body: (item: Part<Concrete<T>>, index: Part<number>) => Result,
  options?: PlainOptions,
): CallHandle<readonly Concrete<Result>[]>;
export function map(
  collection: unknown,
  body: (item: never, index: Part<number>) => unknown,
  options: MapOptions = {},
): CallHandle<unknown> {
  const recorder = currentRecorder('map');
  checkFields(options, ['maxConcurrency', 'settled', 'name'], 'map');
  const { maxConcurrency, settled = false, name } = options;
  checkCap(maxConcurrency);
  if (!Array.isArray(collection) && sourceOf(collection) === undefined) throw noList(collection);
  const scope: DataScope = { recorder, uses: new Set<NodeRecord>() };
  const over = toData(collection, scope, 'what is mapped over');
  const recorded = recordBody({ recorder, what: 'map' }, (inputs) =>
    body(inputs('item') as never, inputs('index') as Part<number>),
  );
  return recordControl(recorder, {
    kind: 'map',
    name,
    payload: {
      control: 'scatter',
      over,
      body: recorded.body,
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    },
    uses: scope.uses,
    bodies: [recorded],
    isSettled: settled,
  });
}

function checkCap(maxConcurrency: unknown): void {
  if (maxConcurrency === undefined || (Number.isSafeInteger(maxConcurrency) && (maxConcurrency as number) > 0)) return;
  throw new HeddleError('INPUT_INVALID', `maxConcurrency of a map can't be ${brief(maxConcurrency)}`, {
    hint: 'give a whole number, 1 or more; leave it out for no limit',
  });
}

function noList(collection: unknown): HeddleError {
  const what = collection === null ? 'null' : typeof collection === 'object' ? describe(collection) : typeof collection;
  return new HeddleError('INPUT_INVALID', `map is given no list: ${what}`, {
    hint: 'map over a list, or over the value of a task that will be one: [...set], Object.entries(record)',
  });
}

function describe(value: object): string {
  return `a ${(value.constructor as { readonly name?: string } | undefined)?.name ?? 'record'}`;
}
