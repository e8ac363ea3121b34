import { HeddleError } from './errors.ts';
import type { FileRef, Ref } from './task.ts';
import { isSecretData, Secret } from './secret.ts';
import {
  type CloneMark,
  type CommandOutput,
  type CommandValue,
  decodeValue,
  type FileValue,
  type Json,
  readClone,
  type Value,
} from './value.ts';

/** A value with every ref replaced; files in it have become the paths they are linked at. */
export type Resolved = Json;

/** Where a file lies, and what is known of it. */
export interface Located {
  readonly at: string;
  readonly file?: FileValue;
}

/** Takes up files that are mentioned; gives the path of each from the work directory. */
export interface FileTaker {
  mention(located: Located): string;
}

export interface ResolveContext {
  readonly value: (node: number) => Value | undefined;
  /** The value of a node, read: of commands JSON, of calls whatever structured clone carries. */
  readonly parsed: (node: number) => unknown;
  /** What a node is called, for messages. */
  readonly nameOf?: ((node: number) => string) | undefined;
  /** Takes up the files a command mentions; absent for calls, which get file values as data. */
  readonly files?: FileTaker;
  /** Where relative paths of the user's start. */
  readonly project: string;
  /** Values that are more than JSON are welcome: calls take them, command lines can't say them. */
  readonly clones?: boolean;
  /** Hears of each secret; absent where none may stand. */
  readonly secret?: (secret: Secret) => void;
}

function invalid(message: string, hint: string): HeddleError {
  return new HeddleError('TEMPLATE_INVALID', message, { hint });
}

/** Replaces refs and files at any depth and takes `$object` apart. Keys are data: `__proto__` too. */
export function resolveData(data: Json, context: ResolveContext): Resolved {
  return resolveArgument(data, context) as Json;
}

/** As `resolveData`, for the arguments of a call: what came from v8, maps and sets are those values again. */
export function resolveArgument(data: Json, context: ResolveContext): unknown {
  if (typeof data !== 'object' || data === null) return data;
  if (isArray(data)) return data.map((element) => resolveArgument(element, context));
  const marked = data as { readonly [key: string]: Json };
  if (Object.hasOwn(marked, '$ref')) return refText(marked as unknown as Ref, context);
  if (Object.hasOwn(marked, '$file')) return fileText(userFile(marked as unknown as FileRef, context), context);
  if (Object.hasOwn(marked, '$output')) return outputText(marked['$output'] as unknown as CommandOutput, context);
  if (isSecretData(marked)) return secretOf(new Secret(marked.$secret), context);
  if (typeof marked['$v8'] === 'string') return cloneText(marked as unknown as CloneMark, context);
  if (context.clones === true) {
    const { $map, $set } = marked;
    if (isArray($set)) return new Set($set.map((member) => resolveArgument(member, context)));
    if (isArray($map)) {
      const entries = $map as readonly (readonly [Json, Json])[];
      return new Map(entries.map(([key, value]) => [resolveArgument(key, context), resolveArgument(value, context)]));
    }
  }
  // An element of a map stands in its instance itself.
  const returned = context.files === undefined ? undefined : returnedFile(marked);
  if (returned !== undefined) return fileText(returned, context);
  const entries = Object.hasOwn(marked, '$object')
    ? (marked['$object'] as readonly (readonly [string, Json])[])
    : Object.entries(marked);
  return Object.fromEntries(entries.map(([key, value]) => [key, resolveArgument(value, context)]));
}

/**
 * Reads data that was written as the arguments of a call are, without refs.
 *
 * @throws {HeddleError} TEMPLATE_INVALID when there is one
 */
export function decodeData(data: Json): unknown {
  return resolveArgument(
    data,
    resolveContext(() => undefined, { project: '', clones: true }),
  );
}

/** A secret as what stands for it until the call is launched. */
function secretOf(found: Secret, context: ResolveContext): Secret {
  if (context.secret === undefined) throw misplacedSecret(found);
  context.secret(found);
  return found;
}

