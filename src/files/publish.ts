import { constants, copyFileSync, mkdirSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HeddleError } from '../model/index.ts';
import { isInside, safeRelativePath } from './safe-path.ts';

const SMALL_BYTES = 1024 * 1024;

/** Where a file is wanted, below a directory. */
export interface Publication {
  /** The directory it must not leave, by real path; made when it is not there. */
  readonly root: string;
  /** Below the root. */
  readonly path: string;
  /** Tells temporary names of concurrent publications apart. */
  readonly tag: string;
}

/**
 * Copies a file to where people look for it: whole or not at all (a temporary name, then a rename), sharing blocks
 * where the file system can. What was there under the name is replaced.
 *
 * @throws {HeddleError} INPUT_INVALID when it would leave the root, through `..` or through a link
 */
export async function publishFile(from: string, { root, path, tag }: Publication): Promise<void> {
  const target = join(root, safeRelativePath(path, 'a published file'));
  const directory = dirname(target);
  mkdirSync(root, { recursive: true });
  makeBelow(root, directory);
  const temporary = join(directory, `.${basename(target)}.${tag}`);
  try {
    // A clone of blocks where the file system can, else a plain copy. A small one is not worth a thread's round trip.
    if (statSync(from).size <= SMALL_BYTES) copyFileSync(from, temporary, constants.COPYFILE_FICLONE);
    else await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Makes a directory below the root, looking at every step that no link leads out of it. */
function makeBelow(root: string, directory: string): void {
  if (directory === root) return;
  makeBelow(root, dirname(directory));
  mkdirSync(directory, { recursive: true });
  if (isInside(realpathSync(directory), root)) return;
  throw new HeddleError('INPUT_INVALID', `'${directory}' leads out of '${root}' through a link`, {
    hint: 'remove the link, or publish elsewhere',
  });
}
