import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { loadFunction } from '../../calls/index.ts';
import { asError, type CallReference, HeddleError, nearestName } from '../../model/index.ts';
import type { DataPath } from '../experiments/index.ts';
import type { CallTask } from '../task.ts';
import { isWorkflow } from '../workflow.ts';
import type { Problem, YamlSource } from './source.ts';
import type { TaskSpec } from './task-spec.ts';

type Make = (...args: readonly unknown[]) => unknown;

/** What a `call` names, found. */
export type Target =
  /** A task or a workflow in TypeScript: called as it is, with its own name and policies. */
  | { readonly kind: 'definition'; readonly make: Make }
  /** A function, or a task that its module keeps to itself. */
  | { readonly kind: 'function'; readonly reference: CallReference };

export interface TargetPlace {
  readonly source: YamlSource;
  /** Of the document: relative modules start there. */
  readonly directory: string;
}

/**
 * Finds what the calls of a document name, by importing their modules.
 *
 * @throws {HeddleError} INPUT_INVALID with place and nearest name
 */
export async function findTargets(
  tasks: readonly TaskSpec[],
  { source, directory }: TargetPlace,
): Promise<ReadonlyMap<string, Target>> {
  const targets = new Map<string, Target>();
  const problems: Problem[] = [];
  for (const { target, path } of callsOf(tasks)) {
    if (targets.has(target)) continue;
    try {
      targets.set(target, await findTarget(target, directory));
    } catch (thrown) {
      problems.push(problemOf(thrown, path));
    }
  }
  if (problems.length > 0) throw source.error(problems);
  return targets;
}

/** An export that is no task: what makes a report of an experiment. @throws {HeddleError} INPUT_INVALID, EXPORT_MISSING */
export async function findFunction(target: string, directory: string): Promise<(...args: never[]) => unknown> {
  const { module, name } = partsOf(target, directory);
  return (await loadFunction({ kind: 'module', module, name }, { project: directory })) as (
    ...args: never[]
  ) => unknown;
}

export function problemOf(thrown: unknown, path: DataPath): Problem {
  const error = asError(thrown);
  const hint = HeddleError.is(thrown) && thrown.hint !== undefined ? { hint: thrown.hint } : {};
  return { path, what: error.message, cause: thrown, ...hint };
}

interface CallPlace {
  readonly target: string;
  readonly path: DataPath;
}

function callsOf(tasks: readonly TaskSpec[]): readonly CallPlace[] {
  return tasks.flatMap((task) => {
    const { work, way, path } = task;
    const own = way.kind === 'when' && way.otherwise !== undefined ? callsOf([way.otherwise]) : [];
    switch (work.kind) {
      case 'command':
        return own;
      case 'call':
        return [{ target: work.target, path: [...path, 'call'] }, ...own];
      case 'group':
        return [...callsOf(work.tasks), ...own];
      case 'branch':
      case 'choose':
        return [...callsOf(work.otherwise === undefined ? work.cases : [...work.cases, work.otherwise]), ...own];
    }
  });
}

/** `./analysis.ts#fit` by its parts; without a name, the default export. */
function partsOf(target: string, directory: string): { readonly module: string; readonly name: string } {
  const [from = '', name = 'default'] = target.split('#', 2);
  const isFile = /^\.{0,2}\//.test(from) || from.startsWith('file:');
  if (from === '' || name === '')
    throw new HeddleError('INPUT_INVALID', `'${target}' names no function`, { hint: 'write ./module.ts#function' });
  if (!isFile) return { module: from, name };
  const path = from.startsWith('file:') ? fileURLToPath(from) : resolve(directory, from);
  if (existsSync(path)) return { module: pathToFileURL(path).href, name };
  const folder = dirname(path);
  const near = nearestName(basename(path), existsSync(folder) ? readdirSync(folder) : []);
  throw new HeddleError('INPUT_INVALID', `there is no file '${from}'`, {
    hint: near === undefined ? `looked for at ${path}` : `did you mean '${join(dirname(from), near)}'?`,
  });
}

async function findTarget(target: string, directory: string): Promise<Target> {
  const { module, name } = partsOf(target, directory);
  const reference = { kind: 'module', module, name } as const;
  const options = { project: directory };
  const exported = await exportedBy(reference, directory);
  if (exported !== undefined) {
    const isDefinition = isWorkflow(exported) || isTask(exported);
    return isDefinition ? { kind: 'definition', make: exported as Make } : { kind: 'function', reference };
  }
  const ofTask = { ...reference, task: true } as const;
  try {
    await loadFunction(ofTask, options);
    return { kind: 'function', reference: ofTask };
  } catch (error) {
    throw await missing(error, { module, name });
  }
}

/** An export that is a function; undefined when there is none. */
async function exportedBy(
  reference: CallReference & { readonly kind: 'module' },
  project: string,
): Promise<object | undefined> {
  try {
    return await loadFunction(reference, { project });
  } catch (error) {
    if (HeddleError.is(error) && error.code === 'EXPORT_MISSING') return undefined;
    throw new HeddleError('INPUT_INVALID', `'${reference.module}' can't be loaded: ${asError(error).message}`, {
      cause: error,
      hint: 'it is imported to see what it exports: it must do no work then',
    });
  }
}

/** What `task()` and `command()` return. */
function isTask(exported: object): exported is CallTask<readonly unknown[], unknown> {
  return 'definition' in exported && 'on' in exported;
}

async function missing(
  error: unknown,
  { module, name }: { readonly module: string; readonly name: string },
): Promise<unknown> {
  if (!HeddleError.is(error) || error.code !== 'EXPORT_MISSING' || !module.startsWith('file:')) return error;
  const names = Object.keys((await import(module)) as object);
  const near = nearestName(name, names);
  return new HeddleError('INPUT_INVALID', `${basename(fileURLToPath(module))} exports no '${name}'`, {
    cause: error,
    hint:
      near === undefined
        ? names.length === 0
          ? 'it exports nothing'
          : `it exports ${names.join(', ')}`
        : `did you mean '${near}'?`,
  });
}
