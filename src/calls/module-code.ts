import { hash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnyNode, Program } from 'acorn';
import type { CallReference } from '../model/index.ts';
import { type ModuleFacts, remembered } from './module-facts.ts';
import { packageCode } from './package-code.ts';
import { COMMONJS, MODULE, stripTypes, tokenize } from './parse-script.ts';
import { childrenOf } from './scopes.ts';

/**
 * What decides what a module does, as hashes by name: its own file and all it imports by relative paths, at any depth, by
 * path from its folder; and the packages these import, `npm:<name>`, by what the lock file says of them. Of
 * JavaScript and TypeScript the tokens count, so comments, white space and types do not; of other files every byte.
 */
export function moduleCode(file: string): Readonly<Record<string, string>> {
  return codeOfModules([file], dirname(file));
}

/** As `moduleCode`, of several modules together, by path from a folder. */
export function codeOfModules(files: readonly string[], folder: string): Readonly<Record<string, string>> {
  const hashes = new Map<string, string>();
  const waiting = [...files];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const name = relative(folder, path);
    if (hashes.has(name)) continue;
    const facts = readModule(path);
    if (facts === undefined) continue;
    hashes.set(name, facts.hash);
    for (const specifier of facts.imports) {
      const target = locate(specifier, path);
      if (target.kind === 'file') waiting.push(target.path);
      else if (target.kind === 'package') packageCode(target.name, path, hashes);
    }
  }
  return Object.fromEntries([...hashes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The code of a called function, apart and as one. */
export interface CallCode {
  /** What is called of it, for people: `task fit`, `export fit`, `Math.max`. */
  readonly what: string;
  /** Hashes by file and package, as `moduleCode` has them; of what is no module under one name. */
  readonly files: Readonly<Record<string, string>>;
  /** sha256 in hex, over all of it. */
  readonly hash: string;
}

/** What decides what a called function does, as a sha256 in hex. Undefined where that can't be known: a function held in memory. */
export function codeOf(reference: CallReference): string | undefined {
  return callCode(reference)?.hash;
}

/** As `codeOf`, with what it is made of. */
export function callCode(reference: CallReference): CallCode | undefined {
  switch (reference.kind) {
    case 'builtin':
    case 'global': {
      const all = hash('sha256', `${reference.kind} ${reference.name}`);
      return { what: reference.name, files: {}, hash: all };
    }
    case 'source': {
      const all = hash('sha256', `source\n${codeTokens(`(${reference.source}\n)`).join('\n')}`);
      return { what: 'a function', files: { 'the function': all }, hash: all };
    }
    case 'module':
      return moduleReferenceCode(reference);
    case 'local':
      return undefined;
  }
}

function moduleReferenceCode({ module, name, task }: Extract<CallReference, { kind: 'module' }>): CallCode | undefined {
  const what = `${task === true ? 'task' : 'export'} ${name}`;
  if (isBuiltin(module) || module.startsWith('data:'))
    return { what, files: {}, hash: hash('sha256', `${what}\n${module}`) };
  if (!module.startsWith('file:')) return undefined;
  const path = fileURLToPath(module);
  if (!existsSync(path)) return undefined;
  const files = moduleCode(path);
  const code = Object.entries(files).map(([file, sha256]) => `${file} ${sha256}`);
  return { what, files, hash: hash('sha256', `${what}\n${code.join('\n')}`) };
}

function codeTokens(source: string): readonly string[] {
  try {
    return tokenize(source, COMMONJS).tokens;
  } catch {
    return [source];
  }
}

interface KnownModule {
  readonly identity: string;
  /** Of the bytes, for a file that is too young for its identity to tell. */
  readonly bytesHash: string;
  readonly facts: ModuleFacts;
}

const known = new Map<string, KnownModule>();

/** A file may be written again within one tick of its clock and keep its times: one so young is read again. */
const RACY_MS = 50;

export function readModule(path: string): ModuleFacts | undefined {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stat?.isFile() !== true) return undefined;
  // oxlint-disable-next-line no-restricted-globals -- compared with the times of a file, which are of the system's clock
  const isYoung = performance.timeOrigin + performance.now() - Number(stat.ctimeMs) < RACY_MS;
  const identity = isYoung ? '' : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
  const earlier = known.get(path);
  if (!isYoung && earlier?.identity === identity) return earlier.facts;
  const bytes = readFileSync(path);
  const bytesHash = hash('sha256', bytes);
  const facts = earlier?.bytesHash === bytesHash ? earlier.facts : factsOf(path, bytes, bytesHash);
  known.set(path, { identity, bytesHash, facts });
  return facts;
}

function factsOf(path: string, bytes: Buffer, bytesHash: string): ModuleFacts {
  if (!/\.[cm]?[jt]s$/.test(path)) return { hash: bytesHash, imports: [] };
  return remembered(path, bytes, () => factsOfText(path, bytes));
}

function factsOfText(path: string, bytes: Buffer): ModuleFacts {
  const text = bytes.toString();
  const parsed = parseModule(path, text);
  if (parsed === undefined) return { hash: hash('sha256', bytes), imports: mentionedImports(text) };
  const imports = new Set<string>();
  gatherImports(parsed.program, imports);
  return { hash: hash('sha256', parsed.tokens.join('\n')), imports: [...imports] };
}

/** Undefined for what is more than JavaScript with types. */
function parseModule(path: string, text: string): ReturnType<typeof tokenize> | undefined {
  try {
    const source = path.endsWith('ts') ? stripTypes(text) : text;
    if (path.endsWith('.cjs') || path.endsWith('.cts')) return tokenize(source, COMMONJS);
    try {
      return tokenize(source, MODULE);
    } catch {
      return tokenize(source, COMMONJS);
    }
  } catch {
    return undefined;
  }
}

/** `from './x.ts'`, `import './x.ts'`, `import('./x.ts')`, `new URL('./x.ts', ...)`. A mention too many only adds a file. */
const MENTION = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew\s+URL\(\s*)(["'])([^"'\n]+)\1/g;

function mentionedImports(text: string): readonly string[] {
  return [...text.matchAll(MENTION)].map(([, , specifier]) => specifier as string);
}

function gatherImports(program: Program, into: Set<string>): void {
  const visit = (node: AnyNode): void => {
    const specifier = specifierOf(node);
    if (specifier?.type === 'Literal' && typeof specifier.value === 'string') into.add(specifier.value);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(program);
}

/** Where a node names another module or file, literally or not. */
function specifierOf(node: AnyNode): AnyNode | null | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
      return node.source;
    case 'NewExpression':
      // Files beside the module are named so: new URL('./table.json', import.meta.url).
      return node.callee.type === 'Identifier' && node.callee.name === 'URL' && node.arguments.length === 2
        ? node.arguments[0]
        : undefined;
    case 'CallExpression':
      return node.callee.type === 'Identifier' && node.callee.name === 'require' ? node.arguments[0] : undefined;
    default:
      return undefined;
  }
}

type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'none' };

const NONE: Target = { kind: 'none' };

/** What a specifier leads to. Node's own modules, and heddle's, decide nothing of what a study does. */
export function locate(specifier: string, from: string): Target {
  if (/^\.{1,2}(?:\/|$)/.test(specifier)) return { kind: 'file', path: locateFile(specifier, from) };
  if (specifier.startsWith('file:')) return { kind: 'file', path: fileURLToPath(specifier) };
  if (specifier.startsWith('#')) return required(specifier, from);
  if (isBuiltin(specifier) || /^[a-z]+:/.test(specifier) || specifier.startsWith('/')) return NONE;
  const [scope = '', rest] = specifier.split('/');
  const name = scope.startsWith('@') ? `${scope}/${rest ?? ''}` : scope;
  return name === 'heddle' ? NONE : { kind: 'package', name };
}

/** CommonJS leaves the ending out. */
function locateFile(specifier: string, from: string): string {
  const path = resolve(dirname(from), specifier.replace(/[?#].*$/, ''));
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path;
  const target = required(specifier, from);
  return target.kind === 'file' ? target.path : path;
}

function required(specifier: string, from: string): Target {
  try {
    const path = createRequire(from).resolve(specifier);
    return isBuiltin(path) ? NONE : { kind: 'file', path };
  } catch {
    return NONE;
  }
}
