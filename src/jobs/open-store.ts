import { systemClock, systemRandom } from '../process/index.ts';
import { openStore, type SqliteStore, type StoreNotice } from '../store/index.ts';

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
