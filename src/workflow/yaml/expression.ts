import type { DataPath } from '../experiments/index.ts';
import type { Problem } from './source.ts';
import { parseTemplate, type Reference } from './template.ts';
import { isMembers } from './validate.ts';

/** A reference, and the place of the text it stands in. */
export interface PlacedReference extends Reference {
  readonly place: DataPath;
}

/** A piece of a text that is a template. */
export type TextPart = string | PlacedReference;

/** A value as it is written: data, with references in it. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: null | boolean | number | string }
  | { readonly kind: 'reference'; readonly reference: PlacedReference }
  /** Text around references. */
  | { readonly kind: 'text'; readonly parts: readonly TextPart[]; readonly place: DataPath }
  | { readonly kind: 'list'; readonly elements: readonly Expression[] }
  | { readonly kind: 'map'; readonly members: readonly (readonly [key: string, value: Expression])[] };

/** A test as it is written. */
export type TestExpression =
  | { readonly kind: 'truthy'; readonly value: Expression }
  | {
      readonly kind: 'compare';
      readonly compare: '==' | '!=' | '<' | '<=' | '>' | '>=';
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'not'; readonly test: TestExpression }
  | { readonly kind: 'all' | 'any'; readonly tests: readonly TestExpression[] };

/** Reads expressions from data, and gathers what can't be read. */
export class ExpressionReader {
  readonly problems: Problem[] = [];

  /** A text with references, in pieces. */
  template(text: string, place: DataPath, options: { readonly isShell?: boolean } = {}): readonly TextPart[] {
    const pieces = parseTemplate(text, options.isShell === true);
    if ('what' in pieces) {
      this.problems.push({ path: place, code: 'TEMPLATE_INVALID', ...pieces });
      return [];
    }
    return pieces.map((piece) => (typeof piece === 'string' ? piece : { ...piece, place }));
  }

  expression(value: unknown, place: DataPath): Expression {
    if (typeof value === 'string') return this.#text(value, place);
    if (Array.isArray(value))
      return { kind: 'list', elements: value.map((element, i) => this.expression(element, [...place, i])) };
    if (isMembers(value)) {
      const members = Object.entries(value).map(
        ([key, member]) => [key, this.expression(member, [...place, key])] as const,
      );
      return { kind: 'map', members };
    }
    return { kind: 'literal', value: (value ?? null) as null | boolean | number };
  }

  test(value: unknown, place: DataPath): TestExpression {
    if (!isMembers(value)) return { kind: 'truthy', value: this.expression(value, place) };
    if ('not' in value) return { kind: 'not', test: this.test(value['not'], [...place, 'not']) };
    for (const joint of ['all', 'any'] as const) {
      const tests = value[joint];
      if (Array.isArray(tests))
        return { kind: joint, tests: tests.map((test, i) => this.test(test, [...place, joint, i])) };
    }
    return {
      kind: 'compare',
      compare: value['compare'] as '==',
      left: this.expression(value['left'], [...place, 'left']),
      right: this.expression(value['right'], [...place, 'right']),
    };
  }

  #text(value: string, place: DataPath): Expression {
    const parts = this.template(value, place);
    const [only = ''] = parts;
    if (parts.length <= 1)
      return typeof only === 'string' ? { kind: 'literal', value: only } : this.#reference(only, place);
    return { kind: 'text', parts, place };
  }

  #reference(reference: PlacedReference, place: DataPath): Expression {
    if (reference.isRaw)
      this.problems.push({
        path: place,
        code: 'TEMPLATE_INVALID',
        what: `${reference.at.text} stands where no shell reads`,
        hint: `write \${${reference.name}}: raw is for the text of run`,
        at: reference.at,
      });
    return { kind: 'reference', reference };
  }
}

/** The references in the pieces of a text. */
export function referencesIn(parts: readonly TextPart[]): readonly PlacedReference[] {
  return parts.filter((part) => typeof part !== 'string');
}

/** The references of an expression, at any depth. */
export function referencesOf(expression: Expression): readonly PlacedReference[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'reference':
      return [expression.reference];
    case 'text':
      return referencesIn(expression.parts);
    case 'list':
      return expression.elements.flatMap(referencesOf);
    case 'map':
      return expression.members.flatMap(([, member]) => referencesOf(member));
  }
}

/** The references of a test. */
export function referencesOfTest(test: TestExpression): readonly PlacedReference[] {
  switch (test.kind) {
    case 'truthy':
      return referencesOf(test.value);
    case 'compare':
      return [...referencesOf(test.left), ...referencesOf(test.right)];
    case 'not':
      return referencesOfTest(test.test);
    case 'all':
    case 'any':
      return test.tests.flatMap(referencesOfTest);
  }
}
