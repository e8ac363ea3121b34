import { HeddleError, type Json } from '../../model/index.ts';
import { frozen } from './param.ts';
import { exp, log, normalQuantile } from './portable-math.ts';

/** What values a parameter takes when they are drawn, as data. */
export type DistributionData =
  | { readonly uniform: readonly [min: number, max: number] }
  | { readonly logUniform: readonly [min: number, max: number] }
  | { readonly normal: readonly [mean: number, deviation: number] }
  | { readonly integer: readonly [min: number, max: number] }
  | { readonly choice: readonly Json[] };

/** What values a parameter takes when they are drawn. */
export interface Distribution<Value = unknown> {
  /** The value at a probability in [0, 1). */
  at(probability: number): Value;
  readonly data: DistributionData;
  /** Whether it is all but impossible to draw a value twice. */
  readonly isContinuous: boolean;
}

/** Any number between two, each as likely. @throws {HeddleError} INPUT_INVALID */
export function uniform(min: number, max: number): Distribution<number> {
  ordered('uniform', min, max);
  return { at: (p) => min + p * (max - min), data: { uniform: [min, max] }, isContinuous: true };
}

/** Numbers whose logarithm is uniform: each decade as likely. @throws {HeddleError} INPUT_INVALID */
export function logUniform(min: number, max: number): Distribution<number> {
  ordered('logUniform', min, max);
  if (min < 1e-300 || max > 1e300)
    throw invalid(`logUniform(${min}, ${max}) has no logarithm`, 'give numbers from 1e-300 to 1e300');
  const low = log(min);
  const width = log(max) - low;
  const at = (p: number): number => Math.min(max, Math.max(min, exp(low + p * width)));
  return { at, data: { logUniform: [min, max] }, isContinuous: true };
}

/** The smallest probability a normal is asked for: at 0 it has no value. */
const LEAST = 2 ** -54;

/** Numbers around a mean. @throws {HeddleError} INPUT_INVALID */
export function normal(mean: number, deviation: number): Distribution<number> {
  numbers('normal', [mean, deviation]);
  if (deviation <= 0) throw invalid(`normal: the deviation is ${deviation}`, 'give a number above 0');
  const at = (p: number): number => mean + deviation * normalQuantile(Math.max(LEAST, p));
  return { at, data: { normal: [mean, deviation] }, isContinuous: true };
}

/** Whole numbers, both ends included. @throws {HeddleError} INPUT_INVALID */
export function integer(min: number, max: number): Distribution<number> {
  numbers('integer', [min, max]);
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min > max)
    throw invalid(
      `integer(${min}, ${max}) holds no whole number it could give`,
      'give two whole numbers, the smaller first',
    );
  const at = (p: number): number => Math.min(max, min + Math.floor(p * (max - min + 1)));
  return { at, data: { integer: [min, max] }, isContinuous: false };
}

/** One of these values, each as likely. @throws {HeddleError} INPUT_INVALID, PARAMETER_INVALID */
export function choice<Value>(values: readonly Value[]): Distribution<Value> {
  if (!Array.isArray(values) || values.length === 0)
    throw invalid('choice: there is nothing to choose from', "give a list: choice(['a', 'b'])");
  const known = values.map((value, i) => frozen(value, `choice[${i}]`));
  const at = (p: number): Value => known[Math.min(known.length - 1, Math.floor(p * known.length))] as Value;
  return { at, data: { choice: known }, isContinuous: false };
}

function ordered(name: string, min: number, max: number): void {
  numbers(name, [min, max]);
  if (min >= max) throw invalid(`${name}(${min}, ${max}) is empty`, 'give the smaller number first');
}

function numbers(name: string, values: readonly unknown[]): void {
  const wrong = values.find((value) => typeof value !== 'number' || !Number.isFinite(value));
  if (wrong !== undefined || values.includes(undefined))
    throw invalid(`${name}: '${String(wrong)}' is no number`, `write ${name}(a, b) with two numbers`);
}

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', message, { hint });
}
