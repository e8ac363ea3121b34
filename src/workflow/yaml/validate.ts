import type * as z from 'zod';
import { nearestName } from '../../model/index.ts';
import type { DataPath } from '../experiments/index.ts';
import { CONDITION_KINDS, NO_CONDITION } from './condition-schema.ts';
import { DECLARED, DOCUMENT, LOOP_SHAPE, testSchema, type WorkKind, WORKS } from './schema.ts';
import type { Problem } from './source.ts';

/** A map of a document. */
export type Members = Readonly<Record<string, unknown>>;

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** All that is wrong with the form of a document; what it refers to is looked at later. */
export function formProblems(data: unknown): readonly Problem[] {
  const problems: Problem[] = [...checked(DOCUMENT, data, [])];
  if (!isMembers(data)) return problems;
  const { parameters, tasks } = data;
  if (isMembers(parameters)) {
    for (const [name, declared] of Object.entries(parameters))
      if (isMembers(declared)) problems.push(...checked(DECLARED, declared, ['parameters', name]));
  }
  if (isMembers(tasks)) problems.push(...tasksProblems(tasks, ['tasks']));
  return problems;
}

function tasksProblems(tasks: Members, path: DataPath): readonly Problem[] {
  return Object.entries(tasks).flatMap(([name, task]) => taskProblems(task, [...path, name]));
}

const KINDS: readonly (readonly [key: string, kind: WorkKind])[] = [
  ['run', 'run'],
  ['call', 'call'],
  ['tasks', 'tasks'],
  ['branch', 'branch'],
  ['choose', 'choose'],
];

/** What a task does, by the field that says so. */
export function workKindOf(task: Members): WorkKind | undefined {
  return KINDS.find(([key]) => task[key] !== undefined)?.[1] ?? (task['result'] === undefined ? undefined : 'tasks');
}

function taskProblems(task: unknown, path: DataPath): readonly Problem[] {
  if (!isMembers(task)) return [{ path, what: 'must be a map: { run: ... } or { call: ... }' }];
  const kind = workKindOf(task);
  if (kind === undefined) return [nothingToDo(task, path)];
  const given = KINDS.map(([key]) => key).filter((key) => task[key] !== undefined);
  if (given.length > 1)
    return [{ path, what: `has ${given.join(' and ')}: a task does one thing`, hint: 'make a task of each' }];
  return [...checked(WORKS[kind], task, path), ...wayProblems(task, path), ...innerProblems(task, path)];
}

function nothingToDo(task: Members, path: DataPath): Problem {
  const kinds = KINDS.map(([key]) => key);
  for (const key of Object.keys(task)) {
    const near = nearestName(key, kinds);
    if (near !== undefined)
      return { path: [...path, key], what: 'is not known here', hint: `did you mean '${near}'?`, isKey: true };
  }
  return { path, what: 'says nothing to do', hint: `give it one of ${kinds.join(', ')}` };
}

const WAYS = ['each', 'when', 'loop'] as const;
/** Fields that mean something only beside another. */
const BESIDE: readonly (readonly [field: string, beside: readonly string[]])[] = [
  ['maxConcurrency', ['each']],
  ['settled', ['each']],
  ['otherwise', ['when', 'branch', 'choose']],
];

function wayProblems(task: Members, path: DataPath): readonly Problem[] {
  const ways = WAYS.filter((way) => task[way] !== undefined);
  const problems: Problem[] = [];
  if (ways.length > 1)
    problems.push({
      path: [...path, ways[1] as string],
      what: `stands beside ${ways[0] as string}`,
      hint: `put one inside of the other: { ${ways[0] as string}: ..., tasks: { ... } }`,
      isKey: true,
    });
  for (const [field, beside] of BESIDE) {
    if (task[field] === undefined || beside.some((other) => task[other] !== undefined)) continue;
    problems.push({ path: [...path, field], what: `means nothing without ${beside.join(' or ')}`, isKey: true });
  }
  return problems;
}

function innerProblems(task: Members, path: DataPath): readonly Problem[] {
  const { tasks, cases, choose, otherwise, loop, when, condition } = task;
  const problems: Problem[] = [];
  if (isMembers(tasks)) problems.push(...tasksProblems(tasks, [...path, 'tasks']));
  if (isMembers(cases)) problems.push(...tasksProblems(cases, [...path, 'cases']));
  if (isMembers(choose)) problems.push(...chooseProblems(choose, [...path, 'choose']));
  if (otherwise !== undefined) problems.push(...taskProblems(otherwise, [...path, 'otherwise']));
  if (when !== undefined) problems.push(...testProblems(when, [...path, 'when']));
  if (condition !== undefined) problems.push(...conditionProblems(condition, [...path, 'condition']));
  if (isMembers(loop)) {
    problems.push(...checked(LOOP_SHAPE, loop, [...path, 'loop']));
    problems.push(...testProblems(loop['until'], [...path, 'loop', 'until']));
  }
  return problems;
}

function chooseProblems(cases: Members, path: DataPath): readonly Problem[] {
  return Object.entries(cases).flatMap(([label, task]) => {
    const own = taskProblems(task, [...path, label]);
    if (!isMembers(task) || task['when'] !== undefined) return own;
    return [
      ...own,
      {
        path: [...path, label],
        what: 'has no when',
        hint: 'each choice says when it is taken; the last resort is otherwise',
      },
    ];
  });
}

