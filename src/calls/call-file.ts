import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type CallReference, decodeData, HeddleError, type Json, type SerializedError } from '../model/index.ts';
import { reviveError } from './error-data.ts';

/** A call as a file. Fields may be added, never renamed. */
export interface CallFile {
  readonly format: 'heddle-call/1';
  /** A module that is `./path` lies below the project. */
  readonly call: CallReference;
  /** As in a call's payload, without refs: data, and `$v8`, `$map`, `$set`, `$object` for what JSON has no words for. */
  readonly args: readonly Json[];
  /** Where modules and packages are looked for; absent: the working directory. */
  readonly project?: string;
  /** Where `filePath()` starts for files that lie in a store; from the working directory. */
  readonly store?: string;
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
  const { format, call, args, project, store, environment } = readObject(file, 'a call');
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
    ...(typeof store === 'string' ? { store } : {}),
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
