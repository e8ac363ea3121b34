import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { needed } from '../../needed.ts';
import { asRunId, type RunId } from '../../../src/model/index.ts';
import { openStore, type SqliteStore, type StoreNotice } from '../../../src/store/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import {
  addSample,
  doneRow,
  gathered,
  grantedRow,
  grantedTransition,
  sampleCommit,
  sampleGraph,
  sampleRun,
} from '../../../src/testing/store-samples.ts';
import { MIGRATIONS } from '../../../src/store/schema.ts';
import { lastNumber, numberedCommit } from './numbered-commits.ts';
import { scratch } from './sqlite-fixture.ts';

const IOERR_FSYNC = 1034;
const IOERR_READ = 266;

function sqliteError(errcode: number): Error {
  return Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode });
}

function code(expected: string): object {
  return expect.objectContaining({ code: expected });
}

function edit(store: SqliteStore, sql: string): void {
  using db = new DatabaseSync(join(store.directory, 'store.db'));
  db.exec(sql);
}

/** Commits values of 20 KiB until the store is full; returns how many it took. */
async function fill(store: SqliteStore, run: RunId): Promise<number> {
  for (let job = 0; ; job += 1) {
    const value = { codec: 'json', json: `"${'x'.repeat(20_000)}"` } as const;
    try {
      await store.commit([sampleCommit(store, run, { values: [{ job, value }] })]);
    } catch (error) {
      expect(error).toEqual(code('STORE_FULL'));
      return job;
    }
    if (job > 100_000) throw new Error('never full');
  }
}

/** Returns how many values found room. */
async function fillsAndGoesOn(store: SqliteStore, makeRoom: () => Promise<void>): Promise<number> {
  const run = await addSample(store, 'r-keep');
  const taken = await fill(store, run);
  const values = await store.values(
    run,
    Array.from({ length: taken + 1 }, (_, job) => job),
  );
  expect(values.filter((value) => value === undefined)).toHaveLength(1);
  await expect(store.createRun(sampleRun('r-large', { size: 50_000 }), sampleGraph(50_000, 3))).rejects.toEqual(
    code('STORE_FULL'),
  );
  expect(await store.run(asRunId('r-large'))).toBeUndefined();

  await makeRoom();

  await store.commit([sampleCommit(store, run, { jobs: [grantedRow(1)], transitions: [grantedTransition(1)] })]);
  expect(await store.job(run, 1)).toEqual(grantedRow(1));
  expect((await store.values(run, [0]))[0]).toEqual(values[0]);
  return taken;
}

test('F11: a full database refuses with STORE_FULL, loses nothing, and goes on when there is room', async () => {
  await using place = await scratch();
  const store = await place.open({ maxPages: 400 });
  const spare = await addSample(store, 'r-spare');
  const value = { codec: 'json', json: `"${'y'.repeat(300_000)}"` } as const;
  await store.commit([sampleCommit(store, spare, { values: [{ job: 0, value }] })]);

  const taken = await fillsAndGoesOn(store, async () => {
    await store.releaseRun(spare, 1);
    await store.deleteRun(spare);
  });

  expect(taken).toBeGreaterThan(3);
});

const canMount = needed(
  process.getuid?.() === 0 && process.platform === 'linux',
  'a full disk: it takes root to mount one',
);

test.skipIf(!canMount)('F11: so does a full disk (a tmpfs of 3 MiB; needs root)', async () => {
  await using place = await scratch();
  const disk = join(place.path, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]);
  try {
    await using store = await openStore(join(disk, 'store'), {
      clock: systemClock,
      random: systemRandom,
      durability: 'full',
    });
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(1 << 20));
    const taken = await fillsAndGoesOn(store, async () => rmSync(join(disk, 'ballast')));
    expect(taken).toBeGreaterThan(3);
  } finally {
    execFileSync('umount', [disk]);
  }
});

