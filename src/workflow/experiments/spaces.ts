import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getCallSites } from 'node:util';
import { HeddleError, type Json } from '../../model/index.ts';
import { canonicalJson } from '../canonical-json.ts';
import { type CsvTable, parseCsv } from './csv.ts';
import { checkedName, frozen, frozenParam, type Param } from './param.ts';
import { ParamSpace } from './param-space.ts';

/** Lists of values by the name of their parameter. */
export type ValueLists = Readonly<Record<string, readonly unknown[]>>;

/** A point whose parameters are taken from lists of values. */
export type PointOf<Lists extends ValueLists> = { readonly [Name in keyof Lists]: Lists[Name][number] };

/**
 * Every combination: the product of the lists in the order of their names, the last changing fastest. Values that are equal
 * count once.
 *
 * @example
 * grid({ temperature: [0.85, 0.9], density: range(0.1, 0.5, 0.1) }) // 10 points
 *
 * @throws {HeddleError} INPUT_INVALID for an empty list, PARAMETER_INVALID
 */
export function grid<const Lists extends ValueLists>(lists: Lists): ParamSpace<PointOf<Lists>> {
  const columns = readLists('grid', lists).map(([name, values]) => [name, distinct(values)] as const);
  const count = columns.reduce((product, [, values]) => product * values.length, 1);
  return new ParamSpace<PointOf<Lists>>({
    names: () => columns.map(([name]) => name),
    points: () => combinations(columns),
    count: () => count,
    isDistinct: () => true,
    data: () => ({ grid: Object.fromEntries(columns) }),
    what: `grid of ${count} points`,
  });
}

function* combinations(columns: readonly (readonly [string, readonly Json[]])[]): Generator<Param, void> {
  const at = columns.map(() => 0);
  for (;;) {
    yield Object.freeze(
      Object.fromEntries(columns.map(([name, values], i) => [name, values[at[i] as number] as Json])),
    );
    let wheel = columns.length - 1;
    for (; wheel >= 0; wheel -= 1) {
      at[wheel] = (at[wheel] as number) + 1;
      if ((at[wheel] as number) < (columns[wheel]?.[1].length ?? 0)) break;
      at[wheel] = 0;
    }
    if (wheel < 0) return;
  }
}

/**
 * Lists side by side: the first values together, then the second ones, and so on. All lists have the same length.
 *
 * @example
 * zip({ temperature: [0.7, 0.8], density: [0.84, 0.82] }) // 2 points
 *
 * @throws {HeddleError} INPUT_INVALID for an empty list, or lists that differ in length; PARAMETER_INVALID
 */
export function zip<const Lists extends ValueLists>(lists: Lists): ParamSpace<PointOf<Lists>> {
  const columns = readLists('zip', lists);
  const [first, ...others] = columns;
  const length = first?.[1].length ?? 0;
  const other = others.find(([, values]) => values.length !== length);
  if (other !== undefined)
    throw new HeddleError(
      'INPUT_INVALID',
      `zip: '${first?.[0]}' has ${length} values and '${other[0]}' ${other[1].length}`,
      { details: { parameter: other[0] }, hint: 'give lists of the same length; grid combines lists of any' },
    );
  const points = Array.from({ length }, (_, i) =>
    Object.freeze(Object.fromEntries(columns.map(([name, values]) => [name, values[i] as Json]))),
  );
  return known(points, `zip of ${length} points`, { zip: Object.fromEntries(columns) });
}

/**
 * Points one by one.
 *
 * @throws {HeddleError} INPUT_INVALID for an empty list, PARAMETER_INVALID
 */
export function list<P extends object>(points: readonly P[]): ParamSpace<P> {
  if (!Array.isArray(points) || points.length === 0)
    throw empty('list', 'there are no points in it', 'list([{ x: 1 }])');
  const given = points.map((point: P) => frozenParam(point));
  return known(given, `list of ${given.length} points`, { list: given });
}

function known<P extends object>(points: readonly Param[], what: string, data: Json): ParamSpace<P> {
  const names = [...new Set(points.flatMap((point) => Object.keys(point)))];
  return new ParamSpace<P>({
    names: () => names,
    points: () => points,
    isDistinct: () => false,
    data: () => data,
    what,
  });
}

/**
 * The rows of a file of comma-separated values (RFC 4180), whose first line names the parameters; what is written as a number
 * is one. It is read when points are first asked for.
 *
 * @param path a relative one starts at the folder of the file that calls this
 * @example
 * fromCsv('points.csv')
 */
export function fromCsv<P extends object = Readonly<Record<string, string | number>>>(
  path: string | URL,
): ParamSpace<P> {
  const place = typeof path === 'string' ? placeOf(path) : fileURLToPath(path);
  let table: CsvTable | undefined;
  const read = (): CsvTable => {
    table ??= readCsv(place);
    return table;
  };
  return new ParamSpace<P>({
    names: () => read().names,
    points: () => read().rows.map((row) => Object.freeze(row)),
    isDistinct: () => false,
    // What is written down stays true when the file changes.
    data: () => ({ list: read().rows }),
    what: `rows of ${place}`,
  });
}

function readCsv(path: string): CsvTable {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new HeddleError(
      isMissing ? 'FILE_NOT_FOUND' : 'INPUT_INVALID',
      isMissing ? `there is no file '${path}'` : `'${path}' can't be read: ${(cause as Error).message}`,
      { cause, hint: 'a relative path starts at the folder of the file that names it' },
    );
  }
  const table = parseCsv(text, path);
  for (const name of table.names) checkedName(name);
  if (table.rows.length > 0) return table;
  throw empty('fromCsv', `'${path}' has a header and no row`, 'give it a row for each point');
}

