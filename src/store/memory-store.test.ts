import { describe, test } from 'vitest';
import { type StoreFixture, storeCasesFor } from '../testing/store-conformance.ts';
import { MemoryMedium, MemoryStore } from './memory-store.ts';
import { VolatileStore } from './volatile-store.ts';

async function openMemory(): Promise<StoreFixture> {
  const medium = new MemoryMedium();
  const store = new MemoryStore({ medium });
  return {
    store,
    another: async () => new MemoryStore({ medium }),
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      return new MemoryStore({ medium });
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function openVolatile(): Promise<StoreFixture> {
  const store = new VolatileStore();
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

describe('MemoryStore', () => {
  for (const { name, run } of storeCasesFor(['jobs', 'another', 'reopen'])) test(name, () => run(openMemory));
});

describe('VolatileStore', () => {
  for (const { name, run } of storeCasesFor([])) test(name, () => run(openVolatile));
});
