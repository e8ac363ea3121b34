import assert from 'node:assert/strict';
import { DETAILS_OF, RUN_PENDING_REASONS, STATUSES, type Transition } from '../model/index.ts';
import type { StoreCase } from './store-conformance.ts';
import { addSample, grantedRow, grantedTransition, SAMPLE_TIME, sampleCommit } from './store-samples.ts';

/** The journal, and commits as wholes. */
export const journalCases: readonly StoreCase[] = [
  {
    name: 'journals every word, in order, and reads on from any place',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const all: Transition[] = [];
      for (const to of STATUSES) {
        for (const detail of to === 'pending' ? [...DETAILS_OF.pending, ...RUN_PENDING_REASONS] : DETAILS_OF[to]) {
          const at = SAMPLE_TIME + all.length / 8;
          all.push({
            job: all.length * 1000,
            from: STATUSES[all.length % 6] ?? 'done',
            to,
            detail,
            fence: all.length,
            at,
          });
        }
      }
      const seqs = all.map((transition, i) => ({ ...transition, seq: i + 1 }));

      for (let from = 0; from < all.length; from += 7) {
        const transitions = all.slice(from, from + 7);
        await store.commit([sampleCommit(store, run, { firstSeq: from + 1, transitions })]);
      }

      assert.equal((await store.run(run))?.seq, all.length);
      for (let after = 0; after <= all.length; after += 1) {
        assert.deepEqual(await store.transitions(run, after, 9), seqs.slice(after, after + 9));
      }
      assert.deepEqual(await store.transitions(run, 0, 1_000_000), seqs);
      assert.deepEqual(await store.transitions(run, 3, 0), []);
    },
  },
  {
    name: 'reads a long journal',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const transitions = Array.from({ length: 20_000 }, (_, job) => grantedTransition(job));
      await store.commit([sampleCommit(store, run, { transitions })]);

      const found = await store.transitions(run, 5, 19_000);

      assert.equal(found.length, 19_000);
      assert.deepEqual(found[0], { ...grantedTransition(5), seq: 6 });
      assert.deepEqual(found.at(-1), { ...grantedTransition(19_004), seq: 19_005 });
    },
  },
  {
    name: 'refuses transitions that do not follow: a commit sent twice changes nothing',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const commit = sampleCommit(store, run, { transitions: [grantedTransition(1), grantedTransition(2)] });
      await store.commit([commit]);

      await assert.rejects(store.commit([commit]), { code: 'STATE_CONFLICT' });
      await assert.rejects(store.commit([{ ...commit, firstSeq: 4, jobs: [grantedRow(1)] }]), {
        code: 'STATE_CONFLICT',
      });

      assert.equal((await store.transitions(run, 0, 10)).length, 2);
      assert.equal(await store.job(run, 1), undefined);
      await store.commit([{ ...commit, firstSeq: 3 }]);
      assert.equal((await store.run(run))?.seq, 4);
    },
  },
  {
    name: 'commits several runs as one, or none of them',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const first = await addSample(store, 'r-1');
      const second = await addSample(store, 'r-2');
      const commits = [first, second, first].map((run, i) =>
        sampleCommit(store, run, {
          patch: { status: 'running', detail: '' },
          jobs: [grantedRow(i)],
          values: [{ job: i, value: { codec: 'json', json: '1' } }],
          firstSeq: i === 2 ? 2 : 1,
          transitions: [grantedTransition(i)],
        }),
      );
      const stale = commits.map((commit) => (commit.run === second ? { ...commit, epoch: 2 } : commit));

      await assert.rejects(store.commit(stale), { code: 'RUN_NOT_OWNED' });

      assert.equal((await store.run(first))?.status, 'pending');
      assert.equal(await store.job(first, 0), undefined);
      assert.deepEqual(await store.values(first, [0]), [undefined]);
      assert.deepEqual(await store.transitions(first, 0, 5), []);
      await store.commit(commits);
      assert.deepEqual([(await store.run(first))?.seq, (await store.run(second))?.seq], [2, 1]);
      assert.deepEqual(await store.job(first, 2), grantedRow(2));
    },
  },
  {
    name: 'carries commits out in the order they were given, without waiting for each',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const given = Array.from({ length: 50 }, (_, i) => i);

      await Promise.all(
        given.map((i) =>
          store.commit([
            sampleCommit(store, run, {
              jobs: [grantedRow(1, { element: i })],
              firstSeq: i + 1,
              transitions: [grantedTransition(i)],
            }),
          ]),
        ),
      );

      assert.equal((await store.job(run, 1))?.element, 49);
      assert.deepEqual(
        (await store.transitions(run, 0, 100)).map((transition) => transition.job),
        given,
      );
    },
  },
  {
    name: 'takes a commit of many thousand rows',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const jobs = Array.from({ length: 5000 }, (_, i) => grantedRow(i));
      const transitions = jobs.map((row) => grantedTransition(row.job));

      await store.commit([]);
      const large = store.commit([sampleCommit(store, run, { jobs, transitions })]);
      const small = store.commit([sampleCommit(store, run, { firstSeq: 5001, transitions: [grantedTransition(9)] })]);
      await Promise.all([large, small]);

      assert.equal((await store.counts(run)).get('running'), 5000);
      assert.equal((await store.run(run))?.seq, 5001);
    },
  },
];