function placeOf(path: string): string {
  if (isAbsolute(path)) return path;
  const own = import.meta.url;
  for (const { scriptName } of getCallSites(8)) {
    const file = scriptName.startsWith('file:') ? fileURLToPath(scriptName) : scriptName;
    if (file.startsWith('/') && scriptName !== own && file !== fileURLToPath(own)) return join(dirname(file), path);
  }
  return path;
}

type Both<A extends object, B extends object> = { readonly [Name in keyof (A & B)]: (A & B)[Name] };

/**
 * Every point of the first with every point of the second, the second changing faster. They have no parameter in common.
 *
 * @throws {HeddleError} INPUT_INVALID when they have
 */
export function product<A extends object, B extends object>(
  first: ParamSpace<A>,
  second: ParamSpace<B>,
): ParamSpace<Both<A, B>>;
export function product<A extends object, B extends object, C extends object>(
  first: ParamSpace<A>,
  second: ParamSpace<B>,
  third: ParamSpace<C>,
): ParamSpace<Both<Both<A, B>, C>>;
export function product(...spaces: readonly ParamSpace<object>[]): ParamSpace;
export function product(...spaces: readonly ParamSpace<object>[]): ParamSpace {
  atLeastTwo('product', spaces);
  const names = (): readonly string[] => {
    const all = spaces.flatMap((space) => space.names);
    const twice = all.find((name, i) => all.indexOf(name) !== i);
    if (twice === undefined) return all;
    throw new HeddleError('INPUT_INVALID', `product: two of its spaces have a parameter '${twice}'`, {
      details: { parameter: twice },
      hint: 'each parameter belongs to one of them',
    });
  };
  return new ParamSpace({
    names,
    points: () => {
      names();
      return crossed(spaces);
    },
    count: () => spaces.reduce((count, space) => count * space.size, 1),
    isDistinct: () => spaces.every((space) => space.isDistinct),
    data: () => combined('product', spaces),
    what: `product of ${spaces.map((space) => space.what).join(' and ')}`,
  });
}

function* crossed(spaces: readonly ParamSpace<object>[]): Generator<Param, void> {
  const [first, ...rest] = spaces as readonly ParamSpace[];
  if (first === undefined) return;
  if (rest.length === 0) yield* first;
  else for (const point of first) for (const other of crossed(rest)) yield Object.freeze({ ...point, ...other });
}

/** The points of all, one space after the other; those that are equal count once. */
export function union<A extends object, B extends object = A>(
  first: ParamSpace<A>,
  second: ParamSpace<B>,
  ...others: readonly ParamSpace<A | B>[]
): ParamSpace<A | B> {
  const spaces = [first, second, ...others] as readonly ParamSpace<object>[];
  return unionOf(spaces) as unknown as ParamSpace<A | B>;
}

/** @internal */
export function unionOf(spaces: readonly ParamSpace<object>[]): ParamSpace {
  atLeastTwo('union', spaces);
  return new ParamSpace({
    names: () => [...new Set(spaces.flatMap((space) => space.names))],
    *points() {
      for (const space of spaces as readonly ParamSpace[]) yield* space;
    },
    isDistinct: () => false,
    data: () => combined('union', spaces),
    what: `union of ${spaces.map((space) => space.what).join(' and ')}`,
  });
}

function combined(kind: 'product' | 'union', spaces: readonly ParamSpace<object>[]): Json | undefined {
  const data = spaces.map((space) => space.toData());
  return data.includes(undefined) ? undefined : { [kind]: data as readonly Json[] };
}

function atLeastTwo(name: string, spaces: readonly unknown[]): void {
  if (spaces.length >= 2 && spaces.every((space) => space instanceof ParamSpace)) return;
  throw new HeddleError('INPUT_INVALID', `${name} takes two spaces or more`, {
    hint: `${name}(grid({ x: [1, 2] }), list([{ y: 1 }]))`,
  });
}

function readLists(kind: string, lists: ValueLists): readonly (readonly [string, readonly Json[]])[] {
  const entries = typeof lists === 'object' && lists !== null ? Object.entries(lists) : [];
  if (entries.length === 0) throw empty(kind, 'it has no parameter', `${kind}({ temperature: [0.85, 0.9] })`);
  return entries.map(([name, values]) => {
    checkedName(name);
    if (!Array.isArray(values))
      throw new HeddleError('INPUT_INVALID', `${kind}: '${name}' is no list of values`, {
        details: { parameter: name },
        hint: `write ${name}: [${JSON.stringify(values) ?? ''}]`,
      });
    if (values.length === 0)
      throw empty(kind, `'${name}' has no values`, 'give it at least one, or leave it out', name);
    return [name, values.map((value, i) => frozen(value, `${name}[${i}]`))];
  });
}

function empty(kind: string, why: string, hint: string, parameter?: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `${kind}: the parameter space is empty: ${why}`, {
    ...(parameter === undefined ? {} : { details: { parameter } }),
    hint,
  });
}

function distinct(values: readonly Json[]): readonly Json[] {
  const byText = new Map<string | number, Json>();
  // A number is its own key: a million of them want no text.
  for (const value of values) {
    const key = typeof value === 'number' ? value : canonicalJson(value);
    if (!byText.has(key)) byText.set(key, value);
  }
  return byText.size === values.length ? values : [...byText.values()];
}
