import assert from 'node:assert/strict';
import type { StoreCase } from './store-conformance.ts';
import { addSample, grantedRow, sampleCommit } from './store-samples.ts';

/** Who may write a run. */
export const ownershipCases: readonly StoreCase[] = [
  {
    name: 'refuses a commit of another owner, another epoch, or an unknown run, and changes nothing',
    needs: ['jobs'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const commit = sampleCommit(store, run, { jobs: [grantedRow(1)], patch: { status: 'running' } });
      const refused = { code: 'RUN_NOT_OWNED' };

      await assert.rejects(store.commit([{ ...commit, epoch: 2 }]), refused);
      await assert.rejects(store.commit([{ ...commit, owner: 'o-other' as typeof store.owner }]), refused);
      await assert.rejects(store.commit([{ ...commit, run: 'r-none' as typeof run }]), refused);

      assert.equal(await store.job(run, 1), undefined);
      assert.equal((await store.run(run))?.status, 'pending');
      await store.commit([commit]);
    },
  },
  {
    name: 'lets an owner claim what it owns, without a new epoch',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);

      assert.deepEqual(await store.claimRun(run), { kind: 'claimed', epoch: 1 });
      await store.commit([sampleCommit(store, run, { patch: { status: 'running', detail: '' } })]);
    },
  },
  {
    name: 'gives a run up, and to who claims it with a new epoch',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      await assert.rejects(store.releaseRun(run, 2), { code: 'RUN_NOT_OWNED' });

      await store.releaseRun(run, 1);

      assert.equal((await store.run(run))?.owner, '');
      assert.equal(await store.ownerOf(run), undefined);
      await assert.rejects(store.releaseRun(run, 1), { code: 'RUN_NOT_OWNED' });
      await assert.rejects(store.commit([sampleCommit(store, run)]), { code: 'RUN_NOT_OWNED' });
      assert.deepEqual(await store.claimRun(run), { kind: 'claimed', epoch: 2 });
      await assert.rejects(store.commit([sampleCommit(store, run)]), { code: 'RUN_NOT_OWNED' });
      await store.commit([sampleCommit(store, run, { epoch: 2 })]);
    },
  },
  {
    name: 'says who owns a run, and that it lives',
    needs: [],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);

      const owner = await store.ownerOf(run);

      assert.equal(owner?.owner, store.owner);
      assert.equal(owner?.alive, true);
      assert.equal(owner?.pid, process.pid);
      assert.ok(owner.host.length > 0);
    },
  },
  {
    name: 'does not give a run to another while its owner lives',
    needs: ['another'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const other = await fixture.another?.();
      assert.ok(other !== undefined);
      const run = await addSample(store);

      const answer = await other.claimRun(run);

      assert.equal(answer.kind, 'owned');
      assert.equal(answer.kind === 'owned' && answer.owner, store.owner);
      assert.equal(answer.kind === 'owned' && answer.pid, process.pid);
      assert.equal((await other.ownerOf(run))?.alive, true);
      await assert.rejects(other.commit([sampleCommit(other, run)]), { code: 'RUN_NOT_OWNED' });
      await assert.rejects(other.deleteRun(run), { code: 'RUN_OWNED' });
      await store.commit([sampleCommit(store, run)]);
    },
  },
  {
    name: 'gives a run whose owner is gone to one who claims it, and not to two',
    needs: ['another', 'reopen'],
    async run(open) {
      await using fixture = await open();
      const { store } = fixture;
      const run = await addSample(store);
      const heir = await fixture.reopen?.();
      const other = await fixture.another?.();
      assert.ok(heir !== undefined && other !== undefined);
      assert.equal((await heir.ownerOf(run))?.alive, false);

      const answers = await Promise.all([heir.claimRun(run), other.claimRun(run)]);

      assert.deepEqual(answers.map((answer) => answer.kind).toSorted(), ['claimed', 'owned']);
      const winner = answers[0].kind === 'claimed' ? heir : other;
      assert.equal((await winner.run(run))?.owner, winner.owner);
      await assert.rejects(winner.commit([sampleCommit(winner, run, { epoch: 1 })]), { code: 'RUN_NOT_OWNED' });
      await winner.commit([sampleCommit(winner, run, { epoch: 2 })]);
    },
  },
  {
    name: 'lets a run be removed whose owner is gone',
    needs: ['reopen'],
    async run(open) {
      await using fixture = await open();
      const run = await addSample(fixture.store);
      const heir = await fixture.reopen?.();
      assert.ok(heir !== undefined);

      await heir.deleteRun(run);

      assert.deepEqual(await heir.runs({}), []);
    },
  },
];
