import { type FileValue, HeddleError, type OutputSpec, staysInside } from '../model/index.ts';

/** Where a result is published: a path below the results folder, or made from the task's parameters. */
export type PublishPath = string | ((parameters: never) => string);

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

/** The outputs of one task as data. @throws {HeddleError} INPUT_INVALID for a published path that leaves the results folder */
export function outputSpecs(outputs: Outputs, task: string, parameters: unknown): readonly OutputSpec[] {
  return Object.entries(outputs).map(([name, { type, path, published, temporary }]): OutputSpec => {
    if (published === undefined) return temporary ? { name, path, type, temporary } : { name, path, type };
    const publish = typeof published === 'string' ? published : published(parameters as never);
    if (typeof publish !== 'string' || !staysInside(publish)) {
      throw new HeddleError('INPUT_INVALID', `output '${name}' of '${task}' is published at '${String(publish)}'`, {
        hint: 'give a path below the results folder, without ..',
      });
    }
    return temporary ? { name, path, type, publish, temporary } : { name, path, type, publish };
  });
}