function testProblems(test: unknown, path: DataPath): readonly Problem[] {
  if (!isMembers(test)) return [];
  const own = checked(testSchema(test), test, path);
  if ('not' in test) return [...own, ...testProblems(test['not'], [...path, 'not'])];
  for (const joint of ['all', 'any']) {
    const parts = test[joint];
    if (Array.isArray(parts)) return [...own, ...parts.flatMap((part, i) => testProblems(part, [...path, joint, i]))];
  }
  return own;
}

function conditionProblems(condition: unknown, path: DataPath): readonly Problem[] {
  if (!isMembers(condition)) return [{ path, what: NO_CONDITION }];
  const kinds = Object.keys(CONDITION_KINDS);
  const kind = kinds.find((key) => condition[key] !== undefined);
  if (kind === undefined) {
    const [key = ''] = Object.keys(condition);
    const near = nearestName(key, kinds);
    if (near === undefined) return [{ path, what: NO_CONDITION }];
    return [{ path: [...path, key], what: 'is not known here', hint: `did you mean '${near}'?`, isKey: true }];
  }
  const own = checked(CONDITION_KINDS[kind] as z.ZodObject, condition, path);
  const parts = condition[kind];
  if ((kind !== 'all' && kind !== 'any') || !Array.isArray(parts)) return own;
  return [...own, ...parts.flatMap((part, i) => conditionProblems(part, [...path, kind, i]))];
}

/** What zod says, in our words. */
function checked(schema: z.ZodType, data: unknown, path: DataPath): readonly Problem[] {
  const { error } = schema.safeParse(data);
  return error === undefined ? [] : error.issues.flatMap((issue) => issueProblems({ issue, schema, data, path }));
}

interface IssueParts {
  readonly issue: z.core.$ZodIssue;
  readonly schema: z.ZodType;
  readonly data: unknown;
  readonly path: DataPath;
}

function issueProblems({ issue, schema, data, path }: IssueParts): readonly Problem[] {
  const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const at = [...path, ...steps];
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, at, keysAt(schema, steps));
  if (issue.code === 'invalid_key')
    return issue.issues.map(({ message }) => ({ path: at, what: message, isKey: true }));
  const given = valueAt(data, steps);
  if (given === undefined) {
    const hint = issue.message.startsWith('Invalid') ? {} : { hint: `it ${issue.message}` };
    return [{ path: at, what: 'is missing', ...hint }];
  }
  if (issue.code === 'invalid_union') {
    const closest = closestOf(issue, { schema, data, path, steps });
    if (closest !== undefined) return closest;
  }
  const shown = typeof given === 'object' ? '' : `is ${JSON.stringify(given)}: `;
  return [
    { path: at, what: `${shown}${issue.message.startsWith('Invalid') ? 'is not what belongs here' : issue.message}` },
  ];
}

/** Of several forms a map may have, the one that differs least: by a key that nobody knows. */
function closestOf(
  issue: z.core.$ZodIssueInvalidUnion,
  {
    path,
    steps,
    schema,
  }: { readonly schema: z.ZodType; readonly data: unknown; readonly path: DataPath; readonly steps: DataPath },
): readonly Problem[] | undefined {
  for (const issues of issue.errors) {
    const [only] = issues;
    if (issues.length !== 1 || only?.code !== 'unrecognized_keys') continue;
    const inner = only.path.map((step) => (typeof step === 'number' ? step : String(step)));
    return unknownKeys(only.keys, [...path, ...steps, ...inner], keysAt(schema, [...steps, ...inner]));
  }
  return undefined;
}

function unknownKeys(keys: readonly string[], path: DataPath, known: readonly string[]): readonly Problem[] {
  return keys.map((key) => {
    const near = nearestName(key, known);
    return {
      path: [...path, key],
      what: 'is not known here',
      hint: near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`,
      isKey: true,
    };
  });
}

function valueAt(data: unknown, path: DataPath): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[step] : undefined,
    data,
  );
}

/** The keys a schema knows at a place. */
function keysAt(schema: z.ZodType, path: DataPath): readonly string[] {
  let schemas: readonly z.ZodType[] = unwrapped(schema);
  for (const step of path) schemas = schemas.flatMap((each) => inside(each, step)).flatMap(unwrapped);
  return [...new Set(schemas.flatMap((each) => Object.keys((each as Partial<z.ZodObject>).shape ?? {})))];
}

interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
}

const definitionOf = (schema: z.ZodType): Definition => schema.def as unknown as Definition;

function unwrapped(schema: z.ZodType): readonly z.ZodType[] {
  const { innerType, options } = definitionOf(schema);
  if (innerType !== undefined) return unwrapped(innerType);
  return options === undefined ? [schema] : options.flatMap(unwrapped);
}

function inside(schema: z.ZodType, step: string | number): readonly z.ZodType[] {
  const { valueType, element } = definitionOf(schema);
  const member = (schema as Partial<z.ZodObject>).shape?.[step] as z.ZodType | undefined;
  return [member, valueType, element].filter((each) => each !== undefined);
}
