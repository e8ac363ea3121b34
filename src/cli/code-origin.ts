import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calledModules, codeOfModules } from '../calls/index.ts';
import { type Graph, HeddleError, type Json, type RunRow } from '../model/index.ts';
import { backendsIn } from './backends-in.ts';

/** What a run was started from, kept with it. */
export interface Origin {
  readonly kind: 'module' | 'yaml' | 'wfformat' | 'graph';
  /** Absolute. */
  readonly file: string;
  /** The project's directory, absolute. */
  readonly project: string;
  /** Path from the store to the project: both may be moved together. */
  readonly fromStore?: string;
  /** Backends that tasks name themselves: whoever goes on with the run opens these. */
  readonly backends?: readonly string[];
  /** Modules that jobs call, by path from the project. */
  readonly modules?: readonly string[];
  /** What decides what the run does: hashes by file and package, as `codeOfModules` has them of its modules. */
  readonly code?: Readonly<Record<string, string>>;
}

/** Adds what is to be known when the run goes on: where it all lies, and what its code is. */
export function completeOrigin(origin: Origin, graph: Graph, store: string): Origin {
  const { project } = origin;
  const modules = calledModules(graph).flatMap((module) => {
    const path = fileOf(module, project);
    return path === undefined ? [] : [relative(project, path)];
  });
  const whole = { ...origin, fromStore: relative(store, project), modules, backends: backendsIn(graph) };
  return { ...whole, code: codeNow(whole) };
}

/** As `completeOrigin`, for many graphs of one file: what they have in common is found once. */
export function originsOf(origin: Origin, store: string): (graph: Graph) => Origin {
  const known = new Map<string, Origin>();
  return (graph) => {
    const key = calledModules(graph).join('\n');
    const whole = known.get(key) ?? completeOrigin(origin, graph, store);
    known.set(key, whole);
    return whole;
  };
}

function fileOf(module: string, project: string): string | undefined {
  if (module.startsWith('./')) return join(project, module);
  return module.startsWith('file:') ? fileURLToPath(module) : undefined;
}

function codeNow({ kind, file, project, modules = [] }: Origin): Readonly<Record<string, string>> {
  const called = modules.map((module) => resolve(project, module));
  // What is data has made its graph, and does nothing more.
  return codeOfModules(kind === 'module' ? [file, ...called] : called, dirname(file));
}

/**
 * Reads what a run was started from; undefined when a program started it. A project that was moved with its store
 * is found where it is now.
 *
 * @param store its directory, absolute
 */
export function originOf(row: RunRow, store: string): Origin | undefined {
  const settings = JSON.parse(row.settings || '{}') as { readonly origin?: Json };
  const origin = settings.origin as Partial<Origin> | undefined;
  if (typeof origin?.file !== 'string' || typeof origin.project !== 'string') return undefined;
  return typeof origin.fromStore === 'string'
    ? relocated(origin as Origin, resolve(store, origin.fromStore))
    : (origin as Origin);
}

function relocated(origin: Origin, project: string): Origin {
  const file = resolve(project, relative(origin.project, origin.file));
  return existsSync(file) ? { ...origin, file, project } : origin;
}

/**
 * Refuses to go on with a run whose workflow was changed since it was started: what is done and what is to come
 * would be of two programs.
 *
 * @param store its directory, absolute
 * @throws {HeddleError} CODE_CHANGED, naming the files
 */
export function assertCodeUnchanged(row: RunRow, store: string): void {
  const origin = originOf(row, store);
  if (origin === undefined) return;
  refuseChanges(row, origin, codeChanges(origin));
}

/**
 * As `assertCodeUnchanged` for a point of an experiment, whose own file says which points there are, and may say more of them: its
 * graph has been compared instead.
 */
export function assertPointUnchanged(row: RunRow, store: string): void {
  const origin = originOf(row, store);
  if (origin !== undefined) refuseChanges(row, origin, changedBesides(origin));
}

/** What of its code but the file itself has changed, a line each. */
export function changedBesides(origin: Origin): readonly string[] {
  return codeChanges(origin, relative(dirname(origin.file), origin.file));
}

function codeChanges(origin: Origin, except?: string): readonly string[] {
  if (origin.code === undefined) return [];
  const now = codeNow(origin);
  const names = [...new Set([...Object.keys(origin.code), ...Object.keys(now)])].sort();
  return names.flatMap((name) => (name === except ? [] : describeChange(name, origin.code?.[name], now[name])));
}

function refuseChanges(row: RunRow, origin: Origin, changes: readonly string[]): void {
  if (changes.length === 0) return;
  throw new HeddleError('CODE_CHANGED', `the workflow of run '${row.id}' has changed since it was started`, {
    details: { run: row.id, file: origin.file, changes },
    hint: [
      ...changes.slice(0, 20).map((change) => `  ${change}`),
      ...(changes.length > 20 ? [`  and ${changes.length - 20} more`] : []),
      `in ${dirname(origin.file)}; the run's graph stays as it was started`,
      'undo the change, start a new run, or go on with --accept-code',
    ].join('\n'),
  });
}

function describeChange(name: string, before: string | undefined, now: string | undefined): readonly string[] {
  if (before === now) return [];
  if (before === undefined) return [`added    ${name}`];
  return [now === undefined ? `missing  ${name}` : `changed  ${name}`];
}
