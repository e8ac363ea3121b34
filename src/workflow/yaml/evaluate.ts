import { type Comparison, every, is, not, some, type TestInput } from '../tests.ts';
import { type Test, testHolds, type HeddleError, nearestName, type Json } from '../../model/index.ts';
import { FileInput } from '../data.ts';
import { jsonPart, sourceOf } from '../placeholder.ts';
import type { Expression, PlacedReference, TestExpression, TextPart } from './expression.ts';
import type { Problem, YamlSource } from './source.ts';

/** A task is not done in this run: nor is what needs it. */
export class NotDone extends Error {}

/** What a task comes to that is done for each element of a list that was known. */
export class EachValue {
  readonly elements: readonly unknown[];

  constructor(elements: readonly unknown[]) {
    this.elements = elements;
  }
}

/** What a task comes to that will be done for each element of a list: a list of what its references ask for. */
export class MappedValue {
  readonly handle: unknown;

  constructor(handle: unknown) {
    this.handle = handle;
  }
}

/** Names and their values, from the inside out. */
export class Scope {
  readonly #outer: Scope | undefined;
  readonly #own: Map<string, unknown>;

  constructor(own: Iterable<readonly [string, unknown]>, outer?: Scope) {
    this.#own = new Map(own);
    this.#outer = outer;
  }

  /** Throws `NotDone` for a task that is not done. */
  get(name: string): unknown {
    if (!this.#own.has(name)) return this.#outer?.get(name);
    const value = this.#own.get(name);
    if (value instanceof NotDone) throw value;
    return value;
  }

  set(name: string, value: unknown): void {
    this.#own.set(name, value);
  }

  with(own: Iterable<readonly [string, unknown]>): Scope {
    return new Scope(own, this);
  }
}

/** Gives expressions their values: data, with handles where a value is not known yet. */
export class Evaluator {
  readonly #source: YamlSource;

  constructor(source: YamlSource) {
    this.#source = source;
  }

  value(expression: Expression, scope: Scope): unknown {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'reference':
        return this.reference(expression.reference, scope);
      case 'list':
        return expression.elements.map((element) => this.value(element, scope));
      case 'map':
        return Object.fromEntries(expression.members.map(([key, member]) => [key, this.value(member, scope)]));
      case 'text':
        return this.text(expression.parts, scope);
    }
  }

  reference(reference: PlacedReference, scope: Scope): unknown {
    return this.#part(scope.get(reference.name), reference.path, reference);
  }

  /** A text all of whose values are known. */
  text(parts: readonly TextPart[], scope: Scope): string {
    const pieces = this.pieces(parts, scope);
    const unknown = pieces.findIndex((piece) => typeof piece !== 'string');
    if (unknown < 0) return (pieces as readonly string[]).join('');
    const reference = parts[unknown] as PlacedReference;
    throw this.refused(reference, {
      what: `${reference.at.text} is not known before the run, and stands inside of a text`,
      hint: 'let it stand alone; in run, publish and arguments of programs text may stand around it',
    });
  }