test('F12: a failed fsync in a commit is not tried again: nothing more is written until the store is reopened', async () => {
  await using place = await scratch();
  let failing = false;
  const store = await place.open({
    hook: (point) => {
      if (failing && point === 'commit') throw sqliteError(IOERR_FSYNC);
    },
  });
  const run = await addSample(store);
  await store.commit([numberedCommit(store, run, { epoch: 1, number: 1 })]);

  failing = true;
  const second = numberedCommit(store, run, { epoch: 1, number: 2 });
  await expect(store.commit([second])).rejects.toEqual(code('STORE_UNCERTAIN'));
  failing = false;
  await expect(store.commit([second])).rejects.toEqual(code('STORE_UNCERTAIN'));
  await expect(store.releaseRun(run, 1)).rejects.toEqual(code('STORE_UNCERTAIN'));
  expect(await lastNumber(store, run)).toBe(1);
  await store[Symbol.asyncDispose]();

  const again = await place.open();
  expect(await again.claimRun(run)).toEqual({ kind: 'claimed', epoch: 2 });
  await again.commit([numberedCommit(again, run, { epoch: 2, number: 2 })]);
  expect(await lastNumber(again, run)).toBe(2);
});

test('an input or output error before the commit changes nothing and may pass', async () => {
  await using place = await scratch();
  let failing = false;
  const store = await place.open({
    hook: (point) => {
      if (failing && point === 'begin') throw sqliteError(IOERR_READ);
    },
  });
  const run = await addSample(store);

  failing = true;
  await expect(store.commit([numberedCommit(store, run, { epoch: 1, number: 1 })])).rejects.toEqual(code('STORE_IO'));
  failing = false;
  await store.commit([numberedCommit(store, run, { epoch: 1, number: 1 })]);

  expect(await lastNumber(store, run)).toBe(1);
});

for (const writer of ['main', 'thread'] as const) {
  test(`F15: waits for another writer, and says STORE_BUSY when it waited in vain (writer: ${writer})`, async () => {
    await using place = await scratch();
    const store = await place.open({ busyMs: 100, writer });
    const run = await addSample(store);
    using other = new DatabaseSync(join(store.directory, 'store.db'));
    other.exec('BEGIN IMMEDIATE');

    const first = numberedCommit(store, run, { epoch: 1, number: 1 });
    await expect(store.commit([first])).rejects.toEqual(code('STORE_BUSY'));
    expect(await lastNumber(store, run)).toBe(0);
    other.exec('COMMIT');
    await store.commit([first]);

    expect(await lastNumber(store, run)).toBe(1);
  });
}

test('F15: readers and a backup see whole commits during heavy writes, and stop nobody', async () => {
  await using place = await scratch();
  const store = await place.open();
  const reader = await place.open();
  const run = await addSample(store);
  const copy = join(place.path, 'copy.db');

  let last = 0;
  const copied = store.backup(copy).finally(() => {
    last = -last;
  });
  // The writer goes on as long as the backup does, and some.
  for (let number = 1; number <= 200 || last > 0; number += 1) {
    await store.commit([numberedCommit(store, run, { epoch: 1, number })]);
    if (last >= 0) last = number;
    if (number % 10 === 0) expect(await lastNumber(reader, run)).toBe(number);
  }
  await copied;

  using db = new DatabaseSync(copy);
  expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  const journal = db.prepare('SELECT coalesce(sum(count), 0) AS n FROM journal').get()?.['n'] as number;
  const elements = db.prepare('SELECT DISTINCT element FROM jobs').all();
  expect(elements.map((row) => row['element'])).toEqual(journal === 0 ? [] : [journal / 10]);
});

test('F17: a store whose commits are slow moves its writer to a thread; nothing is lost, nothing overtakes', async () => {
  await using place = await scratch();
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const notices: StoreNotice[] = [];
  const store = await place.open({
    hook: (point) => {
      if (point === 'commit') Atomics.wait(pause, 0, 0, 12);
    },
    onNotice: (notice) => notices.push(notice),
  });
  const run = await addSample(store);

  const commits = Array.from({ length: 60 }, (_, i) => numberedCommit(store, run, { epoch: 1, number: i + 1 }));
  await Promise.all(commits.map((commit) => store.commit([commit])));
  let last = 60;
  const commitOne = async (): Promise<void> => {
    last += 1;
    await store.commit([numberedCommit(store, run, { epoch: 1, number: last })]);
  };
  while (store.writerPlace !== 'thread') await commitOne();
  for (let i = 0; i < 40; i += 1) await commitOne();

  expect(notices.map((notice) => notice.code)).toEqual(['STORE_THREAD']);
  expect(await lastNumber(store, run)).toBe(last);
});

