import { HeddleError, type Json } from '../../model/index.ts';

/** A named set of values: one point of a parameter space, or what a run is given. Frozen, and plain data throughout. */
export type Param<Values extends object = Readonly<Record<string, Json>>> = Readonly<Values>;

interface ParamConstructor {
  new <Values extends object>(values: Values): Param<Values>;
  <Values extends object>(values: Values): Param<Values>;
}

/**
 * Takes values over as a `Param`: a copy of its own that nobody can change. `new` may be said or left out.
 *
 * @example
 * const point = new Param({ temperature: 300, pressure: 1 });
 * point.temperature; // 300
 *
 * @throws {HeddleError} PARAMETER_INVALID for what is no plain data, naming the parameter
 */
export const Param: ParamConstructor = function Param<Values extends object>(values: Values): Param<Values> {
  return frozenParam(values) as Param<Values>;
} as unknown as ParamConstructor;

/** @throws {HeddleError} PARAMETER_INVALID */
export function frozenParam(values: unknown): Param {
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new HeddleError('PARAMETER_INVALID', `${told(values)} is no set of parameters`, {
      hint: 'give an object: { temperature: 300, pressure: 1 }',
    });
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(entries.map(([name, value]) => [checkedName(name), frozen(value, name, 0)])));
}

/** @throws {HeddleError} PARAMETER_INVALID for a name that no parameter can have */
export function checkedName(name: string): string {
  if (name !== '' && !name.startsWith('$')) return name;
  throw new HeddleError('PARAMETER_INVALID', `'${name}' is no name of a parameter`, {
    details: { parameter: name },
    hint: 'a name is not empty and does not begin with $',
  });
}

/** Deeper than any sensible parameter; what holds itself gets here. */
const MAX_DEPTH = 100;

/** A value as data that cannot be changed. @throws {HeddleError} PARAMETER_INVALID */
export function frozen(value: unknown, path: string, depth = 0): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'object' && depth < MAX_DEPTH) {
    if (Array.isArray(value)) return Object.freeze(value.map((each, i) => frozen(each, `${path}[${i}]`, depth + 1)));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      const entries = Object.entries(value).filter(([, member]) => member !== undefined);
      return Object.freeze(
        Object.fromEntries(entries.map(([key, member]) => [key, frozen(member, `${path}.${key}`, depth + 1)])),
      );
    }
  }
  throw new HeddleError('PARAMETER_INVALID', `parameter '${path}' is ${told(value)}, which is no plain data`, {
    details: { parameter: path },
    hint: 'a parameter is text, a number, true or false, null, or a list or object of them',
  });
}

function told(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return `a ${(value as { readonly constructor?: { readonly name?: string } }).constructor?.name ?? 'object'}`;
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : String(value);
}
