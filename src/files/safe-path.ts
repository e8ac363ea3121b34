import { realpathSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { HeddleError } from '../model/index.ts';

/**
 * Takes a path that must stay below a directory, and gives it in its plain form.
 * `what` names it in the message: `output 'energy'`.
 *
 * @throws {HeddleError} INPUT_INVALID when it is empty, absolute, holds a NUL, or leaves the directory
 */
export function safeRelativePath(path: string, what: string): string {
  const plain = normalize(path);
  const bad =
    path === '' || path.includes('\0') || isAbsolute(path) || plain === '.' || plain.split(sep).includes('..');
  if (!bad) return plain.endsWith(sep) ? plain.slice(0, -1) : plain;
  throw new HeddleError('INPUT_INVALID', `${what} has the path ${JSON.stringify(path.slice(0, 200))}`, {
    hint: 'give a path below the directory: relative, not empty, without ..',
  });
}

/** Says whether a real path lies in a directory (by its real path too), whatever links lead there. */
export function isInside(realPath: string, directory: string): boolean {
  const root = realpathSync(directory);
  return realPath === root || realPath.startsWith(join(root, sep));
}
