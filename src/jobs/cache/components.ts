import { hash } from 'node:crypto';
import { encodeArguments } from '../../calls/index.ts';
import {
  type CallPayload,
  type CallReference,
  canonicalJson,
  type Definition,
  type Json,
  locateCall,
  type OutputSpec,
  type Payload,
  type ResolvedCall,
  resolveWork,
  type SecretData,
  secretText,
  splitEnvironment,
  type ResolvedWork,
  type Value,
} from '../../model/index.ts';
import type { CodeBook } from './code-book.ts';

/** Part of every fingerprint: raised when what goes into them changes, so that old ones match nothing. */
const VERSION = 'heddle 2';
/** Longer texts stand in components as their hash. */
const TEXT_SHOWN = 80;
const COMMAND_SHOWN = 400;
/** An object with more members is one component. */
const MEMBERS_APART = 64;
/** Stands where a file lies, so that places are no part of what a task is. No path has a NUL. */
const USER_FILE = '/\0file/';
const MADE_FILE = '/\0made/';

/** A job that is ready, as far as its fingerprint goes. */
export interface ReadyTask {
  readonly definition: Pick<Definition, 'name' | 'kind' | 'environment' | 'container'>;
  /** JSON of the payload; '' for none. */
  readonly payload: string;
  /** Of the container's image; absent: it is not known, and neither is then what a job in a container is. */
  readonly imageDigest?: string | undefined;
}

/** An output of another job that is a file this one takes. */
export interface FileUse {
  readonly node: number;
  readonly output: string;
}

/** What a job is made of. */
export interface Described {
  readonly fingerprint: string;
  readonly base: string;
  /** JSON: text by name, in order. */
  readonly components: string;
  readonly uses: readonly FileUse[];
}

/** A job's work with the places of files left out, and which of the user's files it takes. */
export interface Placeless {
  readonly work: ResolvedWork;
  /** As they are written: from the project, or absolute. */
  readonly userFiles: readonly string[];
  readonly uses: readonly FileUse[];
}

/**
 * Renders the work of a job with places left out.
 *
 * @throws {HeddleError} TEMPLATE_INVALID, as the job itself will when it starts
 */
export function withoutPlaces(
  { definition, payload }: ReadyTask,
  { value, project }: { readonly value: (node: number) => Value | undefined; readonly project: string },
): Placeless {
  const { kind, environment } = definition;
  const marked = payload.includes('"$file"') ? payload.replaceAll('"$file":"', '"$file":"/\\u0000file/') : payload;
  const work = resolveWork(
    {
      kind: kind === 'command' ? 'command' : 'call',
      payload: marked,
      environment,
      value: (node) => unplaced(value(node), node),
    },
    project,
  );
  const files = new FileMentions();
  if (work.kind === 'command') for (const { at } of work.inputs) files.meet(at);
  else if (payload.includes('"$')) for (const argument of work.args) files.search(argument);
  return { work, userFiles: [...files.user], uses: [...files.made.values()] };
}

/** The outputs of a command, each said to lie where nothing does. */
function unplaced(value: Value | undefined, node: number): Value | undefined {
  if (value?.codec !== 'json' || !value.json.startsWith('{"outputs":{"')) return value;
  const parsed = JSON.parse(value.json) as { outputs: Record<string, { at?: string; file?: unknown }> };
  if (Object.keys(parsed).length !== 1) return value;
  for (const [name, output] of Object.entries(parsed.outputs)) {
    if (typeof output?.at === 'string' && typeof output.file === 'object') output.at = `${MADE_FILE}${node}/${name}`;
  }
  return { codec: 'json', json: JSON.stringify(parsed) };
}

class FileMentions {
  readonly user: Set<string> = new Set();
  readonly made: Map<string, FileUse> = new Map();

  meet(at: string): void {
    if (at.startsWith(USER_FILE)) this.user.add(at.slice(USER_FILE.length));
    else if (at.startsWith(MADE_FILE)) {
      const [node = '', ...output] = at.slice(MADE_FILE.length).split('/');
      this.made.set(at, { node: Number(node), output: output.join('/') });
    }
  }

