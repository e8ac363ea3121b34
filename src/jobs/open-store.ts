import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HeddleError, type Store } from '../model/index.ts';
import { systemClock, systemRandom } from '../process/index.ts';
import { openStore, type SqliteStore, type StoreNotice } from '../store/index.ts';
import { connectStore } from './owner-client.ts';

export interface OpenStoreOptions {
  /** @default 'normal' */
  readonly durability?: 'normal' | 'full';
  /** Told what people should know of the store. */
  readonly onNotice?: (notice: StoreNotice) => void;
}

/**
 * Opens the store in a directory on this machine's clock, making it where there is none.
 *
 * @throws {HeddleError} STORE_NEWER, STORE_CORRUPT, STORE_LOCKED, STORE_BUSY, STORE_FULL, STORE_UNAVAILABLE
 */
export async function openStoreAt(directory: string, options: OpenStoreOptions = {}): Promise<SqliteStore> {
  return openStore(directory, { clock: systemClock, random: systemRandom, ...options });
}

/**
 * Opens a store for looking. One that another process has to itself (on a network file system) is read through that
 * process, when it is on this machine.
 *
 * @throws {HeddleError} as `openStoreAt`
 */
export async function openStoreForReading(directory: string): Promise<Store> {
  try {
    return await openStoreAt(directory);
  } catch (error) {
    if (!HeddleError.is(error) || error.code !== 'STORE_LOCKED') throw error;
    for (const path of await socketsOf(directory)) {
      const store = await connectStore(path).catch(() => undefined);
      if (store !== undefined) return store;
    }
    throw error;
  }
}

async function socketsOf(directory: string): Promise<readonly string[]> {
  const owners = join(directory, 'owners');
  const names = await readdir(owners).catch(() => []);
  return names.filter((name) => name.endsWith('.sock')).map((name) => join(owners, name));
}
