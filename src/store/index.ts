export { MemoryMedium, MemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export { VolatileStore } from './volatile-store.ts';
