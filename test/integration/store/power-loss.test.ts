import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asRunId } from '../../../src/model/index.ts';
import { addSample } from '../../../src/testing/store-samples.ts';
import { lastNumber, numberedCommit } from './numbered-commits.ts';
import { type Scratch, scratch } from './sqlite-fixture.ts';

/**
 * F13. The files as they are after each acknowledged commit are recorded. What a power loss may leave is made from
 * them: of all that was written since the last fsync, any sectors may have reached the disk and any may not.
 */
const SECTOR = 512;

interface Image {
  readonly db: Buffer;
  readonly wal: Buffer;
}

/** Copied by another process: reading the database in this one would drop the locks that SQLite holds on it here. */
function image(directory: string, to: string): Image {
  const path = join(directory, 'store.db');
  execFileSync('cp', [path, `${path}-wal`, to]);
  return { db: readFileSync(join(to, 'store.db')), wal: readFileSync(join(to, 'store.db-wal')) };
}

/** Old content with some of the sectors in which the new differs; `keeps` says which, in turn, for ever. */
function torn(before: Buffer, after: Buffer, keeps: readonly boolean[]): Buffer {
  const mixed = Buffer.alloc(Math.max(before.length, after.length));
  before.copy(mixed);
  let changed = 0;
  let end = before.length;
  for (let at = 0; at < after.length; at += SECTOR) {
    const sector = after.subarray(at, at + SECTOR);
    if (sector.equals(mixed.subarray(at, at + sector.length)) && at < before.length) continue;
    const kept = keeps[changed % keeps.length] === true;
    changed += 1;
    if (!kept) continue;
    sector.copy(mixed, at);
    end = Math.max(end, at + sector.length);
  }
  return mixed.subarray(0, end);
}

/** Opens what was left as a store; gives the number of the last commit in it. */
async function afterLoss(place: Scratch, left: Image): Promise<number> {
  const path = join(place.path, 'store');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  writeFileSync(join(path, 'store.db'), left.db);
  writeFileSync(join(path, 'store.db-wal'), left.wal);
  await using store = await place.open();
  const number = await lastNumber(store, asRunId('r-sample'));
  using db = new DatabaseSync(join(path, 'store.db'));
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  return number;
}

/** Images after commit 0, 1, 2 and so on; each commit of some fifty pages. */
async function record(durability: 'normal' | 'full', commits: number): Promise<readonly Image[]> {
  await using place = await scratch();
  const store = await place.open({ durability, writer: 'main' });
  const run = await addSample(store);
  const images = [image(store.directory, place.path)];
  for (let number = 1; number <= commits; number += 1) {
    const filler = `"${String(number % 10).repeat(200_000)}"`;
    const commit = numberedCommit(store, run, { epoch: 1, number });
    await store.commit([{ ...commit, values: [{ job: number % 7, value: { codec: 'json', json: filler } }] }]);
    images.push(image(store.directory, place.path));
  }
  return images;
}

test('F13: in full, a power loss at any moment leaves every commit that was told, and at most one more', async () => {
  const images = await record('full', 50);
  // Some commits were followed by a checkpoint, else the test would not see one.
  const checkpoints = images.filter((later, i) => i > 0 && !later.db.equals((images[i - 1] as Image).db));
  expect(checkpoints.length).toBeGreaterThan(1);
  await using place = await scratch();
  const moment = fc.integer({ min: 0, max: images.length - 2 });
  const keeps = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

  await fc.assert(
    fc.asyncProperty(moment, keeps, async (told, kept) => {
      const before = images[told] as Image;
      const after = images[told + 1] as Image;
      // The log is synced before the database is touched: one of them is torn, never both.
      const left = after.db.equals(before.db)
        ? { db: before.db, wal: torn(before.wal, after.wal, kept) }
        : { db: torn(before.db, after.db, kept), wal: after.wal };
      expect([told, told + 1]).toContain(await afterLoss(place, left));
    }),
    { numRuns: 60 },
  );
});

test('F13: in normal, a power loss may take the last commits, and leaves a sound store of those before', async () => {
  const images = await record('normal', 15);
  const first = images[0] as Image;
  const last = images.at(-1) as Image;
  expect(last.db.equals(first.db)).toBe(true);
  await using place = await scratch();
  const cut = fc.integer({ min: 0, max: last.wal.length });
  const keeps = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

  await fc.assert(
    fc.asyncProperty(cut, keeps, async (length, kept) => {
      const flushed = Math.max(length, first.wal.length);
      const wal = torn(last.wal.subarray(0, flushed), last.wal, kept);
      const whole = images.findLastIndex((earlier) => earlier.wal.length <= flushed);
      const found = await afterLoss(place, { db: first.db, wal });
      expect(found).toBeGreaterThanOrEqual(whole);
      expect(found).toBeLessThan(images.length);
    }),
    { numRuns: 40 },
  );
});
