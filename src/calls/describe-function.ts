import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { AnyNode, Program } from 'acorn';
import { type CallReference, HeddleError } from '../model/index.ts';
import { type FreeName, type Surroundings, surroundingsOf } from './free-variables.ts';
import { type FunctionFacts, inspectFunction, type ScriptText } from './function-facts.ts';
import { builtinExport, GLOBAL_NAMES, globalPath } from './global-names.ts';
import type { AnyFunction } from './local-functions.ts';
import { type StaticExport, staticExports } from './module-exports.ts';
import { COMMONJS, MODULE, parseScript, stripTypes } from './parse-script.ts';
import { type FoundFunction, findFunction } from './scopes.ts';
import { sourceOf } from './function-source.ts';
import { referenceOfTask } from './task-registry.ts';

/** Whether and how a function gets to where it runs. */
export type Described =
  | { readonly travels: true; readonly reference: CallReference; readonly isGenerator: boolean }
  | {
      readonly travels: false;
      readonly isGenerator: boolean;
      /** The first variable it closes over. */
      readonly variable?: string;
      /** With the function as its subject: `closes over 'rate'`. */
      readonly why: string;
      /** The mend. */
      readonly hint: string;
    };

type Refusal = Omit<Extract<Described, { travels: false }>, 'isGenerator' | 'travels'>;

/** Functions that travel. One that does not may later, when its module has run on. */
const known = new WeakMap<AnyFunction, Described>();

/**
 * Finds out how a function gets to other threads, processes and hosts. Exported from its module, it is found there again, with
 * all it closes over; closing over nothing, it goes by its text; what every JavaScript has goes by its name. Any
 * other is refused, naming the variable that stays behind and the mend.
 */
export function describeFunction(fn: AnyFunction): Described {
  const earlier = known.get(fn);
  if (earlier !== undefined) return earlier;
  const found = describe(fn);
  const isGenerator = types.isGeneratorFunction(fn);
  if ('why' in found) return { travels: false, isGenerator, ...found };
  const described: Described = { travels: true, isGenerator, reference: found };
  known.set(fn, described);
  return described;
}

/**
 * The reference to a function.
 *
 * @throws {HeddleError} FUNCTION_CANNOT_TRAVEL, naming the variable and the mend
 */
export function referenceTo(fn: AnyFunction): CallReference {
  const described = describeFunction(fn);
  if (described.travels) return described.reference;
  const { why, hint, variable } = described;
  const name = fn.name === '' ? 'this function' : `function '${fn.name}'`;
  throw new HeddleError('FUNCTION_CANNOT_TRAVEL', `${name} can't run anywhere else: it ${why}`, {
    hint,
    details: { function: fn.name, ...(variable === undefined ? {} : { variable }) },
  });
}

