import { describe, expect, test } from 'vitest';
import { asRunId, joinSegments, sliceSegment } from '../model/index.ts';
import { sampleCommit, sampleGraph, sampleRun, type StoreFixture, storeCasesFor } from '../testing/index.ts';
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
  test.each(storeCasesFor(['jobs', 'another', 'reopen', 'fingerprints']))('$name', async (storeCase) => {
    await expect(storeCase.run(openMemory)).resolves.toBeUndefined();
  });
});

describe('VolatileStore', () => {
  test.each(storeCasesFor([]))('$name', async (storeCase) => {
    await expect(storeCase.run(openVolatile)).resolves.toBeUndefined();
  });
});

test('jobs that are added one by one are kept together, and read back as they were', async () => {
  const store = new VolatileStore();
  const whole = sampleGraph(600, 3);
  const run = asRunId('r-1');
  await store.createRun(sampleRun(run, { size: 0 }), sliceSegment(whole, 0, 0));

  for (let i = 0; i < whole.size; i += 1) {
    const segments = [sliceSegment(whole, i, i + 1)];
    await store.commit([sampleCommit(store, run, { segments })]);
  }

  const graphs = await store.graph(run);
  expect(graphs.length).toBeLessThan(100);
  expect(joinSegments(graphs)).toEqual(whole);
  expect(await store.run(run)).toMatchObject({ size: 600 });
});