/** What a secret in a command's text is told: arguments of programs can be read by everybody on the machine. */
export function misplacedSecret({ source: [kind, from], label }: Secret): HeddleError {
  const name = kind === 'env' ? from : 'TOKEN';
  return invalid(
    `${label} stands where it would be written down`,
    `hand it over as a variable, environment: { ${name}: secret.${kind}('${from}') }, and let the shell read it: "$${name}" (\\\${${name}} in sh\`...\`)`,
  );
}

/** `Array.isArray` narrows away readonly arrays. */
function isArray(data: Json | undefined): data is readonly Json[] {
  return Array.isArray(data);
}

function cloneText(mark: CloneMark, { clones }: ResolveContext): unknown {
  if (clones === true) return readClone(mark);
  throw invalid('a value is wanted that is more than JSON can say', 'return plain data where a command takes it');
}

function fileText(located: Located, context: ResolveContext): Json {
  if (context.files !== undefined) return context.files.mention(located);
  return { ...located.file, at: located.at };
}

function calledBy({ nameOf }: Pick<ResolveContext, 'nameOf'>, node: number): string {
  return nameOf === undefined ? `task number ${node}` : `'${nameOf(node)}'`;
}

/** What a ref leads to, and the steps that lead on from there. */
export type Found =
  | { readonly kind: 'value'; readonly value: unknown; readonly rest: Path; readonly whose: string }
  /** All outputs of a command, or one of them. */
  | { readonly kind: 'outputs'; readonly outputs: Readonly<Record<string, CommandOutput>> }
  | { readonly kind: 'output'; readonly output: CommandOutput; readonly rest: Path; readonly whose: string }
  /** A part of what a control node has taken together; no steps are left. */
  | { readonly kind: 'gathered'; readonly data: Json };

type Path = readonly (string | number)[];

/**
 * Follows the first steps of a ref. Of a command's value the first step names an output; the
 * steps behind it lead into what that output holds.
 *
 * @throws {HeddleError} TEMPLATE_INVALID, saying what there is instead
 */
export function findRef(ref: Ref, context: Pick<ResolveContext, 'parsed' | 'nameOf'>): Found {
  const [node, ...path] = ref.$ref;
  const value = context.parsed(node);
  const whose = calledBy(context, node);
  if (isGathered(value)) return findGathered(value.$gathered, path, whose);
  if (!isCommandValue(value)) return { kind: 'value', value, rest: path, whose };
  const { outputs } = value;
  const [name, ...rest] = path;
  if (name === undefined) return { kind: 'outputs', outputs };
  if (!Object.hasOwn(outputs, name)) throw missing(`${whose} has no output '${name}'`, Object.keys(outputs));
  return {
    kind: 'output',
    output: outputs[name] as CommandOutput,
    rest,
    whose: `output '${name}' of ${whose}`,
  };
}

/** Follows steps through what was gathered, until they are all taken or lead into a value of its own. */
function findGathered(data: Json, path: Path, whose: string): Found {
  let at = data;
  let where = whose;
  for (let i = 0; ; i += 1) {
    const marked = typeof at === 'object' && at !== null && !isArray(at) ? (at as GatheredMarks) : {};
    if (marked.$output !== undefined)
      return { kind: 'output', output: marked.$output, rest: path.slice(i), whose: where };
    if (marked.$v8 !== undefined)
      return {
        kind: 'value',
        value: readClone(marked as CloneMark),
        rest: path.slice(i),
        whose: where,
      };
    const step = path[i];
    if (step === undefined) return { kind: 'gathered', data: at };
    const parts: unknown = marked.$object === undefined ? at : Object.fromEntries(marked.$object);
    at = follow(parts, [step], where) as Json;
    where += stepText(step);
  }
}

