import { lstatSync, readdirSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import {
  claimPublished,
  type FileHasher,
  type FileIdentity,
  isInside,
  type Publisher,
  publishFile,
  safeRelativePath,
} from '../../files/index.ts';
import {
  asError,
  type CommandOutput,
  HeddleError,
  type Json,
  MAX_VALUE_BYTES,
  type Outcome,
  type OutputSpec,
  type Value,
} from '../../model/index.ts';

/** What is collected, and where it goes. */
export interface Collection {
  /** The attempt's directory. */
  readonly directory: string;
  readonly outputs: readonly OutputSpec[];
  readonly store: string;
  readonly project: string;
  /** Makes temporary names of this attempt its own. */
  readonly tag: string;
  readonly hasher: FileHasher;
}

/** The value of a command that declares nothing. */
export const EMPTY_VALUE: Value = { codec: 'json', json: '{"outputs":{}}' };

/**
 * Judges what a command that ended well left behind: every declared output there, inside the directory, steady and
 * readable; hashed, parsed when it is `json` or `text`, published when that was asked for. All are looked at before
 * the first is published. Failures of the work are outcomes; what is broken here is thrown.
 */
export async function collectOutputs(collection: Collection): Promise<Outcome> {
  const { outputs } = collection;
  if (outputs.length === 0) return { kind: 'ok', value: EMPTY_VALUE };
  try {
    const missing = outputs.filter((spec) => find(collection, spec) === undefined);
    if (missing.length > 0) return outputMissing(collection, missing);
    const found: [string, CommandOutput][] = [];
    for (const spec of outputs) found.push([spec.name, await collect(collection, spec)]);
    await publish(collection);
    return { kind: 'ok', value: { codec: 'json', json: JSON.stringify({ outputs: Object.fromEntries(found) }) } };
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    const { name, message, code, hint } = error;
    return { kind: 'error', error: { name, message, code, ...(hint === undefined ? {} : { hint }) } };
  }
}

/**
 * Looks for an output. A network file system may still answer "not there" from its memory; reading the directory
 * anew makes it ask the server, so a file that is there is found without waiting.
 */
function find({ directory }: Collection, spec: OutputSpec): Stats | undefined {
  const path = join(directory, safeRelativePath(spec.path, `output '${spec.name}'`));
  const look = (): Stats | undefined => {
    try {
      return lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      // A parent that is a file: not there either.
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
      throw error;
    }
  };
  const first = look();
  if (first !== undefined) return first;
  try {
    if (!readdirSync(dirname(path)).includes(basename(path))) return undefined;
  } catch {
    return undefined;
  }
  return look();
}

function outputMissing({ directory }: Collection, missing: readonly OutputSpec[]): Outcome {
  const paths = missing.map((spec) => spec.path);
  const there = readdirSync(directory).filter((name) => !OURS.has(name));
  const note =
    there.length === 0
      ? 'the command left no file at all'
      : `it left ${there.slice(0, 10).join(', ')}${there.length > 10 ? ', ...' : ''}`;
  return { kind: 'output-missing', missing: paths, note };
}

const OURS = new Set(['claim', 'command.sh', 'exit.json', 'fenced', 'inputs', 'stderr', 'stdout']);

async function collect(collection: Collection, spec: OutputSpec): Promise<CommandOutput> {
  const { directory, store, hasher } = collection;
  const path = join(directory, safeRelativePath(spec.path, `output '${spec.name}'`));
  const real = insideOnly(path, collection, spec);
  const identity: FileIdentity | { readonly unsteady: true } = hasher.hashSmall(real) ?? (await hasher.hash(real));
  if ('unsteady' in identity) throw refused(spec, 'changes while it is read: something still writes it');
  const file = { ...identity, name: basename(spec.path) };
  const at = placeOf(path, store);
  switch (spec.type) {
    case 'file':
      return { type: 'file', file, at };
    case 'text':
      return { type: 'text', value: readText(real, spec, identity.size), file, at };
    case 'json':
      return { type: 'json', value: parseJson(readText(real, spec, identity.size), spec), file, at };
  }
}

/** The real path of an output, which must lie in the attempt's own directory and be a file. */
function insideOnly(path: string, { directory }: Collection, spec: OutputSpec): string {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw refused(spec, `is a link to nothing (${asError(error).message})`);
  }
  if (!isInside(real, directory)) throw refused(spec, `is a link to '${real}', outside the work directory`);
  if (!lstatSync(real).isFile()) throw refused(spec, 'is no file');
  return real;
}

function readText(path: string, spec: OutputSpec, size: number): string {
  if (size > MAX_VALUE_BYTES) {
    throw new HeddleError('VALUE_TOO_LARGE', `output '${spec.name}' ('${spec.path}') has ${size} bytes`, {
      hint: `declare it as a file; a ${spec.type} output ends at ${MAX_VALUE_BYTES} bytes`,
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(readFileSync(path));
  } catch {
    throw refused(spec, 'is no UTF-8 text');
  }
}

function parseJson(text: string, spec: OutputSpec): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw refused(spec, `is no JSON: ${asError(error).message}`);
  }
}

async function publish({ directory, outputs, store, project, tag }: Collection): Promise<void> {
  const paths = outputs.flatMap(({ publish: path }) => path ?? []);
  if (paths.length === 0) return;
  const publisher = publisherOf(directory, store);
  if (publisher !== undefined) claimPublished(publisher, paths);
  for (const spec of outputs) {
    if (spec.publish === undefined) continue;
    const from = realpathSync(join(directory, spec.path));
    await publishFile(from, { root: join(project, 'results'), path: spec.publish, tag });
  }
}

/** `work/<run>/<shard>/<name>-<index>.<fence>`, below the store. */
const ATTEMPT = /^(work\/[^/]+)\/\d+\/(.+)\.\d+$/;

/** Whose attempt works in a directory; undefined outside a store's own. */
function publisherOf(directory: string, store: string): Publisher | undefined {
  const [, folder, job] = store === '' ? [] : (ATTEMPT.exec(relative(store, directory)) ?? []);
  return folder === undefined || job === undefined ? undefined : { folder: join(store, folder), job };
}

function refused(spec: OutputSpec, why: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `output '${spec.name}' ('${spec.path}') ${why}`);
}

/** A path as it is kept: relative to the store where it lies in there, so that the store can be moved. */
function placeOf(path: string, store: string): string {
  return store !== '' && path.startsWith(store + sep) ? relative(store, path) : path;
}
