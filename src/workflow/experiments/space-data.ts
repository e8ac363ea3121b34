import { isAbsolute, join } from 'node:path';
import { HeddleError, type Json, nearestName } from '../../model/index.ts';
import { COMPARISONS, type SpaceCondition } from './condition.ts';
import { choice, type Distribution, integer, logUniform, normal, uniform } from './distribution.ts';
import type { ParamSpace } from './param-space.ts';
import { range } from './range.ts';
import { latinHypercube, random, sobol } from './sampled-spaces.ts';
import { fromCsv, grid, list, product, unionOf, zip } from './spaces.ts';

/** The way to a place in a document: keys, and positions in lists. */
export type DataPath = readonly (string | number)[];

export interface SpaceDataOptions {
  /** Where the space stands in its document: every error's `details.path` begins with it. @default ['space'] */
  readonly path?: DataPath;
  /** Where relative paths of CSV files start. @default the current directory */
  readonly directory?: string;
}

const KINDS = ['grid', 'zip', 'list', 'csv', 'random', 'latinHypercube', 'sobol', 'product', 'union'] as const;
type Kind = (typeof KINDS)[number];
const SAMPLED: readonly Kind[] = ['random', 'latinHypercube', 'sobol'];
type Members = Readonly<Record<string, unknown>>;

/**
 * Reads a parameter space from data, as JSON and YAML have it: `{ grid: { temperature: [0.85, 0.9] } }`, with `where` beside it.
 * A list is a list of points. In place of a list of values `{ range: { start, stop, step } }` or `{ start, stop, count }`
 * may stand; a distribution is `{ uniform: [0, 1] }` and the like.
 *
 * @throws {HeddleError} INPUT_INVALID, PARAMETER_INVALID, FILE_NOT_FOUND; `details.path` says where in the document
 */
export function spaceFromData(data: unknown, options: SpaceDataOptions = {}): ParamSpace {
  return new SpaceReader(options.directory ?? '.').space(data, options.path ?? ['space']);
}

class SpaceReader {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  space(data: unknown, path: DataPath): ParamSpace {
    if (Array.isArray(data)) return listOf(data, path);
    const object = members(data, path);
    const kinds = KINDS.filter((kind) => object[kind] !== undefined);
    const [kind] = kinds;
    if (kind === undefined) throw unknownSpace(object, path);
    if (kinds.length > 1)
      throw wrong(path, `is ${kinds.join(' and ')} at once`, 'join spaces by product or union: [{ ... }, { ... }]');
    const others = SAMPLED.includes(kind) ? ['where', 'count', 'seed'] : ['where'];
    onlyFields(object, [kind, ...others], path);
    const space = this.#ofKind(kind, object, path);
    return conditionsOf(object['where'], [...path, 'where']).reduce((kept, [condition, place]) => {
      const dropped = kept.where(condition);
      // What it names is looked up when points are wanted: here, so that the place is known.
      within(place, () => dropped.assertNamesKnown());
      return dropped;
    }, space);
  }

  #ofKind(kind: Kind, object: Members, path: DataPath): ParamSpace {
    const at = [...path, kind];
    const value = object[kind];
    switch (kind) {
      case 'grid':
      case 'zip': {
        const lists = mapped(members(value, at), at, valuesOf);
        return within(at, () => (kind === 'grid' ? grid(lists) : zip(lists)) as ParamSpace);
      }
      case 'list':
        return listOf(elements(value, at), at);
      case 'csv': {
        if (typeof value !== 'string') throw wrong(at, 'is no path of a file', 'csv: points.csv');
        const csv = fromCsv(isAbsolute(value) ? value : join(this.#directory, value));
        within(at, () => csv.names);
        return csv as ParamSpace;
      }
      case 'random':
      case 'latinHypercube':
      case 'sobol': {
        const distributions = mapped(members(value, at), at, distributionOf);
        const sample = { count: object['count'], seed: object['seed'] } as { count: number; seed?: number };
        const draw = { random, latinHypercube, sobol }[kind];
        return within(at, () => draw(distributions, sample)) as ParamSpace;
      }
      case 'product':
      case 'union': {
        const spaces = elements(value, at).map((each, i) => this.space(each, [...at, i]));
        return within(at, () => {
          const joined = kind === 'product' ? product(...spaces) : unionOf(spaces);
          joined.assertNamesKnown();
          return joined;
        });
      }
    }
  }
}

function listOf(points: readonly unknown[], path: DataPath): ParamSpace {
  return within(path, () => list(points.map((point, i) => members(point, [...path, i])))) as ParamSpace;
}

function unknownSpace(object: Members, path: DataPath): HeddleError {
  const [first] = Object.keys(object).filter((key) => key !== 'where');
  const near = first === undefined ? undefined : nearestName(first, KINDS);
  return wrong(
    path,
    first === undefined ? 'says nothing' : `has '${first}', which is no kind of space`,
    near === undefined ? `write one of ${KINDS.join(', ')}` : `did you mean '${near}'?`,
  );
}

/** The values of a parameter: a list, a range, or one alone. */
function valuesOf(value: unknown, path: DataPath): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return [value];
  const object = members(value, path);
  onlyFields(object, ['range'], path);
  const at = [...path, 'range'];
  const given = members(object['range'], at);
  onlyFields(given, ['start', 'stop', 'step', 'count'], at);
  for (const [name, value] of Object.entries(given))
    if (typeof value !== 'number')
      throw wrong([...at, name], 'is no number', 'range: { start: 0, stop: 1, step: 0.1 }');
  const { start, stop, step, count } = given as Readonly<Record<'start' | 'stop' | 'step' | 'count', number>>;
  if (step !== undefined && count !== undefined)
    throw wrong(at, 'has a step and a count', 'one of them decides the other');
  return within(at, () => range(start, stop, count === undefined ? step : { count }));
}