function describe(fn: AnyFunction): CallReference | Refusal {
  const task = referenceOfTask(fn);
  if (task !== undefined) return task;
  if (types.isProxy(fn)) return { why: 'is a proxy', hint: 'pass the function itself' };
  const text = Function.prototype.toString.call(fn);
  if (/^[^{]*\{ \[native code\] \}$/.test(text)) return describeNative(fn);
  if (/^class\b/.test(text)) return { why: 'is a class', hint: 'export a function that makes one and uses it' };
  const facts = inspectFunction(fn);
  if (facts === undefined) return describeText(text);
  if (facts.script.url.startsWith('node:')) return describeNative(fn);
  return describeOwn(fn, facts, text);
}

function describeNative(fn: AnyFunction): CallReference | Refusal {
  const path = globalPath(fn);
  if (path !== undefined) return { kind: 'global', name: path };
  if (fn.name.startsWith('bound ')) {
    return { why: 'is bound, and what it is bound to stays here', hint: 'export a function that calls it' };
  }
  const exported = builtinExport(fn);
  if (exported !== undefined) return { kind: 'module', ...exported };
  return { why: 'is native code without a name of its own', hint: 'export a function that calls it' };
}

function describeOwn(fn: AnyFunction, facts: FunctionFacts, text: string): CallReference | Refusal {
  const program = programOf(facts.script);
  const found = program === undefined ? undefined : findFunction(program, facts.offset);
  // Syntax the parser does not know yet: what it can, it says of the function alone.
  if (program === undefined || found === undefined) return describeText(text);
  const exports = exportsOf(facts.script, program);
  const closure = describeClosure(fn, facts, found);
  // By its text it is the same everywhere; who is exported in so many words is still found by its name.
  if ('kind' in closure && !isDeclaredExport(found, exports)) return closure;
  return exportOf(fn, facts, { exports, found }) ?? closure;
}

/** Parsed scripts; undefined for those the parser gave up on. */
const programs = new WeakMap<ScriptText, { readonly program: Program | undefined }>();

function programOf(script: ScriptText): Program | undefined {
  const earlier = programs.get(script);
  if (earlier !== undefined) return earlier.program;
  const program = tryParse(script.source, script.isModule);
  programs.set(script, { program });
  return program;
}

function tryParse(source: string, isModule: boolean): Program | undefined {
  try {
    return parseScript(source, isModule ? MODULE : COMMONJS);
  } catch {
    return undefined;
  }
}

const exportsKnown = new WeakMap<ScriptText, readonly StaticExport[]>();

function exportsOf(script: ScriptText, program: Program): readonly StaticExport[] {
  const earlier = exportsKnown.get(script);
  if (earlier !== undefined) return earlier;
  const exports = staticExports(script.isModule ? program : (originalProgram(script.url) ?? program));
  exportsKnown.set(script, exports);
  return exports;
}

/** `export function f`, `export const f = () => ...`, or either, and `f` in a list of exports. */
function isDeclaredExport({ node, ancestors }: FoundFunction, exports: readonly StaticExport[]): boolean {
  const parent = ancestors.at(-1);
  const id = parent?.type === 'VariableDeclarator' && parent.init === node ? parent.id : node.id;
  const name = id?.type === 'Identifier' ? id.name : undefined;
  return exports.some((one) => (name !== undefined && one.local === name) || one.node === node);
}

interface Read {
  readonly exports: readonly StaticExport[];
  readonly found: FoundFunction;
}

/** The export of its module that is this very function, not another made by the same text. */
function exportOf(fn: AnyFunction, facts: FunctionFacts, { exports, found }: Read): CallReference | undefined {
  const module = importableUrl(facts.script.url);
  if (module === undefined) return undefined;
  if (!facts.script.isModule) {
    const name = commonJsExport(fn, module);
    if (name !== undefined) return { kind: 'module', module, name };
  }
  const whole = exports.find(({ node }) => node === (found.node as AnyNode));
  if (whole !== undefined) return { kind: 'module', module, name: whole.exported };
  const locals = exports.flatMap(({ local }) => local ?? []);
  const [local] = facts.namesOfItself(locals);
  const own = local === undefined ? undefined : exports.find((one) => one.local === local);
  return own === undefined ? undefined : { kind: 'module', module, name: own.exported };
}

/** A URL another process can import; undefined for what was typed, evaluated or made up. */
function importableUrl(url: string): string | undefined {
  if (url.startsWith('data:')) return url;
  if (!url.startsWith('file:') && !url.startsWith('/')) return undefined;
  const address = url.startsWith('/') ? new URL(`file://${url}`).href : url;
  return existsSync(fileURLToPath(address)) ? address : undefined;
}

const require = createRequire(import.meta.url);

/** What `module.exports` of a CommonJS module calls it. It may still be filled: then what is there already counts. */
function commonJsExport(fn: AnyFunction, module: string): string | undefined {
  if (!module.startsWith('file:')) return undefined;
  const exported: unknown = require.cache[fileURLToPath(module)]?.exports;
  if (exported === fn) return 'default';
  if (typeof exported !== 'object' || exported === null) return undefined;
  return Object.keys(exported).find(
    (name) => name !== 'default' && (exported as Readonly<Record<string, unknown>>)[name] === fn,
  );
}

/** A module that a test runner has wrapped into a function, as it is in its file. */
function originalProgram(url: string): Program | undefined {
  const module = importableUrl(url);
  if (module?.startsWith('file:') !== true) return undefined;
  const path = fileURLToPath(module);
  try {
    const text = readFileSync(path, 'utf8');
    return tryParse(/\.[cm]?ts$/.test(path) ? stripTypes(text) : text, true);
  } catch {
    return undefined;
  }
}

/** What the text alone says of a function: the same for all that were made by it. */
const read = new WeakMap<AnyNode, { readonly surroundings: Surroundings; readonly byText: CallReference | Refusal }>();

/** Not exported: it may close over nothing. */
function describeClosure(
  fn: AnyFunction,
  { script, namesAround }: FunctionFacts,
  found: FoundFunction,
): CallReference | Refusal {
  const importable = importableUrl(script.url) !== undefined;
  let known = read.get(found.node);
  if (known === undefined) {
    const surroundings = surroundingsOf(found);
    const source = sourceOf(script.source, found, { name: fn.name, free: surroundings.free });
    known = { surroundings, byText: bySource(source, surroundings, { importable, shadowed: [] }) };
    read.set(found.node, known);
  }
  if (script.url !== '' || !('kind' in known.byText)) return known.byText;
  // Of what was evaluated the text around is not known: its scopes are asked.
  const { surroundings } = known;
  const shadowed = namesAround(surroundings.free.map(({ name }) => name));
  if (shadowed.length === 0) return known.byText;
  const source = sourceOf(script.source, found, { name: fn.name, free: surroundings.free });
  return bySource(source, surroundings, { importable, shadowed });
}

interface Around {
  readonly importable: boolean;
  readonly shadowed: readonly string[];
}

function bySource(
  source: { readonly text: string; readonly brings: ReadonlySet<string> },
  { free, ties }: Surroundings,
  { importable, shadowed }: Around,
): CallReference | Refusal {
  const missing = free.filter(
    ({ name, binding }) =>
      !source.brings.has(name) && (binding !== undefined || shadowed.includes(name) || !GLOBAL_NAMES.has(name)),
  );
  const [first] = missing;
  if (first !== undefined) return closesOver(first, missing, importable);
  const [tie] = ties;
  if (tie !== undefined) return { why: tie.what, hint: tie.hint };
  try {
    parseScript(`'use strict';(${source.text}\n)`, { sourceType: 'script' });
  } catch (error) {
    const { message } = error as Error;
    return { why: `is no strict code (${message})`, hint: 'export it from its module' };
  }
  return { kind: 'source', source: source.text };
}

function closesOver(first: FreeName, all: readonly FreeName[], importable: boolean): Refusal {
  const names = [...new Set(all.map(({ name }) => `'${name}'`))];
  const some = names.length > 3 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
  const list = some.length === 1 ? some[0] : `${some.slice(0, -1).join(', ')} and ${some.at(-1)}`;
  const { name, binding } = first;
  if (binding === undefined) {
    return { variable: name, why: `uses ${list}, which only this process has`, hint: `pass '${name}' as an argument` };
  }
  return { variable: name, why: `closes over ${list}`, hint: mendOf(first, importable) };
}

function mendOf({ name, binding, top }: FreeName, importable: boolean): string {
  if (!importable) return `pass '${name}' as an argument, or put it into a file and export it`;
  if (binding === 'import') return 'export it from its module: what that imports comes with it';
  return top
    ? `export it from its module, or pass '${name}' as an argument`
    : `pass '${name}' as an argument, or make it an exported function of its module`;
}

/** Without anything but its text: names of variables around it that hide a global are not seen. */
function describeText(text: string): CallReference | Refusal {
  for (const [before, after] of [
    ['(', ')'],
    ['({', '})'],
  ] as const) {
    const source = `${before}${text}${after}`;
    const program = tryParse(source, false);
    const found = program === undefined ? undefined : findFunction(program, source.indexOf('(', 1));
    if (found === undefined) continue;
    const surroundings = surroundingsOf(found);
    const written = sourceOf(source, found, { name: '', free: surroundings.free });
    return bySource(written, surroundings, { importable: false, shadowed: [] });
  }
  return { why: 'is written in a way that is not understood here', hint: 'export it from its module' };
}
