import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needed } from '../../needed.ts';
import { MAX_VALUE_BYTES, type RunId, type Value } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { openStore, type SqliteStore } from '../../../src/store/index.ts';
import { addSample, grantedRow, sampleCommit } from '../../../src/testing/store-samples.ts';
import { scratch } from './sqlite-fixture.ts';

const DOUBLE = 512 * 1024;

function large(letter: string, size: number = DOUBLE): Value & { codec: 'json' } {
  return { codec: 'json', json: `"${letter.repeat(size - 2)}"` };
}

function pathOf(store: SqliteStore, value: Value): string {
  const sha256 = createHash('sha256')
    .update(value.codec === 'json' ? value.json : value.bytes)
    .digest('hex');
  return join(store.directory, 'blobs', sha256.slice(0, 2), sha256);
}

function filesBelow(store: SqliteStore): readonly string[] {
  const top = join(store.directory, 'blobs');
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

async function put(store: SqliteStore, run: RunId, values: Readonly<Record<number, Value>>): Promise<void> {
  const rows = Object.entries(values).map(([job, value]) => ({ job: Number(job), value }));
  await store.commit([sampleCommit(store, run, { values: rows })]);
}

describe.each([
  { durability: 'full', writer: 'main' },
  { durability: 'normal', writer: 'thread' },
  { durability: 'full', writer: 'thread', exclusive: true },
] as const)('$durability, writer: $writer', (options) => {
  test('keeps a large value in a file by its hash, once for all runs, as long as one of them names it', async () => {
    await using place = await scratch();
    const store = await place.open(options);
    const shared = large('s');
    const own: Value = { codec: 'v8', bytes: new Uint8Array(DOUBLE).fill(7) };
    const [first, second] = [await addSample(store, 'r-1'), await addSample(store, 'r-2')];

    await put(store, first, { 0: shared, 1: own, 2: { codec: 'json', json: '1' } });
    await put(store, second, { 5: shared, 6: shared });
    expect(readFileSync(pathOf(store, shared), 'utf8')).toBe(shared.json);
    expect(filesBelow(store)).toHaveLength(2);

    await store.releaseRun(first, 1);
    await store.deleteRun(first);
    expect(existsSync(pathOf(store, own))).toBe(false);
    expect(await store.values(second, [5])).toEqual([shared]);

    await store.releaseRun(second, 1);
    await store.deleteRun(second);
    expect(filesBelow(store)).toEqual([]);
  });

  test('F18: a damaged, a cut and a missing file are named, and other values still read', async () => {
    await using place = await scratch();
    const store = await place.open(options);
    const run = await addSample(store);
    const [damaged, cut, missing, sound] = [large('d'), large('c'), large('m'), large('s')];
    await put(store, run, { 0: damaged, 1: cut, 2: missing, 3: sound });

    writeFileSync(pathOf(store, damaged), large('e').json);
    truncateSync(pathOf(store, cut), 1000);
    rmSync(pathOf(store, missing));

    for (const [job, value] of [damaged, cut, missing].entries()) {
      const path = pathOf(store, value);
      await expect(store.values(run, [3, job])).rejects.toMatchObject({
        code: 'STORE_CORRUPT',
        message: expect.stringContaining(path),
        details: { path },
      });
    }
    expect(await store.values(run, [3])).toEqual([sound]);
    await put(store, run, { 0: damaged });
    expect(await store.values(run, [0])).toEqual([damaged]);
  });
});

test('takes the largest value there may be, and refuses one byte more, changing nothing', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);
  const largest = large('x', MAX_VALUE_BYTES);
  const tooLarge: Value = { codec: 'v8', bytes: new Uint8Array(MAX_VALUE_BYTES + 1) };

  await put(store, run, { 1: largest });
  const commit = sampleCommit(store, run, {
    jobs: [grantedRow(2)],
    values: [
      { job: 3, value: large('y') },
      { job: 2, value: tooLarge },
    ],
  });
  await expect(store.commit([commit])).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE', details: { run, job: 2 } });

  expect(await store.job(run, 2)).toBeUndefined();
  const [kept, ...none] = await store.values(run, [1, 2, 3]);
  expect(kept?.codec === 'json' && kept.json === largest.json).toBe(true);
  expect(none).toEqual([undefined, undefined]);
});

