import { pathToFileURL } from 'node:url';
import { HeddleError } from './errors.ts';
import { type Environment, splitEnvironment } from './secret.ts';
import { quoteWord, refuseNul, ShellScanner } from './shell-text.ts';
import type {
  CallPayload,
  CallReference,
  CommandPayload,
  InputSpec,
  OutputSpec,
  OutputTemplate,
  Payload,
  ResolvedCall,
  ResolvedInput,
  ResolvedWork,
  Template,
  TemplatePart,
} from './task.ts';
import {
  brief,
  locateFile,
  madeNothing,
  type Resolved,
  type ResolveContext,
  resolveArgument,
  resolveContext,
  resolveData,
  type Located,
  userFile,
} from './template-data.ts';
import type { Json, Value } from './value.ts';

/** A path that stays below where it starts: no empty, `.` or `..` part, not absolute. */
export function staysInside(path: string): boolean {
  return (
    path !== '' && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** The files one command is to find below `inputs/`: each file once, no two under one name. */
export class FileSet {
  readonly #byName = new Map<string, ResolvedInput>();
  readonly #nameOfPath = new Map<string, string>();

  get inputs(): readonly ResolvedInput[] {
    return [...this.#byName.values()];
  }

  /**
   * Links a file under the name it was declared with.
   *
   * @throws {HeddleError} TEMPLATE_INVALID when the name leaves `inputs/` or is taken by another file
   */
  declare(name: string, located: Located): void {
    if (!staysInside(name)) throw invalid(`an input is named '${name}'`, 'a name is a path below inputs/, without ..');
    const there = this.#byName.get(name);
    if (there !== undefined && there.at !== located.at)
      throw invalid(`two inputs are named '${name}'`, 'give one of them another name');
    this.#enter(name, located);
  }

  /** Links a file under its own name, or below a number when that is taken; gives the path from the work directory. */
  mention(located: Located): string {
    const known = this.#nameOfPath.get(located.at);
    if (known !== undefined) return `inputs/${known}`;
    const own = located.file?.name ?? located.at.slice(located.at.lastIndexOf('/') + 1);
    let name = own;
    for (let k = 2; this.#byName.has(name); k += 1) name = `${k}/${own}`;
    this.#enter(name, located);
    return `inputs/${name}`;
  }

  #enter(name: string, { at, file }: Located): void {
    this.#byName.set(name, { name, at, ...(file === undefined ? {} : { sha256: file.sha256, size: file.size }) });
    if (!this.#nameOfPath.has(at)) this.#nameOfPath.set(at, name);
  }
}

/** A node as the engine knows it when it wants to start it. */
export interface UnresolvedNode {
  readonly kind: 'command' | 'call';
  /** JSON of the payload; '' for none. */
  readonly payload: string;
  readonly environment: Environment | undefined;
  /** Value of a node by its index in the run; defined for every data edge. */
  readonly value: (node: number) => Value | undefined;
  /** What a node is called, for messages. */
  readonly nameOf?: ((node: number) => string) | undefined;
}

/**
 * Turns a node's payload and the values it refers to into work: refs replaced, values quoted
 * into shell text or made the arguments of a call, files given a place below `inputs/`. Pure. Paths of the user's own files
 * are taken from `project`, the project's absolute directory.
 *
 * @throws {HeddleError} TEMPLATE_INVALID when a ref leads nowhere or a value can't stand where it is put
 */
export function resolveWork(node: UnresolvedNode, project = ''): ResolvedWork {
  if (node.payload === '') return { kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: [] };
  const known = latest;
  if (known?.payload === node.payload && known.environment === node.environment && known.project === project)
    return known.work;
  const payload = JSON.parse(node.payload) as Payload;
  if (!('call' in payload)) return resolveCommand(payload, node, project);
  const work = resolveCall(payload, node, project);
  // What a function is given as an object is its own: it may change it.
  if (payload.args.every((arg) => typeof arg !== 'object' || arg === null))
    latest = { payload: node.payload, environment: node.environment, project, work };
  return work;
}

/** The latest call without refs: alike ones come in a row. */
let latest: (Pick<UnresolvedNode, 'payload' | 'environment'> & { project: string; work: ResolvedCall }) | undefined;

function resolveCall({ call, args, ...manner }: CallPayload, node: UnresolvedNode, project: string): ResolvedCall {
  let hasSecretArguments = false;
  const secret = (): void => {
    hasSecretArguments = true;
  };
  const context = resolveContext(node.value, { project, nameOf: node.nameOf, clones: true, secret });
  return {
    kind: 'call',
    call: locateCall(call, project),
    args: args.map((arg) => resolveArgument(arg as Json, context)),
    ...manner,
    ...(node.environment === undefined ? {} : splitEnvironment(node.environment)),
    ...(hasSecretArguments ? { hasSecretArguments } : {}),
  };
}

/**
 * Says where the module of a call lies. One below the project stands in a payload by its path from there, so that the
 * project can lie anywhere.
 */
export function locateCall(call: CallReference, project: string): CallReference {
  if (call.kind !== 'module' || !call.module.startsWith('./')) return call;
  const path = `${project}/${call.module}`;
  let module = located.get(path);
  if (module === undefined) located.set(path, (module = pathToFileURL(path).href));
  return { ...call, module };
}

/** A run calls a million times what few modules have. */
const located = new Map<string, string>();

function resolveCommand(payload: CommandPayload, node: UnresolvedNode, project: string): ResolvedWork {
  const files = new FileSet();
  const context = resolveContext(node.value, { project, nameOf: node.nameOf, files });
  linkDeclared(payload.inputs ?? [], { context, files, replay: payload.replay !== undefined });
  const words = payload.argv?.flatMap((argument) => renderArgument(argument, context));
  if (words !== undefined && words.length === 0) throw invalid('a command without a program', 'name one in argv');
  const text = words === undefined ? renderScript(payload.script ?? [], context) : words.map(quoteWord).join(' ');
  return {
    kind: 'command',
    text,
    ...(words === undefined ? {} : { argv: words }),
    inputs: files.inputs,
    outputs: (payload.outputs ?? []).map((output) => publishedAt(output, context)),
    ...splitEnvironment({ ...node.environment, ...payload.environment }),
    ...(payload.replay === undefined ? {} : { replay: { seconds: payload.replay.seconds } }),
  };
}

/** An output with its published path as text. */
function publishedAt(output: OutputTemplate, context: ResolveContext): OutputSpec {
  const { publish, ...rest } = output;
  if (publish === undefined) return rest;
  return typeof publish === 'string'
    ? { ...rest, publish }
    : { ...rest, publish: publishPath(publish, (data) => resolveData(data, context)) };
}

/**
 * The path that a template comes to.
 *
 * @throws {HeddleError} TEMPLATE_INVALID when a value in it is no text or number, or the whole leaves the results folder
 */
export function publishPath(template: Template, read: (data: Json) => unknown): string {
  let path = '';
  for (const part of template) {
    const value = typeof part === 'string' ? part : read(('raw' in part ? part.raw : part.value) as Json);
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw invalid(`${brief(value)} stands in a published path`, 'put texts and numbers into a path');
    path += String(value);
  }
  if (staysInside(path)) return path;
  throw invalid(`an output is published at '${path}'`, 'give a path below the results folder, without ..');
}

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('TEMPLATE_INVALID', message, { hint });
}

interface LinkOptions {
  readonly context: ResolveContext;
  readonly files: FileSet;
  readonly replay: boolean;
}

/** Inputs that are declared have the names they were given; what a template mentions beside them finds another. */
function linkDeclared(inputs: readonly InputSpec[], { context, files, replay }: LinkOptions): void {
  for (const { name, from } of inputs) {
    // What an element or a state turns out to be stands where a ref would.
    if (typeof from !== 'object' || from === null)
      throw invalid(`input '${name}' is no file: ${brief(from)}`, 'take an output of a task');
    if ('$file' in from) files.declare(name, userFile(from, context));
    // A backend that only waits makes no files, and a replay needs none to wait in its turn.
    else if (!replay || !madeNothing(from, context)) files.declare(name, locateFile(from, context));
  }
}

/** Renders shell text: what stands there as it is, values quoted. */
function renderScript(template: Template, context: ResolveContext): string {
  const scanner = new ShellScanner();
  let text = '';
  template.forEach((part, i) => {
    if (typeof part === 'string') {
      scanner.literal(part);
      text += part;
      return;
    }
    if ('raw' in part) {
      text += rawText(resolveData(part.raw as Json, context));
      return;
    }
    const misplaced = scanner.misplaced();
    if (misplaced !== undefined)
      throw invalid(`a value stands ${misplaced}`, 'a value must stand where a word of the command can');
    text += quoteValue(resolveData(part.value as Json, context), template[i + 1]);
  });
  return refuseNul(text);
}

/**
 * Says what is wrong with a template before anything runs: a value inside quotes, a comment or a here-document.
 *
 * @throws {HeddleError} TEMPLATE_INVALID
 */
export function checkScript(template: Template): void {
  const scanner = new ShellScanner();
  for (const part of template) {
    if (typeof part === 'string') scanner.literal(part);
    else if ('value' in part) {
      const misplaced = scanner.misplaced();
      if (misplaced !== undefined)
        throw invalid(`a value stands ${misplaced}`, 'a value must stand where a word of the command can');
    }
  }
}

/** A value as words of the shell: an array is several, an object its JSON. */
function quoteValue(value: Resolved, next: TemplatePart | undefined): string {
  if (Array.isArray(value)) return value.map((element) => quoteValue(element, undefined)).join(' ');
  // A bare number before a redirection would be taken for a file descriptor.
  const redirected = typeof next === 'string' && /^[<>]/.test(next);
  if ((typeof value === 'number' || typeof value === 'boolean') && !redirected) return String(value);
  return quoteWord(plainText(value));
}

/** A value as one text without quotes. */
function plainText(value: Resolved): string {
  return refuseNul(typeof value === 'string' ? value : JSON.stringify(value));
}

function rawText(value: Resolved): string {
  return Array.isArray(value) ? value.map(plainText).join(' ') : plainText(value);
}

/** One entry of argv: several arguments when it is nothing but an array. */
function renderArgument(template: Template, context: ResolveContext): readonly string[] {
  const [only] = template;
  if (template.length === 1 && only !== undefined && typeof only !== 'string') {
    const value = resolveData(('raw' in only ? only.raw : only.value) as Json, context);
    return Array.isArray(value) ? value.map(plainText) : [plainText(value)];
  }
  let text = '';
  for (const part of template) {
    if (typeof part === 'string') text += part;
    else {
      const value = resolveData(('raw' in part ? part.raw : part.value) as Json, context);
      if (Array.isArray(value)) {
        throw invalid('a list stands inside one argument', 'give the list an argument of its own: it becomes several');
      }
      text += plainText(value);
    }
  }
  return [refuseNul(text)];
}