  search(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) for (const element of value) this.search(element);
    else if (value instanceof Map) for (const entry of value) this.search(entry);
    else if (value instanceof Set) for (const member of value) this.search(member);
    else {
      const { at } = value as { readonly at?: unknown };
      if (typeof at === 'string') this.meet(at);
      for (const member of Object.values(value)) this.search(member);
    }
  }
}

/** What else must be known. */
export interface DescribeContext {
  readonly code: CodeBook;
  /** sha256 of a user's file, by its path as it is written; undefined: not known. */
  readonly hashOf: (path: string) => string | undefined;
}

/**
 * What one task is, component by component, and their sha256: its name; of a call the code of its function and of all that
 * imports, and its arguments; of a command its rendered text and declared outputs; its inputs by content, its
 * environment, its image. Never where it lies or runs, what it may use, nor its run. Undefined when the content of an
 * input or the code of a function is not known.
 */
export function describeTask(task: ReadyTask, placeless: Placeless, context: DescribeContext): Described | undefined {
  const { work, uses } = placeless;
  const fixed = fixedParts(task, work, context.code);
  const given = work.kind === 'call' ? argumentParts(work, context) : inputParts(work, context);
  if (fixed === undefined || given === undefined) return undefined;
  const { base, json } = baseOf(fixed);
  let components = json.slice(0, -1);
  for (const [name, text] of given) components += `,${JSON.stringify(name)}:${JSON.stringify(text)}`;
  components += '}';
  return { fingerprint: hash('sha256', `${VERSION}\n${components}`), base, components, uses };
}

/**
 * Of a job whose inputs are not known yet, what is: an earlier result with another base can't be its own. Undefined when
 * the code of its function is not known.
 */
export function describeBase(
  task: ReadyTask,
  code: CodeBook,
  project: string,
): Pick<Described, 'base' | 'components'> | undefined {
  const { payload, definition } = task;
  const parsed = payload === '' ? NOOP : (JSON.parse(payload) as Payload);
  const variables = splitEnvironment({ ...definition.environment, ...('call' in parsed ? {} : parsed.environment) });
  const work: FixedWork =
    'call' in parsed
      ? { kind: 'call', call: locateCall(parsed.call, project), stream: parsed.stream, ...variables }
      : { kind: 'command', outputs: parsed.outputs ?? [], ...variables };
  const fixed = fixedParts(task, work, code);
  if (fixed === undefined) return undefined;
  const { base, json } = baseOf(fixed);
  return { base, components: json };
}

const NOOP: CallPayload = { call: { kind: 'builtin', name: 'noop' }, args: [] };