test('a commit that appends many jobs is made on a thread, and what comes behind it does not overtake it', async () => {
  await using place = await scratch();
  const places: string[] = [];
  const store = await place.open({ hook: (point) => point === 'commit' && places.push(point) });
  const run = await addSample(store);
  const onMain = places.length;

  const segment = { ...sampleGraph(5000), base: 10 };
  const much = store.commit([sampleCommit(store, run, { segments: [segment] })]);
  await Promise.all([much, store.commit([numberedCommit(store, run, { epoch: 1, number: 1 })])]);

  expect(store.writerPlace).toBe('thread');
  // The hook hears of this thread's commits only.
  expect(places).toHaveLength(onMain);
  expect((await store.graph(run)).map(({ size }) => size)).toEqual([10, 5000]);
  expect(await lastNumber(store, run)).toBe(1);
});

test('F17: on a thread, what was handed over behind a commit that fails fails with it, and goes on afterwards', async () => {
  await using place = await scratch();
  const store = await place.open({ writer: 'thread' });
  const run = await addSample(store);
  const numbered = (number: number): Promise<void> => store.commit([numberedCommit(store, run, { epoch: 1, number })]);
  const patch = (name: 'running' | 'pending'): Promise<void> =>
    store.commit([sampleCommit(store, run, { patch: { status: name, detail: '' } })]);
  expect(store.commitsAhead).toBeGreaterThan(2);
  await Promise.all([numbered(1), numbered(2)]);

  // The fourth would be taken by itself: it has nothing that must follow.
  const answers = await Promise.allSettled([numbered(3), numbered(5), numbered(4), patch('running')]);

  const failed = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  expect(failed.length).toBeGreaterThanOrEqual(3);
  for (const reason of failed) expect(reason).toMatchObject({ code: 'STATE_CONFLICT' });
  expect(answers[3]?.status).toBe('rejected');
  expect((await store.run(run))?.status).toBe('pending');
  const kept = answers[0]?.status === 'fulfilled' ? 3 : 2;
  expect(await lastNumber(store, run)).toBe(kept);
  await Promise.all([numbered(kept + 1), patch('running')]);
  expect((await store.run(run))?.status).toBe('running');
});

test('F18: a row that says what nothing says is named', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);
  const values = [1, 2].map((job) => ({ job, value: { codec: 'json', json: '1' } as const }));
  const transitions = [grantedTransition(1), grantedTransition(2)];
  await store.commit([sampleCommit(store, run, { jobs: [grantedRow(1), doneRow(2)], values, transitions })]);

  edit(store, "UPDATE jobs SET status = 'lost in thought' WHERE job = 2; UPDATE vals SET codec = 'xml' WHERE job = 2");
  expect(await store.job(run, 1)).toEqual(grantedRow(1));
  await expect(store.job(run, 2)).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    message: "table jobs, row job 2: unknown words 'lost in thought', ''",
    details: { table: 'jobs' },
  });
  await expect(gathered(store.jobs(run))).rejects.toEqual(code('STORE_CORRUPT'));
  await expect(store.counts(run)).rejects.toEqual(code('STORE_CORRUPT'));
  await expect(store.values(run, [2])).rejects.toMatchObject({ code: 'STORE_CORRUPT', details: { table: 'vals' } });

  edit(store, 'UPDATE journal SET data = zeroblob(length(data))');
  await expect(store.transitions(run, 0, 5)).rejects.toMatchObject({
    code: 'STORE_CORRUPT',
    details: { table: 'journal', key: `(${run}, 1)` },
  });
  edit(store, "UPDATE runs SET status = 'melted'");
  await expect(store.run(run)).rejects.toMatchObject({ code: 'STORE_CORRUPT', details: { table: 'runs', key: run } });
});

