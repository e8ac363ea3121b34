export type { FileSystemType } from './file-system.ts';
export { MemoryMedium, MemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export { openStore, type StoreOptions } from './open-store.ts';
export type { Host } from './ownership.ts';
export { SqliteStore } from './sqlite-store.ts';
export type { WriteHook } from './sqlite-writer.ts';
export type { StoreNotice } from './store-notice.ts';
export { VolatileStore } from './volatile-store.ts';
