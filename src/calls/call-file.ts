import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CallReference, decodeData, HeddleError, type Json, type SerializedError } from '../model/index.ts';
import { portableReference } from './portable.ts';
import { referenceTo } from './describe-function.ts';
import { encodeArguments } from './encode-arguments.ts';
import { reviveError } from './error-data.ts';
import type { AnyFunction } from './local-functions.ts';

/** A call as a file. Fields may be added, never renamed. */
export interface CallFile {
  readonly format: 'heddle-call/1';
  /** A module that is `./path` lies below the project. */
  readonly call: CallReference;
  /** As in a call's payload, without refs: data, and `$v8`, `$map`, `$set`, `$object` for what JSON has no words for. */
  readonly args: readonly Json[];
  /** Where modules and packages are looked for; absent: the working directory. */
  readonly project?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** What became of a call, as a file: its value, written as arguments are, or its error. */
export type ResultFile = {
  readonly format: 'heddle-result/1';
  /** The working directory of the call, absolute. */
  readonly directory: string;
  /** Epoch milliseconds. */
  readonly started: number;
  readonly ended: number;
} & ResultContent;

export type ResultContent = { readonly value: Json } | { readonly error: SerializedError };

/** How a call is written as a command. */
export interface CallCommandOptions {
  /** Where the call is written, and its result will be; it has to be there. */
  readonly directory: string;
  /** The files are `<label>-call.json` and `<label>-result.json`. @default the function's name, and a number if taken */
  readonly label?: string;
  /** Modules below it are named from there, so that the project can lie elsewhere where the command runs. */
  readonly project?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** How heddle is called where the command runs. @default this very heddle, by this Node */
  readonly heddle?: readonly string[];
}

/** A call as a command line, and its two files. */
export interface CallCommand {
  readonly argv: readonly string[];
  readonly callFile: string;
  /** Written by the command, whole or not at all. */
  readonly resultFile: string;
}

/**
 * Writes a call down as one command, which can run on any host that has heddle and the function's module: `heddle exec CALL
 * RESULT`. Its result is read by `readCallResult`.
 *
 * @example
 * const call = functionCallToCommand(relax, [system, 300], { directory: 'calls' });
 * spawnSync(call.argv[0], call.argv.slice(1));
 * const relaxed = await readCallResult(call.resultFile);
 *
 * @throws {HeddleError} FUNCTION_CANNOT_TRAVEL, VALUE_INVALID
 */
export function functionCallToCommand<Arguments extends readonly unknown[]>(
  fn: (...parameters: Arguments) => unknown,
  args: Arguments,
  { directory, label, project, environment, heddle = ownHeddle() }: CallCommandOptions,
): CallCommand {
  const reference = referenceTo(fn as AnyFunction);
  const call: CallFile = {
    format: 'heddle-call/1',
    call: project === undefined ? reference : portableReference(reference, project),
    args: encodeArguments(args, () => undefined) as readonly Json[],
    ...(environment === undefined ? {} : { environment }),
  };
  const stem = join(resolve(directory), label ?? freeLabel(resolve(directory), fn.name || 'call'));
  const [callFile, resultFile] = [`${stem}-call.json`, `${stem}-result.json`];
  // What an earlier call of the same label left is not this one's.
  rmSync(resultFile, { force: true });
  writeWhole(callFile, call);
  return { argv: [...heddle, 'exec', callFile, resultFile], callFile, resultFile };
}

/** The same heddle again. Running from its sources it has to say so: an older build may lie beside them. */
export function ownHeddle(): readonly string[] {
  const command = [process.execPath, fileURLToPath(new URL('../../bin/heddle.cjs', import.meta.url))];
  return import.meta.url.endsWith('.ts') ? ['env', 'HEDDLE_SOURCE=1', ...command] : command;
}

function freeLabel(directory: string, name: string): string {
  const label = name.replaceAll(/[^\w.-]/g, '_');
  for (let k = 1; ; k += 1) {
    const candidate = k === 1 ? label : `${label}-${k}`;
    if (!existsSync(join(directory, `${candidate}-call.json`))) return candidate;
  }
}

/** Writes a file whole or not at all: to a name beside it first. */
export function writeWhole(file: string, content: CallFile | ResultFile): void {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}`);
  try {
    writeFileSync(temporary, `${JSON.stringify(content)}\n`);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Reads a call that was written as a file.
 *
 * @throws {HeddleError} FILE_NOT_FOUND, INPUT_INVALID when it is no call
 */
export function readCallFile(file: string): CallFile {
  const { format, call, args, project, environment } = readObject(file, 'a call');
  if (format !== 'heddle-call/1') throw wrong(file, `its 'format' is ${JSON.stringify(format)}, not 'heddle-call/1'`);
  if (!isRecord(call) || typeof call['kind'] !== 'string') throw wrong(file, "its 'call' names no function");
  if (call['kind'] === 'local') throw wrong(file, 'its function was held in the memory of another process');
  if (!Array.isArray(args)) throw wrong(file, "its 'args' are no list");
  if (project !== undefined && typeof project !== 'string') throw wrong(file, "its 'project' is no path");
  if (environment !== undefined && !isEnvironment(environment)) {
    throw wrong(file, "its 'environment' is no object of texts");
  }
  return {
    format,
    call: call as CallReference,
    args: args as readonly Json[],
    ...(project === undefined ? {} : { project }),
    ...(environment === undefined ? {} : { environment }),
  };
}

/**
 * The value of a call that `heddle exec` has made.
 *
 * @throws what the function threw; {HeddleError} FILE_NOT_FOUND when there is no result (yet), INPUT_INVALID when the file is none
 */
export async function readCallResult(file: string): Promise<unknown> {
  const result = readObject(file, 'a result');
  if (result['format'] !== 'heddle-result/1') {
    throw wrong(file, `its 'format' is ${JSON.stringify(result['format'])}, not 'heddle-result/1'`);
  }
  if (isRecord(result['error'])) throw reviveError(result['error'] as unknown as SerializedError);
  if (!Object.hasOwn(result, 'value')) throw wrong(file, "it has neither 'value' nor 'error'");
  return decodeData(result['value'] as Json);
}

function readObject(file: string, what: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HeddleError('FILE_NOT_FOUND', `${what} is wanted at '${file}', and nothing can be read there`, {
      cause,
      hint: 'a result is there when its command has ended, and was not killed',
    });
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw wrong(file, 'it is no JSON', cause);
  }
  if (!isRecord(data)) throw wrong(file, 'it is no object');
  return data;
}

function wrong(file: string, why: string, cause?: unknown): HeddleError {
  return new HeddleError('INPUT_INVALID', `'${file}' can't be used: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'functionCallToCommand(fn, args, { directory }) writes calls, and `heddle exec CALL RESULT` results',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEnvironment(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}
