import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_REQUEST, DEFAULT_RETRY, GraphBuilder, type Store } from '../model/index.ts';
import { systemClock, systemRandom } from '../process/index.ts';
import { openStore } from '../store/index.ts';
import { Engine, openStoreForReading } from './index.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-remote-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function gather<T>(batches: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

test('a store that a process has to itself is read through that process, and is no other store for it', async () => {
  await using store = await openStore(folder, { clock: systemClock, random: systemRandom, exclusive: true });
  await using engine = await Engine.open({ store });
  const builder = new GraphBuilder('many');
  const definition = builder.definition({
    name: 'noop',
    kind: 'call',
    backend: 'inline',
    resources: DEFAULT_REQUEST,
    retry: DEFAULT_RETRY,
    timeouts: {},
    graceMs: 0,
    priority: 0,
  });
  for (let i = 0; i < 10_000; i += 1) builder.add(`job-${i}`, { definition, payload: '', edges: [] });
  const run = await engine.run(builder.build());
  await run.wait();

  await using remote = await openStoreForReading(folder);

  expect(remote).not.toBe(store);
  const look = async (from: Store) => ({
    runs: await from.runs({ limit: 5 }),
    run: await from.run(run.id),
    owner: await from.ownerOf(run.id),
    counts: await from.counts(run.id),
    graph: await from.graph(run.id),
    rows: await gather(from.jobs(run.id)),
    job: await from.job(run.id, 7),
    none: await from.job(run.id, 20_000),
    attempts: await from.attempts(run.id, 7),
    values: await from.values(run.id, [0, 1]),
    submissions: await from.submissions(run.id),
    transitions: await from.transitions(run.id, 5, 10),
  });
  expect(await look(remote)).toEqual(await look(store));
  await expect(remote.deleteRun(run.id)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
});

test('without that process there is nobody to ask, and the store opens', async () => {
  {
    await using _ = await openStore(folder, { clock: systemClock, random: systemRandom, exclusive: true });
    await expect(openStoreForReading(folder)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  }
  await using store = await openStoreForReading(folder);

  expect(await store.runs({})).toEqual([]);
});
