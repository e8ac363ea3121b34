import { type BlobFiles } from './blob-files.ts';
import { forgetOwner } from './ownership.ts';
import type { StoreAccess } from './store-access.ts';

const NAMES_A_READ = 512;
const STRAYS_A_WRITE = 16;

/** Removes what others began to write or to remove and will not end. */
export async function sweep(access: StoreAccess, directory: string, blobs: BlobFiles): Promise<void> {
  const { keys, owners } = await access.write('sweep');
  for (const owner of owners) forgetOwner(directory, owner);
  for (const key of keys) await removeRows(access, key);
  for await (const names of blobs.names()) {
    for (let at = 0; at < names.length; at += NAMES_A_READ) {
      await removeStrays(access, await access.read('strays', names.slice(at, at + NAMES_A_READ)));
      await access.turn();
    }
  }
}

async function removeStrays(access: StoreAccess, names: readonly string[]): Promise<void> {
  for (let at = 0; at < names.length; at += STRAYS_A_WRITE) {
    await access.write('removeStrays', names.slice(at, at + STRAYS_A_WRITE));
    await access.turn();
  }
}

/** Removes all rows of a run that is out of sight, in slices. */
export async function removeRows(access: StoreAccess, key: number): Promise<void> {
  while (!(await access.write('removeSlice', key))) await access.turn();
}
