import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, HeddleError, newOwnerId, type Random } from '../model/index.ts';
import { ExclusiveFile, locked, requireFree } from './exclusive-file.ts';
import { type FileSystemType, kernelFileSystemType, networkFileSystem } from './file-system.ts';
import { type Host, type OwnerJudge, thisHost } from './ownership.ts';
import { SqliteStore, type SqliteStoreParts } from './sqlite-store.ts';
import type { StoreNotice } from './store-notice.ts';
import type { WriteHook } from './sqlite-writer.ts';

export interface StoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** `normal` survives a killed process, `full` power loss too. @default 'normal' */
  readonly durability?: 'normal' | 'full';
  /** Where commits are made; `auto` moves them to a thread where there is much to write or the disk is slow. @default 'auto' */
  readonly writer?: 'auto' | 'main' | 'thread';
  /** One process only, without shared memory or locks between machines. @default true on a network file system */
  readonly exclusive?: boolean;
  /** How long other processes' writes are waited for before `STORE_BUSY`, in milliseconds. @default 10000 */
  readonly busyMs?: number;
  /** Ends the name of the owner's socket, which stands in `owners/` of the store. @default '.sock' */
  readonly socketSuffix?: string;
  /** The database does not grow beyond so many pages of 4 KiB. @default as far as the disk goes */
  readonly maxPages?: number;
  /** Told what people should know. */
  readonly onNotice?: (notice: StoreNotice) => void;
  /** Reads the type of a file system. @default the kernel's word */
  readonly fileSystemType?: FileSystemType;
  /** Who this machine is. @default the kernel's word */
  readonly host?: Host;
  /** Called before each transaction begins and before it commits: lets tests have a failing or a slow disk. */
  readonly hook?: WriteHook;
}

/**
 * Opens the store in a directory, making both where they are not there. Several processes may have one store open
 * at once, but on a network file system.
 *
 * @throws {HeddleError} STORE_NEWER, STORE_CORRUPT, STORE_LOCKED, STORE_BUSY, STORE_FULL, STORE_UNAVAILABLE
 */
export async function openStore(directory: string, options: StoreOptions): Promise<SqliteStore> {
  const path = resolve(directory);
  requireShort(path);
  await makeDirectory(path);
  const network = networkFileSystem(await (options.fileSystemType ?? kernelFileSystemType)(path));
  const exclusive = options.exclusive ?? network !== undefined;
  const host = options.host ?? thisHost();
  const owner = newOwnerId(options.random);
  if (!exclusive) requireFree(path, host);
  const exclusiveFile = exclusive ? ExclusiveFile.take(path, owner, host) : undefined;
  try {
    const judge = { directory: path, host, exclusive, self: owner };
    const store = await SqliteStore.open({ ...partsOf(options, judge), exclusiveFile });
    if (exclusive) options.onNotice?.(exclusiveNotice(path, network));
    return store;
  } catch (error) {
    exclusiveFile?.release();
    if (exclusive && HeddleError.is(error) && error.code === 'STORE_BUSY') throw locked(path);
    throw error;
  }
}

function partsOf(options: StoreOptions, judge: OwnerJudge): Omit<SqliteStoreParts, 'exclusiveFile'> {
  const { clock, random, durability = 'normal', busyMs = 10_000, maxPages = 0 } = options;
  const { directory, exclusive, self } = judge;
  return {
    directory,
    clock,
    random,
    place: options.writer ?? 'auto',
    socket: join(directory, 'owners', `${self}${options.socketSuffix ?? '.sock'}`),
    writer: {
      connection: { path: join(directory, 'store.db'), durability, exclusive, maxPages },
      judge,
      busyMs,
    },
    onNotice: options.onNotice ?? ((): void => undefined),
    ...(options.hook === undefined ? {} : { hook: options.hook }),
  };
}

function exclusiveNotice(directory: string, network: string | undefined): StoreNotice {
  const why = network === undefined ? 'as was asked' : `since it lies on a network file system (${network})`;
  return {
    code: 'STORE_EXCLUSIVE',
    message: `the store ${directory} is open for this process alone, ${why}; a store on a local disk can be shared`,
  };
}

/** SQLite takes paths of up to 512 bytes, an ending for its journal included; the longest of ours are those of owners. */
const MAX_PATH_BYTES = 460;

function requireShort(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return;
  throw new HeddleError('STORE_UNAVAILABLE', `the path of the store has ${bytes} bytes: ${path}`, {
    details: { directory: path },
    hint: `choose one nearer to the root, of at most ${MAX_PATH_BYTES} bytes`,
  });
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await makeAll(resolve(path, 'owners'));
  } catch (error) {
    throw new HeddleError('STORE_UNAVAILABLE', `the store's directory ${path} cannot be made`, {
      cause: error,
      hint: 'check the path and who may write there',
    });
  }
}

/**
 * Makes a directory and those above it. Node's own `recursive` goes round for ever where the system says that there is no
 * such directory of one it does not let be made, as automounted homes and /proc do.
 */
async function makeAll(path: string): Promise<void> {
  const isThere = await mkdir(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return true;
      if (error.code === 'ENOENT' && dirname(path) !== path) return false;
      throw error;
    },
  );
  if (isThere) return;
  await makeAll(dirname(path));
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
