import { checkFields, HeddleError, type Test } from '../model/index.ts';
import { recordBody, recordControl } from './body.ts';
import type { Concrete, Skippable } from './concrete.ts';
import { type DataScope, toData } from './data.ts';
import type { CallHandle } from './handle.ts';
import { type Placeholder, sourceOf } from './placeholder.ts';
import { currentRecorder, type NodeRecord, type RecordedBody, type Recorder } from './recorder.ts';
import { testData, type TestInput } from './tests.ts';

/** What may say which branch is taken: texts, numbers and booleans are labels; null takes none. */
type Label = string | number | boolean | null | undefined;

type LabelOf<L> = `${Exclude<L, null | undefined> & (string | number | boolean)}`;

/** What is done, a function a branch; each is called once, while the graph is built. */
export type Branches = Readonly<Record<string, () => unknown>>;

type ValueOfBranches<B extends Branches> = Concrete<ReturnType<B[keyof B]>>;

/** No branches but those that can be chosen. */
type Only<B, Labels extends string> = { readonly [Key in Exclude<keyof B, Labels>]: never };

export interface BranchOptions<Otherwise> {
  /** Done when no branch has that label. */
  readonly otherwise?: () => Otherwise;
  readonly name?: string;
}

/** Where null may choose, nothing may be chosen. */
type MaybeSkipped<L> = null extends L ? Skippable : undefined extends L ? Skippable : unknown;

/**
 * Does what the label of a value says, and nothing of the other branches. The value is that of the branch. A label without a
 * branch fails it, unless there is an `otherwise`; null takes none, and what needs the value is skipped.
 *
 * @example
 * const result = branch(inspect(p).kind, { big: () => onCluster(p), small: () => here(p) });
 *
 * @throws {HeddleError} GRAPH_INVALID, INPUT_INVALID, TEMPLATE_INVALID, PLACEHOLDER_USED
 */
export function branch<L extends Label, const B extends Branches, Otherwise>(
  on: Placeholder<L>,
  branches: B & Only<B, LabelOf<L>>,
  options: BranchOptions<Otherwise> & { readonly otherwise: () => Otherwise },
): CallHandle<ValueOfBranches<B> | Concrete<Otherwise>>;
export function branch<L extends Label, const B extends Readonly<Record<LabelOf<L>, () => unknown>>>(
  on: Placeholder<L>,
  branches: B & Only<B, LabelOf<L>>,
  options?: BranchOptions<never>,
): CallHandle<ValueOfBranches<B>> & MaybeSkipped<L>;
export function branch(
  on: unknown,
  branches: Branches,
  options: BranchOptions<unknown> = {},
): CallHandle<unknown> & Skippable {
  const recorder = currentRecorder('branch');
  checkFields(options, ['otherwise', 'name'], 'branch');
  if (sourceOf(on) === undefined)
    throw new HeddleError('INPUT_INVALID', `a branch is chosen by what is known already: ${String(on)}`, {
      hint: "choose by a value that a task makes; what is known is a case for JavaScript's own if",
    });
  const scope: DataScope = { recorder, uses: new Set<NodeRecord>() };
  const data = toData(on, scope, 'what a branch is chosen by');
  return record({ recorder, scope, on: data, branches, options });
}

interface Chosen {
  readonly recorder: Recorder;
  readonly scope: DataScope;
  readonly on: unknown;
  readonly branches: Branches;
  readonly options: BranchOptions<unknown>;
}

/** Label of what is done otherwise, where nobody else has it. */
const OTHERWISE = 'otherwise';

