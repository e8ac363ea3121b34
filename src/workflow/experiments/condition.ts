import { HeddleError, type Json, nearestName } from '../../model/index.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Param } from './param.ts';

export const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** Which points stay, as data. `left` names a parameter; `right` is a value, or another parameter by its name. */
export type SpaceCondition =
  | { readonly left: string; readonly compare: Comparison; readonly right: Json | { readonly parameter: string } }
  | { readonly not: SpaceCondition }
  | { readonly all: readonly SpaceCondition[] }
  | { readonly any: readonly SpaceCondition[] };

/** Says whether a point stays. */
export type PointTest = (point: Param) => boolean;

/**
 * Makes a condition a test. What it names must be there.
 *
 * @throws {HeddleError} PARAMETER_INVALID for a parameter the space has not
 */
export function testOf(condition: SpaceCondition, names: readonly string[]): PointTest {
  if ('not' in condition) {
    const test = testOf(condition.not, names);
    return (point) => !test(point);
  }
  if ('all' in condition) {
    const tests = condition.all.map((each) => testOf(each, names));
    return (point) => tests.every((test) => test(point));
  }
  if ('any' in condition) {
    const tests = condition.any.map((each) => testOf(each, names));
    return (point) => tests.some((test) => test(point));
  }
  const { left, compare, right } = condition;
  if (!(COMPARISONS as readonly string[]).includes(compare))
    throw new HeddleError('INPUT_INVALID', `'${String(compare)}' compares nothing`, {
      hint: `write one of ${COMPARISONS.join(' ')}`,
    });
  known(left, names);
  const other = parameterOf(right);
  if (other !== undefined) known(other, names);
  return (point) => holds(point[left], compare, other === undefined ? (right as Json) : point[other], left);
}

/** A condition as people read it. */
export function conditionText(condition: SpaceCondition): string {
  if ('not' in condition) return `not (${conditionText(condition.not)})`;
  if ('all' in condition) return condition.all.map((each) => `(${conditionText(each)})`).join(' and ');
  if ('any' in condition) return condition.any.map((each) => `(${conditionText(each)})`).join(' or ');
  const { left, compare, right } = condition;
  return `${left} ${compare} ${parameterOf(right) ?? JSON.stringify(right)}`;
}

function parameterOf(right: Json | { readonly parameter: string }): string | undefined {
  if (typeof right !== 'object' || right === null || Array.isArray(right)) return undefined;
  const { parameter } = right as { readonly parameter?: unknown };
  return typeof parameter === 'string' ? parameter : undefined;
}

function known(name: string, names: readonly string[]): void {
  if (names.includes(name)) return;
  const near = nearestName(String(name), names);
  throw new HeddleError('PARAMETER_INVALID', `a condition names '${String(name)}', which the space has not`, {
    details: { parameter: name },
    hint: near === undefined ? `it has ${names.join(', ')}` : `did you mean '${near}'? It has ${names.join(', ')}`,
  });
}

/** A parameter that this point has not (of a union, say) equals nothing and is neither less nor more. */
function holds(left: Json | undefined, compare: Comparison, right: Json | undefined, name: string): boolean {
  switch (compare) {
    case '==':
      return same(left, right);
    case '!=':
      return !same(left, right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return ordered(left, compare, right, name);
  }
}

function same(left: Json | undefined, right: Json | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left === right || canonicalJson(left) === canonicalJson(right);
}

function ordered(
  left: Json | undefined,
  compare: '<' | '<=' | '>' | '>=',
  right: Json | undefined,
  name: string,
): boolean {
  if (left === undefined || right === undefined) return false;
  const comparable = typeof left === typeof right && (typeof left === 'number' || typeof left === 'string');
  if (!comparable)
    throw new HeddleError(
      'PARAMETER_INVALID',
      `'${name}' is ${JSON.stringify(left)}, which is neither less nor more than ${JSON.stringify(right)}`,
      { details: { parameter: name }, hint: 'compare numbers with numbers, and text with text' },
    );
  const [a, b] = [left, right as typeof left];
  if (compare === '<') return a < b;
  if (compare === '<=') return a <= b;
  return compare === '>' ? a > b : a >= b;
}
