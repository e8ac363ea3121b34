import { isBuiltin, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type CallReference, HeddleError } from '../model/lane-face.ts';
import { noop, wait } from './builtin.ts';
import { type AnyFunction, heldLocal } from './local-functions.ts';
import { registeredTask } from './task-registry.ts';

/** A function as it is called: with whatever arguments it was given. */
export type Callable = (...args: readonly unknown[]) => unknown;

/** From where functions are looked for. */
export interface LoadOptions {
  /** Directory from which packages are looked for, absolute. */
  readonly project: string;
  /** Functions held in this process's memory may be called here. @default false */
  readonly local?: boolean;
}

type ModuleReference = Extract<CallReference, { kind: 'module' }>;

/**
 * What was loaded, by module and name, and by text. A module doesn't change under a process: it is replaced instead.
 * Packages are left out: what their names mean depends on the project.
 */
const exported = new Map<string, Map<string, Callable>>();
const compiled = new Map<string, Callable>();

/**
 * Finds the function a reference names: at once when it was found before, or needs no import.
 * What a module throws when it is loaded is passed on as it is.
 *
 * @throws {HeddleError} MODULE_NOT_FOUND, EXPORT_MISSING, INPUT_INVALID when it names no function
 */
export function loadFunction(reference: CallReference, options: LoadOptions): Callable | Promise<Callable> {
  switch (reference.kind) {
    case 'builtin':
      return reference.name === 'noop' ? noop : (wait as Callable);
    case 'module':
      return (
        exported.get(reference.module)?.get(keyOf(reference)) ??
        madeHere(reference, options) ??
        importFunction(reference, options)
      );
    case 'source':
      return compiled.get(reference.source) ?? compile(reference.source);
    case 'global':
      return findGlobal(reference.name);
    case 'local':
      return findLocal(reference.id, options);
  }
}

/**
 * A task that this very process has made: its module may be the script that is running, and would wait for its own end if
 * it were imported.
 */
function madeHere({ module, name, task }: ModuleReference, { local }: LoadOptions): Callable | undefined {
  return local === true && task === true ? (registeredTask(module, name) as Callable | undefined) : undefined;
}

const keyOf = ({ name, task }: ModuleReference): string => (task === true ? `task ${name}` : name);

async function importFunction(reference: ModuleReference, { project }: LoadOptions): Promise<Callable> {
  const { module, name } = reference;
  const url = addressOf(module, project);
  const found = await importModule(url, module);
  const callable =
    reference.task === true
      ? taskOf(found, reference, url)
      : memberOf(found as Readonly<Record<string, unknown>>, name);
  if (typeof callable !== 'function') throw missing(found, reference, callable);
  if (url === module) {
    const functions = exported.get(module) ?? new Map<string, Callable>();
    exported.set(module, functions.set(keyOf(reference), callable as Callable));
  }
  return callable as Callable;
}

/** A package's name means what it would in a module of the project. */
function addressOf(module: string, project: string): string {
  if (isBuiltin(module) || URL.canParse(module)) return module;
  const parentURL = pathToFileURL(`${project}/package.json`).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier, specifier === module ? { ...context, parentURL } : context),
  });
  try {
    return import.meta.resolve(module);
  } catch (cause) {
    throw notFound(module, cause);
  } finally {
    hooks.deregister();
  }
}

async function importModule(url: string, module: string): Promise<object> {
  try {
    return (await import(url)) as object;
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown };
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') throw notFound(module, cause);
    throw cause;
  }
}

function notFound(module: string, cause: unknown): HeddleError {
  const { message, url } = cause as { readonly message: string; readonly url?: unknown };
  // The module itself, or something it imports.
  const own = url === module || !module.startsWith('file:');
  return new HeddleError(
    'MODULE_NOT_FOUND',
    own ? `there is no module ${module}` : `${module} can't be loaded: ${message}`,
    {
      cause,
      hint: own ? 'it has to be where it was when the job was submitted' : 'install or correct what it imports',
    },
  );
}

/** An export; or, of a CommonJS module, what its `module.exports` has under the name though nobody could tell before. */
function memberOf(found: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(found, name)) return found[name];
  const whole = found['default'];
  return typeof whole === 'object' && whole !== null ? (whole as Readonly<Record<string, unknown>>)[name] : undefined;
}

function taskOf(found: object, { module, name }: ModuleReference, url: string): AnyFunction | undefined {
  return registeredTask(url, name) ?? registeredTask(module, name) ?? taskAmongExports(found, name);
}

/** Of another copy of this package, or moved by a bundler: a task that is exported carries its function and its name. */
function taskAmongExports(found: object, name: string): AnyFunction | undefined {
  for (const member of Object.values(found)) {
    if (typeof member !== 'function') continue;
    const { run, definition } = member as { readonly run?: unknown; readonly definition?: { readonly name?: unknown } };
    if (typeof run === 'function' && definition?.name === name) return run as AnyFunction;
  }
  return undefined;
}

function missing(found: object, { module, name, task }: ModuleReference, member: unknown): HeddleError {
  const names = Object.keys(found);
  const has = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`;
  if (task === true) {
    return new HeddleError('EXPORT_MISSING', `${module} has no task '${name}'`, {
      hint: `${has}; a task is made where the module is loaded, not inside a function`,
    });
  }
  const message =
    member === undefined
      ? `${module} exports no '${name}'`
      : `'${name}' of ${module} is no function, but a ${typeof member}`;
  return new HeddleError('EXPORT_MISSING', message, { hint: has });
}

/**
 * Evaluates the text of a function, once. It is strict, as the module was it came from, sees nothing but globals, and may import
 * what this module may: in a `vm.Script` that is experimental, and says so on stderr.
 */
function compile(source: string): Callable {
  const text = `'use strict';(${source}\n)\n//# sourceURL=heddle-source-${compiled.size + 1}.js`;
  // oxlint-disable-next-line no-eval -- indirect: it sees the global scope only
  const callable: unknown = (0, eval)(text);
  if (typeof callable !== 'function') {
    throw new HeddleError('INPUT_INVALID', `this is the source of no function: ${source.slice(0, 60)}`);
  }
  compiled.set(source, callable as Callable);
  return callable as Callable;
}

function findGlobal(path: string): Callable {
  const parts = path.split('.');
  let owner: unknown;
  let found: unknown = globalThis;
  for (const part of parts) {
    owner = found;
    found = (found as Readonly<Record<string, unknown>> | null | undefined)?.[part];
  }
  if (typeof found !== 'function') {
    throw new HeddleError('INPUT_INVALID', `there is no global function '${path}' here`);
  }
  const callable = found as Callable;
  // `Promise.resolve` and others want to be called on what they belong to.
  return parts.length === 1 ? callable : (...args) => callable.call(owner, ...args);
}

function findLocal(id: string, { local }: LoadOptions): Callable {
  const held = local === true ? heldLocal(id) : undefined;
  if (held !== undefined) return held as Callable;
  const message =
    local === true
      ? 'this function was held in memory by a process that has ended'
      : 'a function held in memory runs inline only, in the process that has it';
  throw new HeddleError('INPUT_INVALID', message, { hint: 'export it from its module: then it can run anywhere' });
}