/** A gathered value with every file and every value of structured clone in its place. */
function gatheredText(data: Json, context: ResolveContext): unknown {
  if (typeof data !== 'object' || data === null) return data;
  if (isArray(data)) return data.map((element) => gatheredText(element, context));
  const marked = data as GatheredMarks;
  if (marked.$output !== undefined) return outputText(marked.$output, context);
  if (marked.$file !== undefined) return fileText(userFile({ $file: marked.$file }, context), context);
  if (marked.$v8 !== undefined) return cloneText(marked as CloneMark, context);
  const entries = marked.$object ?? Object.entries(data as { readonly [key: string]: Json });
  return Object.fromEntries(entries.map(([key, member]) => [key, gatheredText(member, context)]));
}

function refText(ref: Ref, context: ResolveContext): unknown {
  const found = findRef(ref, context);
  switch (found.kind) {
    case 'value':
      return filesAgain(follow(found.value, found.rest, found.whose), context);
    case 'outputs':
      return Object.fromEntries(
        Object.entries(found.outputs).map(([name, output]) => [name, outputText(output, context)]),
      );
    case 'gathered':
      return gatheredText(found.data, context);
    case 'output': {
      const { output, rest, whose } = found;
      if (output.type === 'file' && rest.length > 0) {
        throw invalid(`${whose} is a file, and has no parts`, 'declare it with json(...) to take parts of it');
      }
      return follow(outputText(output, context), rest, whose);
    }
  }
}

/** What a function returned, for a command: a file it was given, and gave on, is one again. */
function filesAgain(value: unknown, context: ResolveContext): unknown {
  if (context.files === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly unknown[]).map((element) => filesAgain(element, context));
  const file = returnedFile(value);
  if (file !== undefined) return fileText(file, context);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filesAgain(member, context)]));
}

const SHA256 = /^[0-9a-f]{64}$/;

/** A file as calls are given it: what it is, and where it lies. */
function returnedFile(value: unknown): Located | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'sha256')) return undefined;
  const { sha256, size, name, at } = value as Readonly<Record<string, unknown>>;
  if (typeof sha256 !== 'string' || !SHA256.test(sha256) || typeof at !== 'string') return undefined;
  return typeof size === 'number' && typeof name === 'string' ? { at, file: { sha256, size, name } } : undefined;
}

/** Reads data with refs, each value once, where there is no command that files could be linked for: what a control node is decided by. */
export function dataReader(value: (node: number) => Value | undefined): (data: Json) => unknown {
  const context = resolveContext(value, { project: '', clones: true });
  return (data) => resolveArgument(data, context);
}

/** Reads what a gathered value was written as. */
export function readGathered(data: Json): unknown {
  return gatheredText(
    data,
    resolveContext(() => undefined, { project: '', clones: true }),
  );
}

function outputText(output: CommandOutput, context: ResolveContext): Json {
  return output.type === 'file' ? fileText(placeOf(output), context) : output.value;
}

function placeOf({ at, file }: CommandOutput): Located {
  return { at, file };
}

/** Where a file of the user's lies. */
export function userFile({ $file: path }: FileRef, { project }: ResolveContext): Located {
  return { at: path.startsWith('/') || project === '' ? path : `${project}/${path}` };
}

/**
 * The file a ref leads to, as an input wants it: any declared output is one.
 *
 * @throws {HeddleError} TEMPLATE_INVALID when what is there is no file
 */
export function locateFile(from: Ref | OutputMark, context: ResolveContext): Located {
  if ('$output' in from) return placeOf(from.$output);
  // What an element of a map turns out to be stands where a ref would.
  if (!('$ref' in from)) {
    const element = returnedFile(from);
    if (element !== undefined) return element;
    throw invalid(`an input is no file: ${brief(from)}`, 'take an output of a task');
  }
  const ref = from;
  const found = findRef(ref, context);
  if (found.kind === 'output' && found.rest.length === 0) return placeOf(found.output);
  if (found.kind === 'gathered' && isUserFile(found.data)) return userFile(found.data, context);
  const returned = found.kind === 'value' ? returnedFile(follow(found.value, found.rest, found.whose)) : undefined;
  if (returned !== undefined) return returned;
  throw invalid(
    `an input is taken from ${calledBy(context, ref.$ref[0])}, and what is there is no file`,
    "declare an output with file(...) or json(...), or put the value into the command's text",
  );
}

