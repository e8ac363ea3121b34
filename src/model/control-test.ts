import { isDeepStrictEqual } from 'node:util';
import type { Test } from './control.ts';
import { HeddleError } from './errors.ts';
import { brief } from './template-data.ts';
import type { Json } from './value.ts';

/** Reads data with refs; `undefined` where a path leads to nothing. */
export type ReadData = (data: Json) => unknown;

/**
 * Says whether a test holds. Equality is that of data, at any depth; order is that of numbers and of texts.
 *
 * @throws {HeddleError} VALUE_INVALID when what is compared has no order
 */
export function holds(test: Test, read: ReadData): boolean {
  if ('truthy' in test) return Boolean(read(test.truthy));
  if ('not' in test) return !holds(test.not, read);
  if ('all' in test) return test.all.every((each) => holds(each, read));
  if ('any' in test) return test.any.some((each) => holds(each, read));
  return compares(test.compare, read(test.left), read(test.right));
}

function compares(
  comparison: Extract<Test, { readonly compare: string }>['compare'],
  left: unknown,
  right: unknown,
): boolean {
  switch (comparison) {
    case '==':
      return isDeepStrictEqual(left, right);
    case '!=':
      return !isDeepStrictEqual(left, right);
    case '<':
      return order(left, right) < 0;
    case '<=':
      return order(left, right) <= 0;
    case '>':
      return order(left, right) > 0;
    case '>=':
      return order(left, right) >= 0;
  }
}

/** NaN where numbers have no order, so that nothing holds of them. */
function order(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left === right ? 0 : left - right;
  if (typeof left === 'bigint' && typeof right === 'bigint') return left < right ? -1 : Number(left > right);
  // By code units, as JavaScript compares texts, and the same in every locale.
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  throw new HeddleError('VALUE_INVALID', `${brief(left)} and ${brief(right)} can't be compared by size`, {
    hint: 'compare two numbers, or two texts',
  });
}
