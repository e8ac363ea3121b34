import assert from 'node:assert/strict';
import type { FingerprintRow, FingerprintStore, Store } from '../model/index.ts';
import type { StoreCase } from './store-conformance.ts';
import { addSample, doneRow, SAMPLE_TIME, sampleCommit } from './store-samples.ts';

function sampleRow(job: number, changes: Partial<FingerprintRow> = {}): FingerprintRow {
  return {
    job,
    name: `fit-${job}`,
    task: 'fit',
    fingerprint: job.toString(16).padStart(64, 'f'),
    base: 'b'.repeat(64),
    components: `{"argument temperature":"${300 + job}"}`,
    fromRun: '',
    fromJob: 0,
    note: '',
    at: SAMPLE_TIME + job,
    ...changes,
  };
}

function fingerprintsOf(store: Store): FingerprintStore {
  assert.ok(store.fingerprints !== undefined, 'a store with this trait has fingerprints');
  return store.fingerprints;
}

/** What results were made of, and how they are found again. */
export const fingerprintCases: readonly StoreCase[] = [
  {
    name: 'finds a sealed result by its fingerprint, the latest first, and none that is not sealed',
    needs: ['jobs', 'fingerprints'],
    async run(open) {
      await using fixture = await open();
      const fingerprints = fingerprintsOf(fixture.store);
      const first = await addSample(fixture.store, 'r-a');
      const second = await addSample(fixture.store, 'r-b');
      const row = sampleRow(1);

      await fingerprints.put(first, [row, sampleRow(2)]);
      assert.deepEqual(await fingerprints.find([row.fingerprint]), [undefined]);
      await fingerprints.seal(first, [row]);
      await fingerprints.put(second, [{ ...row, job: 4 }]);
      await fingerprints.seal(second, [{ ...row, job: 4 }]);

      const [a, b] = [
        { run: first, job: 1, name: 'fit-1' },
        { run: second, job: 4, name: 'fit-1' },
      ];
      const wanted = [sampleRow(2).fingerprint, row.fingerprint];
      assert.deepEqual(await fingerprints.find(wanted), [undefined, b]);
      assert.deepEqual(await fingerprints.find(wanted, { skip: 1 }), [undefined, a]);
      assert.deepEqual(await fingerprints.find(wanted, { except: second }), [undefined, a]);
      assert.deepEqual(await fingerprints.find(wanted, { skip: 2 }), [undefined, undefined]);
    },
  },
  {
    name: 'replaces what a job was made of, and seals only what it was looked at for',
    needs: ['jobs', 'fingerprints'],
    async run(open) {
      await using fixture = await open();
      const fingerprints = fingerprintsOf(fixture.store);
      const run = await addSample(fixture.store);
      const old = sampleRow(1);
      const now = sampleRow(1, { fingerprint: 'a'.repeat(64), note: 'output energy.json was edited' });

      await fingerprints.put(run, [old]);
      await fingerprints.seal(run, [old]);
      await fingerprints.accept(run, [{ ...old, fingerprint: 'c'.repeat(64) }]);
      assert.equal((await fingerprints.find(['c'.repeat(64)]))[0]?.job, 1);
      await fingerprints.put(run, [now]);
      await fingerprints.seal(run, [old]);

      assert.deepEqual(await fingerprints.find([old.fingerprint, 'c'.repeat(64), now.fingerprint]), [
        undefined,
        undefined,
        undefined,
      ]);
      assert.deepEqual(await fingerprints.of(run, [0, 1]), [undefined, now]);
    },
  },
  {
    name: 'gives a reused result the components of its source, counts it, and knows who depends on whom',
    needs: ['jobs', 'fingerprints'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const fingerprints = fingerprintsOf(store);
      const source = await addSample(store, 'r-a');
      const later = await addSample(store, 'r-b');
      const row = sampleRow(3);
      const reused: FingerprintRow = { ...row, job: 5, components: '', fromRun: source, fromJob: 3, at: row.at + 100 };

      await fingerprints.put(source, [row]);
      await fingerprints.seal(source, [row]);
      await fingerprints.put(later, [reused]);
      await store.commit([sampleCommit(store, later, { jobs: [doneRow(5)] })]);

      assert.deepEqual(await fingerprints.of(later, [5]), [{ ...reused, components: row.components }]);
      assert.deepEqual([await fingerprints.has(source), await fingerprints.has(later)], [true, true]);
      assert.equal(await fingerprints.has(await addSample(store, 'r-c')), false);
      assert.deepEqual([await fingerprints.countReused(source), await fingerprints.countReused(later)], [0, 1]);
      assert.deepEqual(await fingerprints.dependents(source), [later]);
      assert.deepEqual(await fingerprints.dependents(later), []);
      const query = { task: 'fit', name: 'fit-3', limit: 10 };
      assert.deepEqual(
        (await fingerprints.earlier(query)).map(({ run, components }) => [run, components]),
        [
          [later, row.components],
          [source, row.components],
        ],
      );
      assert.deepEqual(
        (await fingerprints.earlier({ ...query, before: reused.at })).map(({ run }) => run),
        [source],
      );
      assert.deepEqual(
        (await fingerprints.earlier({ ...query, except: source })).map(({ run }) => run),
        [later],
      );
      assert.deepEqual(await fingerprints.earlier({ ...query, name: 'fit-4' }), []);
      assert.equal((await fingerprints.earlier({ task: 'fit', limit: 1 })).length, 1);
      assert.deepEqual(await fingerprints.bases('fit'), [row.base]);
      assert.deepEqual(await fingerprints.bases('other'), []);
    },
  },
  {
    name: 'keeps the state of outputs until their job is put again, and none of what is late',
    needs: ['jobs', 'fingerprints'],
    async run(open) {
      await using fixture = await open();
      const fingerprints = fingerprintsOf(fixture.store);
      const run = await addSample(fixture.store);
      const rows = Array.from({ length: 40 }, (_, job) => sampleRow(job));
      const jobs = rows.map(({ job }) => job);
      const states = rows.map(({ job, at }) => ({ job, at, state: `state ${job}` }));
      const texts = states.map(({ state }) => state);
      await fingerprints.put(run, rows);
      await fingerprints.accept(run, [sampleRow(3, { fingerprint: 'c'.repeat(64) })]);

      await fingerprints.keepOutputs(run, states);
      assert.deepEqual(await fingerprints.outputStates(run, jobs), texts);
      assert.deepEqual(await fingerprints.outputStates(run, [7, 99, 3]), [texts[7], undefined, texts[3]]);
      const [third] = rows.slice(3) as [FingerprintRow];
      await fingerprints.put(run, [{ ...third, at: third.at + 1 }]);
      assert.deepEqual(await fingerprints.outputStates(run, jobs), texts.with(3, undefined as never));
      await fingerprints.keepOutputs(run, states.slice(3, 4));
      assert.deepEqual(await fingerprints.outputStates(run, [3]), [undefined]);
    },
  },
  {
    name: 'forgets with a run what its results were made of',
    needs: ['jobs', 'fingerprints'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const fingerprints = fingerprintsOf(store);
      const run = await addSample(store);
      await fingerprints.put(run, [sampleRow(1)]);
      await fingerprints.seal(run, [sampleRow(1)]);

      await store.releaseRun(run, 1);
      await store.deleteRun(run);

      assert.deepEqual(await fingerprints.find([sampleRow(1).fingerprint]), [undefined]);
      assert.deepEqual(await fingerprints.earlier({ task: 'fit', limit: 9 }), []);
    },
  },
  {
    name: 'lets only the owner of a run say what its jobs are made of',
    needs: ['jobs', 'fingerprints', 'another'],
    async run(open) {
      await using fixture = await open();
      const run = await addSample(fixture.store);
      const other = await (fixture.another as () => Promise<Store>)();

      await assert.rejects(fingerprintsOf(other).put(run, [sampleRow(1)]), { code: 'RUN_NOT_OWNED' });
      assert.deepEqual(await fingerprintsOf(other).of(run, [1]), [undefined]);
    },
  },
  {
    name: 'remembers what hashes of code stand for, and what files held',
    needs: ['jobs', 'fingerprints'],
    async run(open) {
      await using fixture = await open();
      const fingerprints = fingerprintsOf(fixture.store);
      const file = { inode: '1:2', state: '10:5:6', sha256: 'd'.repeat(64) };

      await fingerprints.putCode([{ hash: 'h1', files: '{"a.ts":"1"}' }]);
      await fingerprints.putCode([{ hash: 'h1', files: '{"a.ts":"1"}' }]);
      await fingerprints.rememberFiles([{ ...file, state: '9:5:6' }]);
      await fingerprints.rememberFiles([file]);

      assert.equal(await fingerprints.code('h1'), '{"a.ts":"1"}');
      assert.equal(await fingerprints.code('h2'), undefined);
      assert.deepEqual(await fingerprints.fileHashes(['0:0', '1:2']), [undefined, file]);
    },
  },
];
