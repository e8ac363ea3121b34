import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { StoreNotice } from '../../../src/store/index.ts';
import { addSample } from '../../../src/testing/store-samples.ts';
import { scratch } from './sqlite-fixture.ts';

const NFS = 0x6969;
const onNetwork = { fileSystemType: async () => NFS };
const locked = expect.objectContaining({ code: 'STORE_LOCKED' });

test('F14: on a network file system one process has the store to itself, and says so', async () => {
  await using place = await scratch();
  const notices: StoreNotice[] = [];

  const store = await place.open({ ...onNetwork, onNotice: (notice) => notices.push(notice) });

  expect(store.isExclusive).toBe(true);
  expect(notices).toEqual([{ code: 'STORE_EXCLUSIVE', message: expect.stringContaining('(NFS)') }]);
  await addSample(store);
  const remedy = expect.objectContaining({
    code: 'STORE_LOCKED',
    message: expect.stringContaining(`process ${process.pid} on `),
    hint: expect.stringContaining('local disk'),
  });
  await expect(place.open(onNetwork)).rejects.toEqual(remedy);
  await expect(place.open()).rejects.toEqual(remedy);
  await expect(store.backup(join(place.path, 'copy'))).rejects.toEqual(locked);

  await store[Symbol.asyncDispose]();
  const next = await place.open(onNetwork);
  expect(await next.runs({})).toHaveLength(1);
});

test('F14: a second machine is refused while the first may live, and an own dead process is not feared', async () => {
  await using place = await scratch();
  const first = await place.open({ ...onNetwork, host: { name: 'node-a', boot: 'boot-a' } });
  const path = join(first.directory, 'exclusive.json');
  const held = await readFile(path, 'utf8');
  const run = await addSample(first);
  await first[Symbol.asyncDispose]();
  await expect(readFile(path)).rejects.toThrow('ENOENT');

  await writeFile(path, held);
  await expect(place.open({ ...onNetwork, host: { name: 'node-b', boot: 'boot-b' } })).rejects.toEqual(
    expect.objectContaining({ code: 'STORE_LOCKED', hint: expect.stringContaining(`remove ${path}`) }),
  );
  await writeFile(path, held.replace(/"started":"\d+"/, '"started":"1"'));
  const heir = await place.open({ ...onNetwork, host: { name: 'node-a', boot: 'boot-a' } });

  expect(await heir.claimRun(run)).toEqual({ kind: 'claimed', epoch: 2 });
});

test('F14: a store that others have open cannot be had alone', async () => {
  await using place = await scratch();
  const shared = await place.open();
  await addSample(shared);

  await expect(place.open({ exclusive: true })).rejects.toEqual(locked);
  await expect(readFile(join(shared.directory, 'exclusive.json'))).rejects.toThrow('ENOENT');
});

test('F14: exclusive mode needs no memory shared between processes', async () => {
  await using place = await scratch();
  const store = await place.open(onNetwork);
  await addSample(store);

  await expect(readFile(join(store.directory, 'store.db-shm'))).rejects.toThrow('ENOENT');
  using other = new DatabaseSync(join(store.directory, 'store.db'));
  expect(() => other.prepare('SELECT * FROM runs').all()).toThrow('locked');
});
