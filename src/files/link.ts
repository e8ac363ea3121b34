import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HeddleError } from '../model/index.ts';
import { safeRelativePath } from './safe-path.ts';

/** One file that is wanted under a name. */
export interface LinkedFile {
  /** Below the directory; may have folders in it. */
  readonly name: string;
  /** Absolute. */
  readonly at: string;
}

/**
 * Links files into a directory under their names. All names are looked at before the first link is made.
 *
 * @throws {HeddleError} INPUT_INVALID for a name that leaves the directory or comes twice, FILE_NOT_FOUND when there
 * is nothing to link to
 */
export function linkFiles(directory: string, files: readonly LinkedFile[]): void {
  if (files.length === 0) return;
  const taken = new Set<string>();
  const plain = files.map(({ name, at }) => {
    const path = safeRelativePath(name, `input '${name}'`);
    if (taken.has(path)) throw new HeddleError('INPUT_INVALID', `two inputs have the name '${path}'`);
    taken.add(path);
    return { path, at };
  });
  for (const { path } of plain) {
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      if (taken.has(parent)) {
        throw new HeddleError('INPUT_INVALID', `input '${parent}' is a file and the folder of input '${path}' at once`);
      }
    }
  }
  mkdirSync(directory, { recursive: true });
  for (const { path, at } of plain) {
    if (statSync(at, { throwIfNoEntry: false }) === undefined) {
      throw new HeddleError('FILE_NOT_FOUND', `input '${path}' is not there: '${at}'`, {
        hint: "put it there, or correct the path: a relative one starts at the project's directory",
      });
    }
    const link = join(directory, path);
    if (dirname(path) !== '.') mkdirSync(dirname(link), { recursive: true });
    symlinkSync(at, link);
  }
}