test('F18: a graph of which a part is damaged or missing is refused', async () => {
  await using place = await scratch();
  const store = await place.open();
  for (const id of ['r-1', 'r-2', 'r-3', 'r-4']) {
    await store.createRun(sampleRun(id, { size: 60_000 }), sampleGraph(60_000, 3));
  }
  const partOf = (id: string, position: string): string =>
    `run_key = (SELECT run_key FROM runs WHERE id = '${id}') AND position = ${position}`;

  edit(store, `UPDATE graphs SET data = zeroblob(length(data)) WHERE ${partOf('r-1', '0')}`);
  edit(store, `DELETE FROM graphs WHERE ${partOf('r-2', '1048576')}`);
  edit(store, `DELETE FROM graphs WHERE ${partOf('r-3', '(SELECT max(position) FROM graphs)')}`);
  edit(store, "DELETE FROM graphs WHERE run_key = (SELECT run_key FROM runs WHERE id = 'r-4')");

  for (const id of ['r-1', 'r-2', 'r-3', 'r-4']) {
    await expect(store.graph(asRunId(id))).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      details: { table: 'graphs' },
    });
  }
});

test('F18: a file that is no database, and one of somebody else, are refused and left alone', async () => {
  await using place = await scratch();
  const path = join(place.path, 'store');
  mkdirSync(path);
  writeFileSync(join(path, 'store.db'), 'no database '.repeat(1000));
  await expect(place.open()).rejects.toEqual(code('STORE_CORRUPT'));
  rmSync(join(path, 'store.db'));
  new DatabaseSync(join(path, 'store.db')).exec('CREATE TABLE theirs (x)');

  await expect(place.open()).rejects.toEqual(code('STORE_CORRUPT'));
  writeFileSync(join(place.path, 'file'), '');
  const below = openStore(join(place.path, 'file', 'store'), { clock: systemClock, random: systemRandom });
  await expect(below).rejects.toEqual(code('STORE_UNAVAILABLE'));
});

test('F10: a newer store is refused, with both versions named, and an older program leaves it as it is', async () => {
  await using place = await scratch();
  const store = await place.open();
  await addSample(store);
  await store[Symbol.asyncDispose]();
  edit(store, 'PRAGMA user_version = 7');

  const refused = expect.objectContaining({ code: 'STORE_NEWER', message: expect.stringContaining('has schema 7') });
  await expect(place.open()).rejects.toEqual(refused);
  await expect(place.open({ writer: 'thread' })).rejects.toEqual(refused);

  edit(store, `PRAGMA user_version = ${MIGRATIONS.length}`);
  expect(await (await place.open()).runs({})).toHaveLength(1);
});

test('F19: a graph is read whole or not at all while its run is removed', async () => {
  await using place = await scratch();
  const store = await place.open();
  const size = 200_000;
  await store.createRun(sampleRun('r-1', { size }), sampleGraph(size, 3));
  const run = asRunId('r-1');
  await store.releaseRun(run, 1);

  const reading = store.graph(run);
  const removing = store.deleteRun(run);

  await expect(reading).rejects.toEqual(code('RUN_NOT_FOUND'));
  await removing;
  edit(store, 'SELECT 1');
  using db = new DatabaseSync(join(store.directory, 'store.db'));
  for (const table of ['runs', 'graphs']) expect(db.prepare(`SELECT 1 FROM ${table}`).all()).toEqual([]);
  const pages = db.prepare('PRAGMA page_count').get()?.['page_count'] as number;
  expect(pages).toBeLessThan(1500);
});

test('what a crash left of a run being added is never seen, and swept by the next owner', async () => {
  await using place = await scratch();
  let commits = 0;
  const broken = await place.open({
    hook: (point) => {
      if (point === 'commit') commits += 1;
      if (commits > 4) throw sqliteError(IOERR_FSYNC);
    },
  });
  const size = 200_000;
  await expect(broken.createRun(sampleRun('r-1', { size }), sampleGraph(size, 3))).rejects.toEqual(
    code('STORE_UNCERTAIN'),
  );
  expect(await broken.runs({})).toEqual([]);
  await broken[Symbol.asyncDispose]();

  const store = await place.open();
  expect(await store.runs({})).toEqual([]);
  await addSample(store, 'r-2');
  await store[Symbol.asyncDispose]();

  using db = new DatabaseSync(join(store.directory, 'store.db'));
  expect(
    db
      .prepare('SELECT id FROM runs')
      .all()
      .map((row) => row['id']),
  ).toEqual(['r-2']);
  expect(db.prepare('SELECT count(DISTINCT run_key) AS n FROM graphs').get()?.['n']).toBe(1);
});
