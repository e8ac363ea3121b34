import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A file that is to be deleted. */
export interface GoingFile {
  readonly path: string;
  /** Asked at the last moment. */
  readonly isKept: () => boolean;
}

/**
 * Deletes files unless somebody has taken them; false: somebody has, and all are there.
 *
 * Two who may be of different processes agree without a lock, as in Dekker's algorithm: who deletes says so first (a mark beside
 * the file), and then looks whether the file was taken; who takes one writes that down first, and then looks for the mark.
 * So at least one of them sees the other.
 */
export async function deleteUnlessTaken(
  files: readonly GoingFile[],
  isTaken: () => Promise<boolean>,
): Promise<boolean> {
  const there = files.filter(({ path, isKept }) => !isKept() && existsSync(path));
  if (there.length === 0) return true;
  for (const { path } of there) writeFileSync(markOf(path), '');
  let taken = true;
  try {
    taken = await isTaken();
    if (!taken) for (const { path, isKept } of there) if (!isKept()) rmSync(path, { force: true });
  } finally {
    for (const { path } of there) rmSync(markOf(path), { force: true });
  }
  return !taken;
}

/** Whether a file is gone, or about to be. To be asked by who has written down that it takes it. */
export function isGoing(path: string): boolean {
  // The mark first: it goes after the file.
  return existsSync(markOf(path)) || !existsSync(path);
}

function markOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.going`);
}
