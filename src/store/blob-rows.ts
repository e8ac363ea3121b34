import { rmSync, statSync } from 'node:fs';
import { HeddleError } from '../model/index.ts';
import { blobPath, drafter, isBlobName, namedPath } from './blob-names.ts';
import type { Statements } from './connection.ts';
import { livingOwner } from './owner-rows.ts';
import type { OwnerJudge } from './ownership.ts';
import type { BlobRef } from './rows.ts';

/**
 * What the rows say of the files below `blobs/`. A file is removed only inside a write transaction in which no row
 * names it, and named only inside one in which it is there: so none is ever named and gone.
 */

/** So many files go in one slice of a removal: one may take a millisecond. */
const BLOBS_A_SLICE = 16;

/**
 * Makes sure that a file that is about to be named is still there.
 *
 * @throws {HeddleError} STORE_BUSY when another opening removed it meanwhile: the same commit may be tried again
 */
export function requireBlob(directory: string, ref: BlobRef): void {
  const path = blobPath(directory, ref.sha256);
  if (statSync(path, { throwIfNoEntry: false })?.size === ref.size) return;
  throw new HeddleError('STORE_BUSY', `the value in ${path} was removed while it was being committed`, {
    details: { path },
    hint: 'try again',
  });
}

/** Removes some large values of a run, and their files where no other run names them; false when there were none. */
export function removeBlobs(statements: Statements, directory: string, key: number): boolean {
  const found = "SELECT job, body FROM vals INDEXED BY blobs_by_run WHERE run_key = ? AND codec = 'file'";
  const rows = statements.rows(`${found} LIMIT ${BLOBS_A_SLICE}`, key);
  for (const [job, body] of rows) {
    statements.get('DELETE FROM vals WHERE run_key = ? AND job = ?').run(key, job as number);
    const name = String(body);
    if (isBlobName(name) && !isNamed(statements, name)) rmSync(blobPath(directory, name), { force: true });
  }
  return rows.length > 0;
}

/** Of these files, those that a crash or a replaced value left behind. */
export function straysAmong(statements: Statements, judge: OwnerJudge, names: readonly string[]): readonly string[] {
  return names.filter((name) =>
    isBlobName(name)
      ? !isNamed(statements, name)
      : drafter(name) !== judge.self && livingOwner(statements, judge, drafter(name)) === undefined,
  );
}

/** Removes what is still a stray of these files. */
export function removeStrays(statements: Statements, judge: OwnerJudge, names: readonly string[]): void {
  for (const name of straysAmong(statements, judge, names)) {
    rmSync(namedPath(judge.directory, name), { force: true });
  }
}

function isNamed(statements: Statements, name: string): boolean {
  return statements.row("SELECT 1 FROM vals WHERE codec = 'file' AND body = ? LIMIT 1", name) !== undefined;
}
