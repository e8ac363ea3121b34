import assert from 'node:assert/strict';
import type { RunCommit, RunId, Store } from '../../../src/model/index.ts';
import { gathered, grantedRow, grantedTransition, sampleCommit } from '../../../src/testing/store-samples.ts';

/** A commit that can be recognised: number n writes ten rows that bear n, and transitions 10n-9 to 10n. */
export function numberedCommit(
  store: Store,
  run: RunId,
  { epoch, number }: { readonly epoch: number; readonly number: number },
): RunCommit {
  const jobs = Array.from({ length: 10 }, (_, job) => grantedRow(job, { element: number, detail: 'active' }));
  const transitions = jobs.map((row) => ({ ...grantedTransition(row.job), at: number }));
  return sampleCommit(store, run, { epoch, jobs, transitions, firstSeq: number * 10 - 9 });
}

/** The number of the last commit, having made sure that every commit is there wholly or not at all. */
export async function lastNumber(store: Store, run: RunId): Promise<number> {
  const seq = (await store.run(run))?.seq ?? -1;
  assert.equal(seq % 10, 0, 'a commit is there in part');
  const number = seq / 10;
  const rows = await gathered(store.jobs(run));
  assert.equal(rows.length, number === 0 ? 0 : 10);
  for (const row of rows) assert.equal(row.element, number);
  const transitions = await store.transitions(run, 0, 1_000_000);
  assert.equal(transitions.length, seq);
  for (const transition of transitions) assert.equal(transition.at, Math.ceil(transition.seq / 10));
  return number;
}
