import { HeddleError } from '../../model/index.ts';

/** Beyond, a list of numbers is no sensible parameter. */
const MOST = 10_000_000;

/**
 * Numbers from `start` to `stop`, both included where the steps meet it. Without drift: each is the double nearest to
 * what decimal arithmetic gives, so that `range(0, 1, 0.1)` holds 0.3 and not 0.30000000000000004.
 *
 * @param step the distance between two, or `{ count }`: how many there are, evenly spaced from start to stop.
 * @example
 * range(0.8, 1.2, 0.1) // [0.8, 0.9, 1, 1.1, 1.2]
 * range(0, 1, { count: 5 }) // [0, 0.25, 0.5, 0.75, 1]
 *
 * @throws {HeddleError} INPUT_INVALID for a range that holds nothing or never ends
 */
export function range(start: number, stop: number, step: number | { readonly count: number } = 1): readonly number[] {
  for (const [name, value] of [
    ['start', start],
    ['stop', stop],
  ] as const)
    if (!Number.isFinite(value)) throw invalid(`${name} is ${String(value)}`, 'give a number');
  return typeof step === 'object' ? evenly(start, stop, step.count) : stepwise(start, stop, step);
}

function invalid(why: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `range: ${why}`, { hint });
}

function stepwise(start: number, stop: number, step: number): readonly number[] {
  if (!Number.isFinite(step) || step === 0) throw invalid(`the step is ${String(step)}`, 'give a number other than 0');
  if (stop !== start && stop > start !== step > 0)
    throw invalid(
      `no step of ${step} leads from ${start} to ${stop}: it is empty`,
      step > 0 ? 'give a step below 0' : 'give a step above 0',
    );
  const { whole, digits } = asWholes([start, stop, step]);
  const [first, last, by] = whole as [bigint, bigint, bigint];
  const count = Number((last - first) / by) + 1;
  if (count > MOST) throw invalid(`it would hold ${count} numbers`, `give a larger step: at most ${MOST} are held`);
  return Array.from({ length: count }, (_, i) => fromWhole(first + BigInt(i) * by, digits));
}

function evenly(start: number, stop: number, count: number): readonly number[] {
  if (!Number.isSafeInteger(count) || count < 1 || count > MOST)
    throw invalid(`its count is ${String(count)}`, `give a whole number from 1 to ${MOST}`);
  if (count === 1) {
    if (start !== stop) throw invalid(`one number can't be both ${start} and ${stop}`, 'give a count of 2 or more');
    return [start];
  }
  const { whole, digits } = asWholes([start, stop]);
  const [first, last] = whole as [bigint, bigint];
  const gaps = BigInt(count - 1);
  return Array.from({ length: count }, (_, i) => {
    const at = BigInt(i);
    return quotient(first * (gaps - at) + last * at, gaps, digits);
  });
}

/** Numbers as whole multiples of 10^-digits, exactly as they are written. */
function asWholes(numbers: readonly number[]): { readonly whole: readonly bigint[]; readonly digits: number } {
  const parts = numbers.map(decimalOf);
  const digits = Math.max(0, ...parts.map((part) => part.digits));
  return { whole: parts.map((part) => part.value * 10n ** BigInt(digits - part.digits)), digits };
}

/** The shortest decimal that means this number: value times 10^-digits. */
function decimalOf(number: number): { readonly value: bigint; readonly digits: number } {
  const [, sign = '', before = '0', after = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(number)) ?? [];
  return { value: BigInt(`${sign}${before}${after}`), digits: after.length - Number(exponent) };
}

/** What is written as this decimal, as the nearest double. */
function fromWhole(value: bigint, digits: number): number {
  return Number(`${value}e${-digits}`);
}

/** Enough decimals that reading them gives the double next to the quotient. */
const GUARD = 25;

function quotient(value: bigint, divisor: bigint, digits: number): number {
  return fromWhole((value * 10n ** BigInt(GUARD)) / divisor, digits + GUARD);
}