  /** A text in pieces: what is known is text already. */
  pieces(parts: readonly TextPart[], scope: Scope): readonly (string | { readonly value: unknown })[] {
    return parts.map((part) => {
      if (typeof part === 'string') return part;
      const value = this.reference(part, scope);
      if (typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      if (sourceOf(value) !== undefined) return { value };
      throw this.refused(part, {
        what: `${part.at.text} is ${value instanceof FileInput ? 'a file' : Array.isArray(value) ? 'a list' : 'no text'}, and stands inside of a text`,
        hint: 'let it stand alone',
      });
    });
  }

  /** A value that must be known before the run. */
  known(expression: Expression, scope: Scope, place: readonly (string | number)[]): Json {
    const value = this.value(expression, scope);
    if (isKnown(value)) return value as Json;
    throw this.#source.error([
      { path: place, what: 'is not known before the run', hint: 'make it of parameters, not of what tasks give' },
    ]);
  }

  /** Whether a test passes, where that is known; else the test. */
  test(test: TestExpression, scope: Scope): boolean | TestInput {
    switch (test.kind) {
      case 'truthy': {
        const value = this.value(test.value, scope);
        return sourceOf(value) === undefined ? Boolean(value) : (value as TestInput);
      }
      case 'compare': {
        const [left, right] = [this.value(test.left, scope), this.value(test.right, scope)];
        if (!isKnown(left) || !isKnown(right)) return is(left as number, test.compare as Comparison, right as number);
        const asked = { compare: test.compare, left: left as Json, right: right as Json } satisfies Test;
        return testHolds(asked, (data) => data);
      }
      case 'not': {
        const inner = this.test(test.test, scope);
        return typeof inner === 'boolean' ? !inner : not(inner);
      }
      case 'all':
      case 'any': {
        const tests = test.tests.map((each) => this.test(each, scope));
        const decides = test.kind === 'any';
        if (tests.includes(decides)) return decides;
        const open = tests.filter((each) => typeof each !== 'boolean');
        if (open.length === 0) return !decides;
        return decides ? some(...open) : every(...open);
      }
    }
  }

  refused(reference: PlacedReference, problem: Pick<Problem, 'what' | 'hint'>): HeddleError {
    return this.#source.error([{ path: reference.place, at: reference.at, code: 'TEMPLATE_INVALID', ...problem }]);
  }

  #part(value: unknown, path: PlacedReference['path'], reference: PlacedReference): unknown {
    const [step, ...rest] = path;
    if (value instanceof EachValue) {
      if (typeof step !== 'number') return value.elements.map((element) => this.#part(element, path, reference));
      return this.#part(this.#member(value.elements, step, reference), rest, reference);
    }
    // What its elements are asked for is in their values already.
    if (value instanceof MappedValue) return typeof step === 'number' ? partOf(value.handle, [step]) : value.handle;
    if (step === undefined) return value;
    if (sourceOf(value) !== undefined) return partOf(value, path);
    return this.#part(this.#member(value, step, reference), rest, reference);
  }

  #member(value: unknown, step: string | number, reference: PlacedReference): unknown {
    const isHolder = typeof value === 'object' && value !== null && !(value instanceof FileInput);
    if (isHolder && Object.hasOwn(value, step)) return (value as Readonly<Record<string | number, unknown>>)[step];
    const keys = isHolder && !Array.isArray(value) ? Object.keys(value) : [];
    const near = nearestName(String(step), keys);
    throw this.refused(reference, {
      what: `${reference.at.text} has no '${step}'`,
      hint:
        near !== undefined
          ? `did you mean '${near}'?`
          : keys.length > 0
            ? `there is ${keys.join(', ')}`
            : 'it has no such part',
    });
  }
}

/** A part of what a handle stands for. */
function partOf(value: unknown, path: readonly (string | number)[]): unknown {
  const source = sourceOf(value);
  return source === undefined ? value : jsonPart({ origin: source.origin, path: [...source.path, ...path] });
}

/** A part of a value that may have a handle for it, without a place to complain at. */
export function projected(value: unknown, path: readonly (string | number)[]): unknown {
  let part = value;
  for (const [i, step] of path.entries()) {
    if (sourceOf(part) !== undefined) return partOf(part, path.slice(i));
    if (part instanceof EachValue) return plain(part).map((element) => projected(element, path.slice(i)));
    part = (part as Readonly<Record<string | number, unknown>> | null | undefined)?.[step];
  }
  return plain(part);
}

/** What a task comes to, as data with handles. */
export function plain(value: EachValue): readonly unknown[];
export function plain(value: unknown): unknown;
export function plain(value: unknown): unknown {
  if (value instanceof EachValue) return value.elements.map((element) => plain(element));
  return value instanceof MappedValue ? value.handle : value;
}

/** Whether there is nothing in it that must be waited for. */
export function isKnown(value: unknown): boolean {
  if (sourceOf(value) !== undefined || value instanceof FileInput) return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(isKnown);
}
