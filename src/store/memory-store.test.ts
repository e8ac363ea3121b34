import { describe, expect, test } from 'vitest';
import { type StoreFixture, storeCasesFor } from '../testing/index.ts';
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
  test.each(storeCasesFor(['jobs', 'another', 'reopen']))('$name', async (storeCase) => {
    await expect(storeCase.run(openMemory)).resolves.toBeUndefined();
  });
});

describe('VolatileStore', () => {
  test.each(storeCasesFor([]))('$name', async (storeCase) => {
    await expect(storeCase.run(openVolatile)).resolves.toBeUndefined();
  });
});