const PAIRS = { uniform, logUniform, normal, integer } as const;

function distributionOf(value: unknown, path: DataPath): Distribution {
  const object = members(value, path);
  const names = [...Object.keys(PAIRS), 'choice'];
  const [name = ''] = Object.keys(object);
  onlyFields(object, names, path);
  const at = [...path, name];
  if (name === 'choice') return within(at, () => choice(elements(object[name], at)));
  const make = PAIRS[name as keyof typeof PAIRS];
  if (make === undefined) throw wrong(path, 'names no distribution', `write one of ${names.join(', ')}`);
  const pair = elements(object[name], at);
  if (pair.length !== 2) throw wrong(at, 'is not two numbers', `${name}: [a, b]`);
  return within(at, () => make(pair[0] as number, pair[1] as number));
}

function conditionsOf(value: unknown, path: DataPath): readonly (readonly [SpaceCondition, DataPath])[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [[conditionOf(value, path), path]];
  return value.map((each, i) => [conditionOf(each, [...path, i]), [...path, i]]);
}

function conditionOf(value: unknown, path: DataPath): SpaceCondition {
  const object = members(value, path);
  if ('not' in object) {
    onlyFields(object, ['not'], path);
    return { not: conditionOf(object['not'], [...path, 'not']) };
  }
  for (const joint of ['all', 'any'] as const) {
    if (!(joint in object)) continue;
    onlyFields(object, [joint], path);
    const at = [...path, joint];
    const parts = elements(object[joint], at).map((each, i) => conditionOf(each, [...at, i]));
    return joint === 'all' ? { all: parts } : { any: parts };
  }
  onlyFields(object, ['left', 'compare', 'right'], path);
  const { left, compare, right } = object;
  if (typeof left !== 'string') throw wrong([...path, 'left'], 'names no parameter', 'left: temperature');
  if (!(COMPARISONS as readonly unknown[]).includes(compare))
    throw wrong([...path, 'compare'], 'compares nothing', `write one of ${COMPARISONS.join(' ')}, in quotes`);
  if (right === undefined)
    throw wrong([...path, 'right'], 'is missing', 'right: 0.9, or right: { parameter: density }');
  return { left, compare: compare as (typeof COMPARISONS)[number], right: right as Json };
}

function mapped<Made>(
  object: Members,
  path: DataPath,
  make: (value: unknown, path: DataPath) => Made,
): Readonly<Record<string, Made>> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, make(value, [...path, name])]));
}

function members(value: unknown, path: DataPath): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw wrong(path, value === undefined ? 'is missing' : 'is no object', 'write { name: value }');
}

function elements(value: unknown, path: DataPath): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(path, value === undefined ? 'is missing' : 'is no list', 'write [a, b, c]');
}

function onlyFields(object: Members, known: readonly string[], path: DataPath): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const near = nearestName(unknown, known);
  throw wrong(
    [...path, unknown],
    'is not known here',
    near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`,
  );
}

function wrong(path: DataPath, what: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `${pathText(path)} ${what}`, { details: { path }, hint });
}

/** Does what may throw, and says where in the document that was. */
function within<Made>(path: DataPath, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    const { parameter, path: known } = (error.details ?? {}) as { parameter?: string; path?: DataPath };
    if (known !== undefined) throw error;
    const place = parameter === undefined ? path : [...path, parameter];
    throw new HeddleError(error.code, `${pathText(place)}: ${error.message}`, {
      cause: error,
      details: { ...(error.details as object | undefined), path: place },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

function pathText(path: DataPath): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}