/** Says whether a task made files at all: one that was only replayed by waiting made none. */
export function madeNothing(ref: Ref | OutputMark, context: ResolveContext): boolean {
  if (!('$ref' in ref)) return false;
  const value = context.value(ref.$ref[0]);
  if (value === undefined) return true;
  const found = context.parsed(ref.$ref[0]);
  return isCommandValue(found) && Object.keys(found.outputs).length === 0;
}

/** Reads each upstream value once, however many refs lead into it. */
export function resolveContext(
  value: (node: number) => Value | undefined,
  options: Pick<ResolveContext, 'project' | 'nameOf' | 'files' | 'clones' | 'secret'>,
): ResolveContext {
  const known = new Map<number, unknown>();
  const parsed = (node: number): unknown => {
    if (!known.has(node)) known.set(node, parseValue(value(node), calledBy(options, node), options.clones === true));
    return known.get(node);
  };
  return { value, parsed, ...options };
}

function parseValue(value: Value | undefined, whose: string, clones: boolean): unknown {
  if (value === undefined) {
    throw invalid(`the value of ${whose} is wanted, and it has none`, 'a data edge is missing from the graph');
  }
  switch (value.codec) {
    case 'json':
      return JSON.parse(value.json);
    case 'v8':
      if (clones) return decodeValue(value);
      throw invalid(`the value of ${whose} is more than JSON can say`, 'return plain data where a command takes it');
  }
}

/** A command's value is told from a call's by its shape, all the way down to the hash of its files. */
function isCommandValue(value: unknown): value is CommandValue {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'outputs')) return false;
  const { outputs } = value as CommandValue;
  if (Object.keys(value).length !== 1 || typeof outputs !== 'object' || outputs === null) return false;
  return Object.values(outputs).every(
    (output) =>
      typeof output === 'object' && output !== null && Object.hasOwn(output, 'file') && Object.hasOwn(output, 'type'),
  );
}

/**
 * What a gather has taken together where there are files in it: data, with the marks of data. A value without files
 * is stored as any other.
 */
export interface GatheredValue {
  readonly $gathered: Json;
}

/** Stands in data where an output of a command is known already: what is gathered, and what is made of it. */
export interface OutputMark {
  readonly $output: CommandOutput;
}

/** The marks in gathered data. */
interface GatheredMarks {
  readonly $output?: CommandOutput;
  readonly $file?: string;
  readonly $v8?: string;
  readonly $object?: readonly (readonly [string, Json])[];
}

function isGathered(value: unknown): value is GatheredValue {
  return (
    typeof value === 'object' && value !== null && Object.hasOwn(value, '$gathered') && Object.keys(value).length === 1
  );
}

function isUserFile(data: Json): data is FileRef & Json {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, '$file');
}

/** @throws {HeddleError} TEMPLATE_INVALID, saying what there is instead */
export function follow(value: unknown, path: Path, whose: string): unknown {
  let at = value;
  let where = whose;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) throw missing(`${where} is ${brief(at)}, and has no '${step}'`, []);
    if (!Object.hasOwn(at, step)) throw missing(`${where} has no '${step}'`, Object.keys(at));
    at = (at as Readonly<Record<string | number, unknown>>)[step];
    where += stepText(step);
  }
  return at;
}

function stepText(step: string | number): string {
  return typeof step === 'number' ? `[${step}]` : `.${step}`;
}

const BRIEF_CHARS = 80;

/** A value in few words, for messages. */
export function brief(value: unknown): string {
  const text = typeof value === 'bigint' || value === undefined ? String(value) : JSON.stringify(value);
  return text.length > BRIEF_CHARS ? `${text.slice(0, BRIEF_CHARS)}...` : text;
}

function missing(message: string, there: readonly string[]): HeddleError {
  const some = there.slice(0, 10).map((name) => `'${name}'`);
  const list =
    some.length === 0 ? 'there is nothing in it' : `there is ${some.join(', ')}${there.length > 10 ? ', ...' : ''}`;
  return invalid(`${message}; ${list}`, 'take a part that is there');
}
