import assert from 'node:assert/strict';
import {
  asSubmissionId,
  type Detail,
  DETAILS_OF,
  FINAL_STATUSES,
  type FinalJob,
  INLINE_VALUE_BYTES,
  JOB_CANCEL_REQUESTED,
  JOB_HELD,
  type JobRow,
  type RunId,
  STATUSES,
  type Status,
  type Store,
  type Value,
} from '../model/index.ts';
import type { StoreCase } from './store-conformance.ts';
import {
  addSample,
  doneRow,
  gathered,
  grantedRow,
  grantedTransition,
  SAMPLE_TIME,
  sampleCommit,
} from './store-samples.ts';

/** Jobs, values, submissions. */
export const rowCases: readonly StoreCase[] = [
  {
    name: 'gives back every word and number of a job',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const rows: JobRow[] = [];
      for (const status of STATUSES) {
        for (const detail of DETAILS_OF[status]) rows.push(grantedRow(rows.length, { status, detail }));
      }
      rows.push(
        grantedRow(rows.length, { flags: JOB_HELD | JOB_CANCEL_REQUESTED, fence: 3, charged: 2, losses: 4 }),
        grantedRow(rows.length + 1, { handle: '4711 12345\n漢', wakeAt: SAMPLE_TIME + 0.125, element: 99_999 }),
        grantedRow(rows.length + 2, { fence: 0, attempt: '', submission: '', backend: '', grant: '', grantedAt: 0 }),
      );

      await store.commit([sampleCommit(store, run, { jobs: rows })]);

      assert.deepEqual(await gathered(store.jobs(run)), rows);
      assert.deepEqual(await store.job(run, 3), rows[3]);
      assert.equal(await store.job(run, rows.length), undefined);
    },
  },
  {
    name: 'keeps the latest row of a job',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const held = grantedRow(1, { status: 'pending', detail: 'held', fence: 0, attempt: '', flags: JOB_HELD });
      const active = grantedRow(1, { detail: 'active', handle: '42', startedAt: SAMPLE_TIME + 9 });
      const moved = grantedRow(1, {
        detail: 'starting',
        submission: asSubmissionId('hsother'),
        element: 7,
        backend: 'b',
      });

      await store.commit([sampleCommit(store, run, { jobs: [grantedRow(2), held] })]);
      for (const row of [grantedRow(1), active, moved, doneRow(1)]) {
        await store.commit([sampleCommit(store, run, { jobs: [row] })]);
        assert.deepEqual(await store.job(run, 1), row);
      }
      await store.commit([sampleCommit(store, run, { jobs: [grantedRow(3), active, doneRow(3)] })]);

      assert.deepEqual(await gathered(store.jobs(run)), [active, grantedRow(2), doneRow(3)]);
    },
  },
  {
    name: 'lists jobs by index from where it is asked, in batches, however many',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const rows = Array.from({ length: 9000 }, (_, i) => grantedRow(i * 2));

      await store.commit([sampleCommit(store, run, { jobs: rows.toReversed() })]);

      assert.deepEqual(await gathered(store.jobs(run)), rows);
      assert.deepEqual(await gathered(store.jobs(run, 101)), rows.slice(51));
      assert.deepEqual(await gathered(store.jobs(run, 18_000)), []);
      for await (const batch of store.jobs(run)) assert.ok(batch.length > 0 && batch.length < 9000);
    },
  },
  {
    name: 'counts the jobs that have a row by status',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      assert.deepEqual(await store.counts(run), new Map());

      const jobs = [doneRow(0), doneRow(1), grantedRow(2), doneRow(9, { status: 'failed', detail: 'exit' })];
      await store.commit([sampleCommit(store, run, { jobs })]);

      const expected = { done: 2, running: 1, failed: 1 };
      assert.deepEqual(Object.fromEntries(await store.counts(run)), expected);
    },
  },
  {
    name: 'tells jobs that have ended, in short, from those that have not, whole; together they are all',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const failure = '{"kind":"exit","code":2}';
      const rows = Array.from({ length: 20_000 }, (_, job): JobRow => {
        if (job % 100 === 0) return grantedRow(job, { fence: 2, charged: 1 });
        if (job % 101 === 0) return grantedRow(job, { status: 'pending', detail: 'backoff', outcome: failure });
        if (job % 102 === 0) return doneRow(job, { status: 'failed', detail: 'exit', charged: 1, outcome: failure });
        if (job % 103 === 0) return doneRow(job, { fence: 70_000, charged: 2, losses: 3 });
        if (job % 104 === 0) {
          return doneRow(job, {
            status: 'cancelled',
            detail: 'upstream',
            fence: 0,
            attempt: '',
            submission: '',
            outcome: '',
          });
        }
        return doneRow(job);
      });
      assert.deepEqual(await gathered(unpacked(store, run)), []);
      assert.deepEqual(await gathered(store.unfinished(run)), []);

      await store.commit([sampleCommit(store, run, { jobs: rows })]);

      const finals = rows.filter((row) => FINAL_STATUSES.some((status) => status === row.status));
      const expected = finals.map(({ job, status, detail, fence, charged, losses, outcome }) => {
        return { job, status, detail, fence, charged, losses, outcome: status === 'failed' ? outcome : '' };
      });
      const found = (await gathered(unpacked(store, run))).toSorted((a, b) => a.job - b.job);
      assert.deepEqual(found, expected);
      assert.deepEqual(
        await gathered(store.unfinished(run)),
        rows.filter((row) => !finals.includes(row)),
      );
    },
  },
  {
    name: 'keeps the last value of each job, of each kind, in the order asked',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const json: Value = { codec: 'json', json: '{"a":[1,"漢\\u0000"]}' };
      const v8: Value = { codec: 'v8', bytes: Uint8Array.of(255, 15, 0, 1) };

      await store.commit([
        sampleCommit(store, run, {
          values: [
            { job: 0, value: json },
            { job: 5, value: v8 },
          ],
        }),
      ]);
      await store.commit([sampleCommit(store, run, { values: [{ job: 0, value: { codec: 'json', json: '' } }] })]);

      const [last, bytes, ...rest] = await store.values(run, [0, 5, 1, 0]);
      assert.deepEqual(last, { codec: 'json', json: '' });
      assert.ok(bytes?.codec === 'v8');
      assert.deepEqual([...bytes.bytes], [255, 15, 0, 1]);
      assert.deepEqual(rest, [undefined, last]);
      assert.deepEqual(await store.values(run, []), []);
    },
  },
  {
    name: 'gives large values back whole, of each kind, beside small ones, and the last of each job',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const text: Value = { codec: 'json', json: `"${'a漢\u{1f9f5}'.repeat(600_000)}"` };
      const bytes = Uint8Array.from({ length: INLINE_VALUE_BYTES + 1 }, (_, i) => (i * 7) % 256);
      const small: Value = { codec: 'json', json: '1' };
      const exact: Value = { codec: 'json', json: `"${'x'.repeat(INLINE_VALUE_BYTES - 2)}"` };

      await store.commit([
        sampleCommit(store, run, {
          values: [
            { job: 0, value: text },
            { job: 1, value: { codec: 'v8', bytes } },
            { job: 2, value: small },
            { job: 3, value: text },
            { job: 4, value: exact },
          ],
        }),
      ]);
      await store.commit([sampleCommit(store, run, { values: [{ job: 3, value: small }] })]);

      const [first, second, ...rest] = await store.values(run, [0, 1, 2, 3, 4]);
      assert.deepEqual(first, text);
      assert.ok(second?.codec === 'v8' && Buffer.from(bytes).equals(second.bytes));
      assert.deepEqual(rest, [small, small, exact]);
    },
  },
  {
    name: 'keeps a large value that another run has too when one of the two is removed',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const value: Value = { codec: 'json', json: `"${'large '.repeat(60_000)}"` };
      const runs = [await addSample(store, 'r-1'), await addSample(store, 'r-2')] as const;
      for (const run of runs) await store.commit([sampleCommit(store, run, { values: [{ job: 1, value }] })]);

      await store.releaseRun(runs[0], 1);
      await store.deleteRun(runs[0]);

      assert.deepEqual(await store.values(runs[1], [1]), [value]);
    },
  },
  {
    name: 'keeps commits in order, large values or not',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const values = Array.from({ length: 12 }, (_, i): Value => {
        const text = i % 3 === 0 ? String(i).repeat(INLINE_VALUE_BYTES) : String(i);
        return { codec: 'json', json: `"${text}"` };
      });

      await Promise.all(
        values.map((value) => store.commit([sampleCommit(store, run, { values: [{ job: 1, value }] })])),
      );

      assert.deepEqual(await store.values(run, [1]), values.slice(-1));
    },
  },
  {
    name: 'gives many values at once',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const values = Array.from({ length: 3000 }, (_, job) => ({
        job,
        value: { codec: 'json', json: `${job}` } as const,
      }));

      await store.commit([sampleCommit(store, run, { values })]);

      const found = await store.values(
        run,
        values.map((row) => row.job),
      );
      assert.deepEqual(
        found,
        values.map((row) => row.value),
      );
    },
  },
  {
    name: 'keeps submissions, and their handle once it is known',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const first = { id: asSubmissionId('hs1'), backend: 'slurm', handle: '', at: SAMPLE_TIME };
      const second = { id: asSubmissionId('hs0'), backend: 'slurm', handle: '', at: SAMPLE_TIME + 1.5 };

      await store.commit([sampleCommit(store, run, { submissions: [first, second] })]);
      await store.commit([sampleCommit(store, run, { submissions: [{ ...first, handle: '4711' }] })]);

      const found = (await store.submissions(run)).toSorted((a, b) => a.at - b.at);
      assert.deepEqual(found, [{ ...first, handle: '4711' }, second]);
    },
  },
  {
    name: 'keeps what was committed, whatever becomes of the objects it was given',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const row = { ...grantedRow(1) };
      const transition = { ...grantedTransition(1) };
      await store.commit([sampleCommit(store, run, { jobs: [row], transitions: [transition] })]);

      Object.assign(row, doneRow(1));
      Object.assign(transition, { to: 'failed' });

      assert.deepEqual(await store.job(run, 1), grantedRow(1));
      assert.deepEqual(await store.transitions(run, 0, 5), [{ ...grantedTransition(1), seq: 1 }]);
    },
  },
  {
    name: 'fails a listing of a run that is removed meanwhile, rather than end it early',
    needs: ['jobs', 'another'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const other = await fixture.another?.();
      assert.ok(other !== undefined);
      const run = await addSample(store);
      const rows = Array.from({ length: 20_000 }, (_, i) => doneRow(i));
      await store.commit([sampleCommit(store, run, { jobs: rows })]);
      await store.releaseRun(run, 1);

      const listing = store.jobs(run)[Symbol.asyncIterator]();
      const first = await listing.next();
      await other.deleteRun(run);

      assert.equal(first.done, false);
      await assert.rejects(listing.next(), { code: 'RUN_NOT_FOUND' });
    },
  },
  {
    name: 'has everything still when it is opened again',
    needs: ['jobs', 'reopen'],
    async run(open) {
      await using fixture = await open();
      const run = await addSample(fixture.store);
      await fixture.store.commit([
        sampleCommit(fixture.store, run, {
          patch: { status: 'running', detail: '' },
          jobs: [grantedRow(1), doneRow(2), grantedRow(1, { fence: 2 })],
          values: [{ job: 2, value: { codec: 'json', json: '"two"' } }],
          submissions: [{ id: asSubmissionId('hs1'), backend: 'b', handle: 'h', at: 1 }],
          transitions: [grantedTransition(1), grantedTransition(2)],
        }),
      ]);
      const before = await everything(fixture.store, run);

      const store = await fixture.reopen?.();

      assert.ok(store !== undefined);
      assert.notEqual(store.owner, fixture.store.owner);
      assert.deepEqual(await everything(store, run), before);
    },
  },
];

/** Jobs that have ended, each as an object. */
async function* unpacked(store: Store, run: RunId): AsyncGenerator<readonly FinalJob[]> {
  for await (const { jobs, statuses, details, fences, charged, losses, outcomes } of store.finals(run)) {
    yield Array.from(jobs, (job, i): FinalJob => {
      const words = { status: STATUSES[statuses[i] as number] as Status, detail: details[i] as Detail };
      const numbers = { fence: fences[i] as number, charged: charged[i] as number, losses: losses[i] as number };
      return { job, ...words, ...numbers, outcome: outcomes.get(job) ?? '' };
    });
  }
}

async function everything(store: Store, run: RunId): Promise<object> {
  return {
    run: await store.run(run),
    names: (await store.graph(run)).map((graph) => Buffer.from(graph.names.bytes).toString()),
    jobs: await gathered(store.jobs(run)),
    attempts: await store.attempts(run, 1),
    values: await store.values(run, [1, 2]),
    submissions: await store.submissions(run),
    transitions: await store.transitions(run, 0, 100),
  };
}