test('the next owner sweeps what nobody names: replaced values, drafts of the dead; not those of the living', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);
  await put(store, run, { 1: large('a'), 2: large('b') });
  await put(store, run, { 1: large('c') });
  await store.releaseRun(run, 1);
  const blobs = join(store.directory, 'blobs');
  writeFileSync(join(blobs, 'o-gone.1'), 'half a val');
  writeFileSync(join(blobs, `${store.owner}.99`), 'half a val');

  const second = await place.open();
  await second.claimRun(run);
  await second[Symbol.asyncDispose]();

  const expected = [`${store.owner}.99`, ...[large('b'), large('c')].map((value) => pathOf(store, value).slice(-64))];
  expect(filesBelow(store).toSorted()).toEqual(expected.toSorted());
  expect(await store.values(run, [1, 2])).toEqual([large('c'), large('b')]);
});

test('a file that another opening removed before it was named is no end: the same commit may be tried again', async () => {
  await using place = await scratch();
  let path = '';
  const store = await place.open({
    writer: 'main',
    hook: (point) => {
      if (point === 'begin' && path !== '') rmSync(path);
      path = '';
    },
  });
  const run = await addSample(store);
  const value = large('z');

  path = pathOf(store, value);
  await expect(put(store, run, { 1: value })).rejects.toMatchObject({ code: 'STORE_BUSY' });
  expect(await store.values(run, [1])).toEqual([undefined]);
  await put(store, run, { 1: value });

  expect(await store.values(run, [1])).toEqual([value]);
});

test('gives the value of now when one is replaced or removed while it is read', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);
  const letters = ['a', 'b', 'c', 'd'];
  await put(store, run, { 1: large('d') });

  for (const letter of letters) {
    const reading = store.values(run, [1]);
    await put(store, run, { 1: large(letter) });
    const [found] = await reading;
    expect(letters.map((each) => large(each).json)).toContain(found?.codec === 'json' ? found.json : '');
  }
  await store.releaseRun(run, 1);
  const reading = store.values(
    run,
    Array.from({ length: 40 }, () => 1),
  );
  reading.catch(() => undefined);
  await store.deleteRun(run);
  await expect(store.values(run, [1])).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  await reading.catch((error: unknown) => expect(error).toMatchObject({ code: 'RUN_NOT_FOUND' }));
});

const canMount = needed(
  process.getuid?.() === 0 && process.platform === 'linux',
  'a full disk: it takes root to mount one',
);

test.skipIf(!canMount)(
  'F11: a full disk leaves no half of a value, and none of its commit (a tmpfs; needs root)',
  async () => {
    await using place = await scratch();
    const disk = join(place.path, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
    try {
      const options = { clock: systemClock, random: systemRandom, durability: 'full' } as const;
      await using store = await openStore(join(disk, 'store'), options);
      const run = await addSample(store);
      await put(store, run, { 0: large('a') });
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(5 << 20));

      const value = large('b', 4 << 20);
      const commit = sampleCommit(store, run, { jobs: [grantedRow(1)], values: [{ job: 1, value }] });
      await expect(store.commit([commit])).rejects.toMatchObject({ code: 'STORE_FULL' });
      expect(filesBelow(store)).toHaveLength(1);
      expect(await store.job(run, 1)).toBeUndefined();

      rmSync(join(disk, 'ballast'));
      await store.commit([commit]);
      expect(await store.values(run, [0, 1])).toEqual([large('a'), value]);
    } finally {
      execFileSync('umount', [disk]);
    }
  },
);
