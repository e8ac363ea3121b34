import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { nobodyUnder } from './processes.ts';

/** Folders of this test file that were not given back yet. */
const open = new Set<string>();

/** Makes a temporary folder. A process of it that outlives the file makes the file fail, however its tests ended. */
export function ownFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `heddle-${purpose}-`));
  open.add(folder);
  return folder;
}

/** Removes a folder. What still runs in it, below it or for it, or names it, is killed, and is an error. */
export async function giveBack(folder: string): Promise<void> {
  try {
    await nobodyUnder(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    open.delete(folder);
  }
}

afterAll(async () => {
  // A test that ran out of time is left in its middle: nobody has cleaned up after it.
  const ends = await Promise.allSettled([...open].map(giveBack));
  const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
});
