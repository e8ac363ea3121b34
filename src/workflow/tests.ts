import { HeddleError, type Json, type Test } from '../model/index.ts';
import { type DataScope, toData } from './data.ts';
import { type Placeholder, sourceOf, type Symbolic } from './placeholder.ts';

/** How two values are compared: `<` and the like are for two numbers or two texts, by code units. */
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

const COMPARISONS: readonly string[] = ['==', '!=', '<', '<=', '>', '>='];

type Question =
  | { readonly left: unknown; readonly compare: Comparison; readonly right: unknown }
  | { readonly not: TestInput }
  | { readonly all: readonly TestInput[] }
  | { readonly any: readonly TestInput[] };

/** A question about values that are not known while the graph is built: `is(x.energy, '<', 0)`. */
export class ValueTest {
  readonly question: Question;

  constructor(question: Question) {
    this.question = question;
  }
}

/** A test; or a value, which passes when it is neither false, null, 0, '' nor absent. */
export type TestInput = ValueTest | Placeholder<unknown>;

/**
 * Compares two values once they are known. `==` and `!=` compare data at any depth.
 *
 * @example
 * when(is(fit.error, '<', 1e-3), () => report(fit))
 */
export function is<T>(left: Symbolic<T>, comparison: '==' | '!=', right: Symbolic<NoInfer<T>>): ValueTest;
export function is<T extends number | string>(
  left: Symbolic<T>,
  comparison: Comparison,
  right: Symbolic<NoInfer<T>>,
): ValueTest;
export function is(left: unknown, comparison: Comparison, right: unknown): ValueTest {
  if (COMPARISONS.includes(comparison)) return new ValueTest({ left, compare: comparison, right });
  throw new HeddleError('INPUT_INVALID', `values can't be compared by '${String(comparison)}'`, {
    hint: `one of ${COMPARISONS.join(' ')}`,
  });
}

/** Passes when the test does not. */
export function not(test: TestInput): ValueTest {
  return new ValueTest({ not: test });
}

/** Passes when all of them do. */
export function every(...tests: readonly TestInput[]): ValueTest {
  return new ValueTest({ all: tests });
}

/** Passes when one of them does. */
export function some(...tests: readonly TestInput[]): ValueTest {
  return new ValueTest({ any: tests });
}

/** A test as data. @throws {HeddleError} INPUT_INVALID for what is decided already */
export function testData(test: unknown, scope: DataScope, where: string): Test {
  if (test instanceof ValueTest) return questionData(test.question, scope, where);
  if (sourceOf(test) !== undefined) return { truthy: toData(test, scope, where) };
  throw new HeddleError('INPUT_INVALID', `${where} is no test: ${String(test)}`, {
    hint: "ask a value that is not known yet: is(x.energy, '<', 0); what is known already is a case for JavaScript's own if",
  });
}

function questionData(question: Question, scope: DataScope, where: string): Test {
  if ('not' in question) return { not: testData(question.not, scope, where) };
  if ('all' in question) return { all: question.all.map((each) => testData(each, scope, where)) };
  if ('any' in question) return { any: question.any.map((each) => testData(each, scope, where)) };
  const { left, compare, right } = question;
  const side = (value: unknown): Json => toData(value, scope, where);
  return { compare, left: side(left), right: side(right) };
}
