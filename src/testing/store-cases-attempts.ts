import assert from 'node:assert/strict';
import { asAttemptId, type AttemptRow, type JobRow } from '../model/index.ts';
import type { StoreCase } from './store-conformance.ts';
import { addSample, grantedRow, SAMPLE_TIME, sampleCommit } from './store-samples.ts';

/** What is kept of a job's earlier attempts. */
export const attemptCases: readonly StoreCase[] = [
  {
    name: 'keeps what a row said when the next attempt was granted',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const first = grantedRow(4, { handle: '77' });
      const backoff = grantedRow(4, {
        status: 'pending',
        detail: 'backoff',
        charged: 1,
        grant: '',
        handle: '77',
        startedAt: SAMPLE_TIME + 5,
        endedAt: SAMPLE_TIME + 6,
        wakeAt: SAMPLE_TIME + 1000,
        outcome: '{"kind":"exit","code":2}',
      });
      const second = grantedRow(4, { fence: 2, charged: 1, attempt: asAttemptId('a-second'), backend: 'slurm' });
      const active = { ...second, detail: 'active', startedAt: SAMPLE_TIME + 1001 } as const;
      const third = grantedRow(4, { fence: 3, charged: 1, losses: 1, attempt: asAttemptId('a-third') });

      for (const row of [first, backoff, second, active, third]) {
        await store.commit([sampleCommit(store, run, { jobs: [row, grantedRow(5)] })]);
      }

      assert.deepEqual(await store.attempts(run, 4), [earlier(backoff), earlier(active)]);
      assert.deepEqual(await store.attempts(run, 5), []);
      assert.deepEqual(await store.job(run, 4), third);
    },
  },
  {
    name: 'takes a row from before the first attempt for no attempt',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const none = { fence: 0, attempt: '', submission: '', grant: '', backend: '', grantedAt: 0 } as const;

      await store.commit([
        sampleCommit(store, run, { jobs: [grantedRow(1, { status: 'pending', detail: 'held', ...none })] }),
      ]);
      await store.commit([sampleCommit(store, run, { jobs: [grantedRow(1), grantedRow(2, { fence: 2 })] })]);

      assert.deepEqual(await store.attempts(run, 1), []);
      assert.deepEqual(await store.attempts(run, 2), []);
    },
  },
];

function earlier(row: JobRow): AttemptRow {
  const { job, fence, attempt, backend, grant, handle, grantedAt, startedAt, endedAt, outcome } = row;
  assert.ok(attempt !== '');
  return { job, fence, attempt, backend, grant, handle, grantedAt, startedAt, endedAt, outcome };
}