/** Fixed components as JSON, and their hash: jobs of one task nearly always have the same, one after the other. */
function baseOf(fixed: Parts): { readonly base: string; readonly json: string } {
  const json = `{${fixed.map(([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)}`).join()}}`;
  if (latest.json !== json) latest = { json, base: hash('sha256', `${VERSION} base\n${json}`) };
  return latest;
}

let latest = { json: '', base: '' };

/** What of a job's work is known before its inputs are. */
type FixedWork = {
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, SecretData>>;
} & (
  | { readonly kind: 'call'; readonly call: CallReference; readonly stream?: true | undefined }
  | { readonly kind: 'command'; readonly outputs: readonly Omit<OutputSpec, 'publish'>[] }
);

/** Components by name. */
type Parts = readonly (readonly [string, string])[];

function fixedParts({ definition, imageDigest }: ReadyTask, work: FixedWork, code: CodeBook): Parts | undefined {
  const parts: [string, string][] = [['task', `${definition.kind} ${definition.name}`]];
  if (work.kind === 'call') {
    const called = code.code(work.call);
    if (called === undefined) return undefined;
    // The value of a generator is what it returns when it streams, else the list of what it yields.
    parts.push(['function', `${called.what}${work.stream === true ? ', streamed' : ''}`], ['code', called.hash]);
  } else {
    for (const { name, path, type } of byName(work.outputs)) parts.push([`output ${name}`, `${type} ${path}`]);
  }
  for (const [name, text] of variableTexts(work)) parts.push([`environment ${name}`, text]);
  if (imageDigest !== undefined) parts.push(['image', imageDigest]);
  else if (isContained(definition)) return undefined;
  return parts;
}

/** What it runs in is an image, whose digest is part of what it is. */
export function isContained({ container }: ReadyTask['definition']): boolean {
  return container !== undefined && container.image !== '';
}

/** Of a secret where it is read is what counts: another value of it is no other task. */
function variableTexts({ environment = {}, secrets = {} }: FixedWork): readonly (readonly [string, string])[] {
  const plain = Object.entries(environment).map(([name, value]) => [name, hashed(value)] as const);
  const secret = Object.entries(secrets).map(([name, from]) => [name, secretText(from)] as const);
  return [...plain, ...secret].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Whether a component comes with the inputs: it is no part of a base. */
export function comesWithInputs(component: string): boolean {
  return /^(?:arguments$|argument |command$|input )/.test(component);
}

function byName<Named extends { readonly name: string }>(all: readonly Named[]): readonly Named[] {
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function argumentParts(work: ResolvedCall, { hashOf }: DescribeContext): Parts | undefined {
  const args = encodeArguments(work.args, () => undefined) as readonly Json[];
  const parts: [string, string][] = [];
  let shape = '';
  for (const [i, raw] of args.entries()) {
    const argument = contentOf(raw, hashOf);
    if (argument === undefined) return undefined;
    const members = membersOf(argument);
    shape += members === undefined ? 'v' : 'o';
    const prefix = args.length === 1 ? '' : `${i + 1}.`;
    if (members === undefined) parts.push([`argument ${i + 1}`, shown(canonicalJson(argument))]);
    else for (const [key, member] of members) parts.push([`argument ${prefix}${key}`, shown(canonicalJson(member))]);
  }
  return [['arguments', shape], ...parts];
}

/** The members of an argument that is a plain object, in order: each is a component of its own. */
function membersOf(argument: Json): readonly (readonly [string, Json])[] | undefined {
  if (typeof argument !== 'object' || argument === null || Array.isArray(argument) || isFile(argument))
    return undefined;
  const entries = Object.entries(argument as Readonly<Record<string, Json>>);
  if (entries.length > MEMBERS_APART || entries.some(([key]) => key.startsWith('$'))) return undefined;
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A value with files as what they hold. Undefined when that is not known. */
function contentOf(value: Json, hashOf: (path: string) => string | undefined): Json | undefined {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const elements: Json[] = [];
    for (const element of value as readonly Json[]) {
      const content = contentOf(element, hashOf);
      if (content === undefined) return undefined;
      elements.push(content);
    }
    return elements;
  }
  const record = value as Readonly<Record<string, Json>>;
  if (isFile(record))
    return { sha256: record['sha256'] as Json, size: record['size'] as Json, name: record['name'] as Json };
  const { at } = record;
  if (typeof at === 'string' && at.startsWith(USER_FILE)) {
    const path = at.slice(USER_FILE.length);
    const sha256 = hashOf(path);
    return sha256 === undefined ? undefined : { sha256, name: path.slice(path.lastIndexOf('/') + 1) };
  }
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(record)) {
    const content = contentOf(member, hashOf);
    if (content === undefined) return undefined;
    members.push([key, content]);
  }
  return Object.fromEntries(members);
}

/** A file as a value, with where it lies. */
function isFile(value: object): boolean {
  const { sha256, size, name } = value as Readonly<Record<string, unknown>>;
  return typeof sha256 === 'string' && typeof size === 'number' && typeof name === 'string';
}

function inputParts(work: Extract<ResolvedWork, { kind: 'command' }>, { hashOf }: DescribeContext): Parts | undefined {
  const text = work.argv === undefined ? `sh ${work.text}` : `argv ${JSON.stringify(work.argv)}`;
  const parts: [string, string][] = [['command', text.length > COMMAND_SHOWN ? hashed(text) : text]];
  for (const { name, at, sha256 } of byName(work.inputs)) {
    const content = sha256 ?? hashOf(at.slice(USER_FILE.length));
    if (content === undefined) return undefined;
    parts.push([`input ${name}`, `#${content}`]);
  }
  return parts;
}

function shown(text: string): string {
  return text.length > TEXT_SHOWN ? hashed(text) : text;
}

function hashed(text: string): string {
  return `#${hash('sha256', text)}`;
}
