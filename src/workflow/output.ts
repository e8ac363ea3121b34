import {
  brief,
  type FileValue,
  HeddleError,
  type Json,
  type OutputSpec,
  type OutputTemplate,
  staysInside,
  type Template,
} from '../model/index.ts';
import { type DataScope, toData } from './data.ts';

/** Where a result is published: a path below the results folder, or made from the task's parameters. */
export type PublishPath = string | ((parameters: never) => string | PathTemplate);

/** What a command must leave behind, and what type it has for those who take it. */
export class Output<T> {
  /** Never there: it only carries the type. */
  declare readonly valueType: T;
  readonly type: OutputSpec['type'];
  readonly path: string;
  readonly published: PublishPath | undefined;
  readonly temporary: boolean;

  constructor(type: OutputSpec['type'], path: string, options: FileOptions = {}) {
    this.type = type;
    this.path = path;
    this.published = options.publish;
    this.temporary = options.temporary === true;
  }

  /** Puts it where people look: below the project's results folder. */
  publish(path: PublishPath): Output<T> {
    return new Output<T>(this.type, this.path, { publish: path, temporary: this.temporary });
  }
}

export interface OutputOptions {
  /** Below the project's results folder. */
  readonly publish?: PublishPath;
}

export interface FileOptions extends OutputOptions {
  /**
   * Deleted once every task that takes it is done, and made again when one of them must run again. What the workflow
   * returns, or publishes, stays. @default false
   */
  readonly temporary?: boolean;
}

/** A file that holds JSON; who takes it gets the value. */
export function json<T>(path: string, options: OutputOptions = {}): Output<T> {
  return new Output<T>('json', path, options);
}

/** A file; who takes it finds it linked into its work directory. */
export function file(path: string, options: FileOptions = {}): Output<FileValue> {
  return new Output<FileValue>('file', path, options);
}

/** A file that holds text; who takes it gets the text. */
export function text(path: string, options: OutputOptions = {}): Output<string> {
  return new Output<string>('text', path, options);
}

export type Outputs = Readonly<Record<string, Output<unknown>>>;

/** The type of the value behind an output. */
export type OutputType<O> = O extends Output<infer T> ? T : never;

/** Names in the work directory that are the engine's. */
export const RESERVED_PATHS: ReadonlySet<string> = new Set([
  'inputs',
  'stdout',
  'stderr',
  'claim',
  'command.sh',
  'started.json',
  'exit.json',
  'fenced',
]);

/** Members of every handle, and names JavaScript gives a meaning of its own. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'named',
  'after',
  'on',
  'then',
  'toJSON',
  'constructor',
  '__proto__',
]);

/** @throws {HeddleError} INPUT_INVALID, naming task and output */
export function checkOutputs(task: string, outputs: Outputs): void {
  const byPath = new Map<string, string>();
  for (const [name, { path }] of Object.entries(outputs)) {
    const refuse = (why: string, hint: string): HeddleError =>
      new HeddleError('INPUT_INVALID', `output '${name}' of '${task}' ${why}`, {
        details: { task, output: name, path },
        hint,
      });
    if (name === '' || RESERVED_NAMES.has(name) || name in Object.prototype) {
      throw refuse("can't have that name", 'it means something on every handle: choose another name');
    }
    if (!staysInside(path)) throw refuse(`has the path '${path}'`, 'give a path below the work directory, without ..');
    if (RESERVED_PATHS.has(path.split('/')[0] as string)) {
      throw refuse(`has the path '${path}'`, "that name in the work directory is the engine's: choose another");
    }
    const other = byPath.get(path);
    if (other !== undefined) throw refuse(`has the path of output '${other}'`, 'give each output a file of its own');
    byPath.set(path, name);
  }
}

/** Whose outputs they are: what it was called with, and where. */
export interface OutputContext {
  readonly task: string;
  readonly parameters: unknown;
  readonly scope: DataScope;
}

/**
 * The outputs of one task as data.
 *
 * @throws {HeddleError} INPUT_INVALID for a published path that leaves the results folder, or would be that of many jobs
 */
export function outputSpecs(outputs: Outputs, context: OutputContext): readonly OutputTemplate[] {
  return Object.entries(outputs).map(([name, { type, path, published, temporary }]): OutputTemplate => {
    const publish = published === undefined ? {} : { publish: publishData(name, published, context) };
    return { name, path, type, ...publish, ...(temporary ? { temporary } : {}) };
  });
}

function publishData(
  output: string,
  published: PublishPath,
  { task, parameters, scope }: OutputContext,
): string | Template {
  const publish: unknown = typeof published === 'string' ? published : published(parameters as never);
  const whose = `output '${output}' of '${task}'`;
  const template = publish instanceof PathTemplate ? templateData(publish, scope, whose) : undefined;
  const path = template === undefined ? publish : plainPath(template);
  if (path === undefined) return checkRepeated(template as Template, scope, whose);
  if (typeof path !== 'string' || !staysInside(path)) {
    throw new HeddleError(
      'INPUT_INVALID',
      `${whose} is published at ${typeof path === 'string' ? `'${path}'` : brief(path)}`,
      {
        hint: 'give a path below the results folder, without ..',
      },
    );
  }
  checkRepeated([path], scope, whose);
  return path;
}

function templateData({ pieces }: PathTemplate, scope: DataScope, whose: string): Template {
  return pieces
    .filter((piece) => piece !== '')
    .map((piece) =>
      typeof piece === 'string' ? piece : { value: toData(piece.value, scope, `where ${whose} is published`) },
    );
}

/** The path, where it depends on nothing that is still to come. */
function plainPath(template: Template): string | undefined {
  let path = '';
  for (const part of template) {
    const value = typeof part === 'string' ? part : 'value' in part ? part.value : part.raw;
    if (typeof value === 'object' && value !== null) return undefined;
    path += String(value);
  }
  return path;
}

/** Of a body that is there many times, a path must depend on whose instance it is. */
function checkRepeated(template: Template, { recorder }: DataScope, whose: string): Template {
  const depth = recorder.repeatsAt();
  if (depth === undefined || holdsHole(template as unknown as Json, depth)) return template;
  throw new HeddleError(
    'GRAPH_INVALID',
    `a scatter whose outputs share a name: every instance publishes ${whose} there`,
    {
      hint: 'publish where the element says: .publish((p) => pathOf`runs/${p.id}/energy.json`)',
    },
  );
}

/** A hole that is filled differently in each instance: of this body, or of one inside of the one that repeats. */
function holdsHole(data: Json, depth: number): boolean {
  if (typeof data !== 'object' || data === null) return false;
  if (!Array.isArray(data) && '$hole' in data) return (data['$hole'] as readonly [number])[0] <= depth;
  return Object.values(data).some((member) => holdsHole(member as Json, depth));
}

/** A path with values in it that are known when the task starts, as `` pathOf`...` `` makes it. */
export class PathTemplate {
  readonly pieces: readonly (string | { readonly value: unknown })[];

  constructor(pieces: PathTemplate['pieces']) {
    this.pieces = pieces;
  }
}

/**
 * A path made of values that may be known only when the task starts.
 *
 * @example
 * json<Energy>('energy.json').publish((p) => pathOf`runs/${p.temperature}/energy.json`)
 */
export function pathOf(strings: TemplateStringsArray, ...values: readonly unknown[]): PathTemplate {
  return new PathTemplate(
    strings.flatMap((text, i): PathTemplate['pieces'] => (i < values.length ? [text, { value: values[i] }] : [text])),
  );
}