function record({ recorder, scope, on, branches, options }: Chosen): CallHandle<unknown> & Skippable {
  const { otherwise, name } = options;
  const bodies: [string, RecordedBody][] = Object.entries(branches).map(([label, build]) => [
    checkedLabel(label),
    recordBody({ recorder, what: 'branch' }, build),
  ]);
  if (otherwise !== undefined) {
    if (Object.hasOwn(branches, OTHERWISE))
      throw new HeddleError('INPUT_INVALID', `a branch is labelled '${OTHERWISE}', and there is an otherwise beside`, {
        hint: 'give one of them another label',
      });
    bodies.push([OTHERWISE, recordBody({ recorder, what: 'branch' }, otherwise)]);
  }
  if (bodies.length === 0)
    throw new HeddleError('INPUT_INVALID', 'a choice without branches', {
      hint: 'name what is done: { big: () => ... }',
    });
  const payload = {
    control: 'branch',
    on,
    branches: Object.fromEntries(bodies.map(([label, { body }]) => [label, body])),
    ...(otherwise === undefined ? {} : { otherwise: OTHERWISE }),
  };
  const recorded = bodies.map(([, body]) => body);
  return recordControl(recorder, { kind: 'branch', name, payload, uses: scope.uses, bodies: recorded }) as never;
}

function checkedLabel(label: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
  if (label !== '' && !/[\u0000-\u001f\u007f]/.test(label)) return label;
  throw new HeddleError('INPUT_INVALID', `${JSON.stringify(label)} can't be the label of a branch`, {
    hint: 'a label has at least one character and no control characters: it becomes part of the names of jobs',
  });
}

/** A test, and what is done when it is the first that passes. */
export type Case = readonly [test: TestInput, build: () => unknown];

type ValueOfCases<C extends Readonly<Record<string, Case>>> = Concrete<ReturnType<C[keyof C][1]>>;

/**
 * Does what stands beside the first test that passes. Without one, and without an `otherwise`, what needs the value is skipped.
 *
 * @example
 * const next = choose({
 *   frozen: [is(state.temperature, '<', 10), () => stop(state)],
 *   hot: [is(state.temperature, '>', 300), () => cool(state)],
 * }, { otherwise: () => go(state) });
 *
 * @throws {HeddleError} GRAPH_INVALID, INPUT_INVALID, TEMPLATE_INVALID, PLACEHOLDER_USED
 */
export function choose<const C extends Readonly<Record<string, Case>>, Otherwise>(
  cases: C,
  options: BranchOptions<Otherwise> & { readonly otherwise: () => Otherwise },
): CallHandle<ValueOfCases<C> | Concrete<Otherwise>>;
export function choose<const C extends Readonly<Record<string, Case>>>(
  cases: C,
  options?: BranchOptions<never>,
): CallHandle<ValueOfCases<C>> & Skippable;
export function choose(
  cases: Readonly<Record<string, Case>>,
  options: BranchOptions<unknown> = {},
): CallHandle<unknown> & Skippable {
  const recorder = currentRecorder('choose');
  checkFields(options, ['otherwise', 'name'], 'choose');
  const scope: DataScope = { recorder, uses: new Set<NodeRecord>() };
  const when = Object.entries(cases).map(([label, [test]]): { readonly label: string; readonly test: Test } => ({
    label,
    test: testData(test, scope, `the test of branch '${label}'`),
  }));
  const branches = Object.fromEntries(Object.entries(cases).map(([label, [, build]]) => [label, build]));
  return record({ recorder, scope, on: { when }, branches, options });
}

/**
 * Does one thing when a test passes, and another, or nothing, when it does not.
 *
 * @example
 * when(is(fit.error, '>', 0.1), () => refine(fit), () => fit)
 *
 * @throws {HeddleError} GRAPH_INVALID, INPUT_INVALID, TEMPLATE_INVALID, PLACEHOLDER_USED
 */
export function when<Then, Otherwise>(
  test: TestInput,
  then: () => Then,
  otherwise: () => Otherwise,
): CallHandle<Concrete<Then> | Concrete<Otherwise>>;
export function when<Then>(test: TestInput, then: () => Then): CallHandle<Concrete<Then>> & Skippable;
export function when(test: TestInput, build: () => unknown, otherwise?: () => unknown): CallHandle<unknown> {
  const cases: Readonly<Record<string, Case>> = { then: [test, build] };
  return otherwise === undefined ? choose(cases) : choose(cases, { otherwise });
}
