import type * as z from 'zod';
import { HeddleError, nearestName } from '../model/index.ts';
import { BATCH_FIELDS, CONFIG, fieldsAt } from './schema.ts';
import type { ConfigInput, ProfileInput, TargetInput } from './config.ts';

/** What is wrong at a place of a configuration. */
export interface ConfigProblem {
  readonly path: readonly PropertyKey[];
  readonly what: string;
  readonly hint?: string;
  /** The key is meant, not its value. */
  readonly isKey?: boolean;
}

/** Mistakes told at once. */
const TOLD = 10;

/**
 * Checks the form of a configuration, and what no form says: fields that mean nothing beside each other, names of nothing.
 *
 * @param place says where in the file a path stands: ` (line 3, column 5)`; empty where nobody knows
 * @throws {HeddleError} CONFIG_INVALID with every mistake, its path and its mend
 */
export function checkConfig(data: unknown, file: string, place: (problem: ConfigProblem) => string): ConfigInput {
  const result = CONFIG.safeParse(data ?? {});
  const problems = result.success
    ? meaningProblems(result.data as ConfigInput)
    : result.error.issues.flatMap((issue) => problemsOf(issue));
  if (problems.length === 0) return (data ?? {}) as ConfigInput;
  const [first, ...others] = problems.map((problem) => `${pathText(problem.path)}${place(problem)} ${problem.what}`);
  const hints = problems.flatMap(({ hint }) => hint ?? []);
  throw new HeddleError(
    'CONFIG_INVALID',
    `${file}: ${[first, ...others.slice(0, TOLD - 1)].join('\n  ')}${others.length >= TOLD ? `\n  and ${others.length - TOLD + 1} more` : ''}`,
    { ...(hints[0] === undefined ? {} : { hint: hints[0] }), details: { file, problems } },
  );
}

/** `backends.cluster.poll`. */
export function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'it';
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text === '' ? '' : '.'}${String(step)}`),
    '',
  );
}

function problemsOf(issue: z.core.$ZodIssue): readonly ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(issue.path);
    return issue.keys.map((key) => {
      const near = nearestName(key, known);
      const hint = near === undefined ? `there is ${known.join(', ')}` : `did you mean '${near}'?`;
      return { path: [...issue.path, key], what: 'is no option', hint, isKey: true };
    });
  }
  if (issue.code === 'invalid_union') {
    // The form that came nearest tells what is wrong: the one that knows the value's own fields.
    const inner = issue.errors.find((errors) =>
      errors.some((each) => each.path.length > 0 || each.code === 'unrecognized_keys'),
    );
    const deeper = inner?.flatMap((each) => problemsOf({ ...each, path: [...issue.path, ...each.path] })) ?? [];
    if (deeper.length > 0) return deeper;
  }
  if (issue.code === 'invalid_key')
    return [{ path: issue.path, what: issue.issues[0]?.message ?? issue.message, isKey: true }];
  return [{ path: issue.path, what: issue.message }];
}

function meaningProblems(config: ConfigInput): readonly ConfigProblem[] {
  const { profile, profiles = {} } = config;
  const problems = [...profileProblems(config, [])];
  for (const [name, each] of Object.entries(profiles)) problems.push(...profileProblems(each, ['profiles', name]));
  if (profile !== undefined && profiles[profile] === undefined)
    problems.push({
      path: ['profile'],
      what: `names no profile: '${profile}'`,
      ...nearHint(profile, Object.keys(profiles)),
    });
  return problems;
}

function nearHint(name: string, known: readonly string[]): { readonly hint?: string } {
  const near = nearestName(name, known);
  if (near !== undefined) return { hint: `did you mean '${near}'?` };
  return known.length === 0 ? {} : { hint: `there is ${known.join(', ')}` };
}

function profileProblems({ backends = {} }: ProfileInput, path: readonly PropertyKey[]): readonly ConfigProblem[] {
  return Object.entries(backends).flatMap(([name, target]) =>
    targetProblems(target, [...path, 'backends', name], name),
  );
}

/** Names of what is built in: a target of that name would hide it. */
const BUILT_IN = ['inline', 'threads', 'processes', 'commands'];

function targetProblems(target: TargetInput, path: readonly PropertyKey[], name: string): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const batch = target.scheduler !== undefined && target.scheduler !== 'none';
  if (BUILT_IN.includes(name))
    problems.push({
      path,
      what: `has the name of a backend that is built in`,
      hint: 'give it another name',
      isKey: true,
    });
  if (target.hosts !== undefined && target.transport !== undefined)
    problems.push({
      path: [...path, 'transport'],
      what: 'stands beside hosts',
      hint: 'name one host by transport, several by hosts',
    });
  if (target.hosts !== undefined && batch)
    problems.push({
      path: [...path, 'hosts'],
      what: `stands beside scheduler: '${target.scheduler as string}', which hands out machines itself`,
      hint: "name the machine its commands are on: transport: { ssh: 'login.example.org' }",
    });
  if (target.balance !== undefined && target.hosts === undefined)
    problems.push({ path: [...path, 'balance'], what: 'means nothing without hosts', isKey: true });
  if (!batch && !(target.scheduler === undefined && isPart(target))) {
    for (const field of BATCH_FIELDS)
      if (target[field as keyof TargetInput] !== undefined)
        problems.push({ path: [...path, field], what: 'means nothing without a scheduler', isKey: true });
  }
  return problems;
}

/** Part of a target of which the rest stands elsewhere: a profile that changes the queue of one. */
function isPart(target: TargetInput): boolean {
  return target.transport === undefined && target.hosts === undefined;
}
