import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { type FileValue, HeddleError } from '../model/lane-face.ts';
import { currentCall } from './context.ts';

/** A file value as calls get it: beside what the file is, where it lay when it was made. */
interface FoundFile extends Partial<FileValue> {
  /** Relative to the store's directory when inside it, else absolute. */
  readonly at?: unknown;
}

/**
 * Where a file lies that a call was given, absolute: an output of a command, or the user's own. It is there to be read: others
 * may take the same file.
 *
 * Outside of a call, such as for a file in the result of a run, name the store's directory.
 *
 * @throws {HeddleError} INPUT_INVALID for what is no file, FILE_NOT_FOUND when it is gone, or no longer as large as it was
 *
 * @example
 * export const countLines = task('count-lines', (reads: FileValue) => readFileSync(filePath(reads), 'utf8').split('\n').length)
 */
export function filePath(file: FileValue, store?: string): string {
  const { at, name, size } = fileOf(file);
  const path = isAbsolute(at) ? at : join(storeOf(at, store), at);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) {
    throw new HeddleError('FILE_NOT_FOUND', `the file '${name ?? path}' is no longer at '${path}'`, {
      hint: 'a temporary output goes when those it was declared for are done, others by heddle clean; run again what made it',
    });
  }
  if (size !== undefined && there.size !== size) {
    throw new HeddleError('FILE_NOT_FOUND', `'${path}' has ${there.size} bytes, and had ${size} when it was made`, {
      hint: 'somebody has changed it; run again what made it',
    });
  }
  return path;
}

function fileOf(file: FoundFile): FoundFile & { readonly at: string } {
  const at: unknown = typeof file === 'object' && file !== null ? file.at : undefined;
  if (typeof at === 'string') return { ...file, at };
  throw new HeddleError('INPUT_INVALID', `filePath() wants a file, not ${JSON.stringify(file) ?? typeof file}`, {
    hint: 'give it an output declared with file(...), or input(...), as the task was given it',
  });
}

function storeOf(at: string, store: string | undefined): string {
  const found = store ?? currentCall()?.facts.store ?? '';
  if (found !== '') return found;
  throw new HeddleError('INPUT_INVALID', `'${at}' lies in a store, and nothing says where that is`, {
    hint: "call filePath() in the function a task runs, or name the store: filePath(file, '.heddle')",
  });
}
