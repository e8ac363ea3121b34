import { HeddleError, type Json, nearestName } from '../../model/index.ts';
import type { ParameterType } from './schema.ts';
import type { Problem } from './source.ts';
import { isMembers, type Members } from './validate.ts';

/** A parameter as a document declares it. */
export interface DeclaredParameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly items: ParameterType | undefined;
  /** Undefined: it must be given. */
  readonly default: Json | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly choices: readonly Json[] | undefined;
}

/** Reads what a document declares. A value alone is a default, and says the type. */
export function readParameters(parameters: unknown): ReadonlyMap<string, DeclaredParameter> {
  const declared = Object.entries((parameters ?? {}) as Members).map(([name, value]) => readParameter(name, value));
  return new Map(declared.map((each) => [each.name, each]));
}

function readParameter(name: string, value: unknown): DeclaredParameter {
  const { type, items, default: byDefault, min, max, choices } = isMembers(value) ? value : { default: value };
  return {
    name,
    type: (type ?? typeOf(byDefault)) as ParameterType,
    items: items as ParameterType | undefined,
    default: byDefault as Json | undefined,
    min: min as number | undefined,
    max: max as number | undefined,
    choices: choices as readonly Json[] | undefined,
  };
}

function typeOf(value: unknown): ParameterType {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'boolean';
  if (Array.isArray(value)) return 'list';
  return isMembers(value) ? 'object' : 'any';
}

const KIND: Readonly<Record<ParameterType, readonly [test: (value: unknown) => boolean, told: string]>> = {
  number: [(value) => typeof value === 'number', 'a number'],
  integer: [(value) => Number.isSafeInteger(value), 'a whole number'],
  text: [(value) => typeof value === 'string', 'a text'],
  boolean: [(value) => typeof value === 'boolean', 'true or false'],
  list: [(value) => Array.isArray(value), 'a list'],
  object: [isMembers, 'a map'],
  file: [(value) => typeof value === 'string' && value !== '', 'the path of a file'],
  any: [() => true, 'anything'],
};

/** Why a parameter can't have a value; undefined when it can. */
export function whyNot(declared: DeclaredParameter, value: Json): string | undefined {
  const { type, items, min, max, choices } = declared;
  const [holds, told] = KIND[type];
  if (!holds(value)) return `is ${shown(value)}, and must be ${told}`;
  if (items !== undefined && Array.isArray(value)) {
    const [holdsItem, toldItem] = KIND[items];
    const wrong = value.findIndex((item) => !holdsItem(item));
    if (wrong >= 0) return `has ${shown(value[wrong])} at [${wrong}], and must have ${toldItem} there`;
  }
  if (choices !== undefined && !choices.some((choice) => JSON.stringify(choice) === JSON.stringify(value)))
    return `is ${shown(value)}, and must be one of ${choices.map(shown).join(', ')}`;
  const numbers = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'number');
  if (min !== undefined && numbers.some((each) => each < min)) return `is ${shown(value)}, and must be ${min} or more`;
  if (max !== undefined && numbers.some((each) => each > max)) return `is ${shown(value)}, and must be ${max} or less`;
  return undefined;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** What is wrong with the declarations themselves. */
export function declarationProblems(declared: ReadonlyMap<string, DeclaredParameter>): readonly Problem[] {
  return [...declared.values()].flatMap((each): readonly Problem[] => {
    const path = ['parameters', each.name];
    if (each.items !== undefined && each.type !== 'list')
      return [{ path: [...path, 'items'], what: 'are for a list', hint: 'type: list', isKey: true }];
    const why = each.default === undefined ? undefined : whyNot(each, each.default);
    return why === undefined ? [] : [{ path: [...path, 'default'], what: why }];
  });
}

/** Who may be given which parameters. */
export interface Givable {
  readonly declared: ReadonlyMap<string, DeclaredParameter>;
  /** Inputs of tasks that a parameter of that name overrides. */
  readonly inputs: ReadonlySet<string>;
}

/**
 * The values of all parameters of a run: what it was given, else the defaults.
 *
 * @throws {HeddleError} PARAMETER_INVALID for one that nobody knows, is missing, or has another type
 */
export function parameterValues(given: Readonly<Record<string, Json>>, givable: Givable): ReadonlyMap<string, Json> {
  const { declared, inputs } = givable;
  const values = new Map<string, Json>();
  for (const [name, value] of Object.entries(given)) {
    const parameter = declared.get(name);
    if (parameter === undefined && !inputs.has(name)) throw unknownParameter(name, givable);
    const why = parameter === undefined ? undefined : whyNot(parameter, value);
    if (why !== undefined) throw invalid(name, `parameter '${name}' ${why}`, 'give another value');
    values.set(name, value);
  }
  for (const { name, default: byDefault } of declared.values()) {
    if (values.has(name)) continue;
    if (byDefault === undefined)
      throw invalid(name, `parameter '${name}' is missing`, `give it: -p ${name}=..., or a default in the file`);
    values.set(name, byDefault);
  }
  return values;
}

function unknownParameter(name: string, { declared, inputs }: Givable): HeddleError {
  const known = [...new Set([...declared.keys(), ...inputs])].sort();
  const nearest = nearestName(name, known);
  const all = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
  return invalid(
    name,
    `parameter '${name}' is not one of the workflow`,
    nearest === undefined ? all : `did you mean '${nearest}'? ${all}`,
  );
}

function invalid(parameter: string, message: string, hint: string): HeddleError {
  return new HeddleError('PARAMETER_INVALID', message, { details: { parameter }, hint });
}
