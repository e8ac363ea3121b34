import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { openStore, type SqliteStore, type StoreOptions } from '../../../src/store/index.ts';
import type { StoreFixture } from '../../../src/testing/index.ts';

export type TestOptions = Partial<StoreOptions>;

/** A directory for one test, gone with it. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
  /** Opens a store there, disposed with the directory. */
  open(options?: TestOptions): Promise<SqliteStore>;
}

export async function scratch(parent: string = tmpdir()): Promise<Scratch> {
  const path = await mkdtemp(join(parent, 'heddle-store-'));
  const opened: SqliteStore[] = [];
  return {
    path,
    open: async (options = {}) => {
      const store = await openStore(join(path, 'store'), { clock: systemClock, random: systemRandom, ...options });
      opened.push(store);
      return store;
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]();
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** A conformance fixture over SQLite. In exclusive mode there is no second opening. */
export async function sqliteFixture(options: TestOptions): Promise<StoreFixture> {
  const directory = await scratch();
  const store = await directory.open(options);
  return {
    store,
    another: () => directory.open(options),
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      return directory.open(options);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
