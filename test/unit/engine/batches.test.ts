import { expect, test } from 'vitest';
import type { JobRow, RunId, Store } from '../../../src/model/index.ts';
import { testEngine } from './scripted.ts';

async function rowsOf(store: Store, run: RunId): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  for await (const batch of store.jobs(run)) rows.push(...batch);
  return rows;
}

const CAPABILITIES = { commands: true, calls: true, recoverable: true, local: false };

test('what travels together is on record with its submission before it travels, so that it is found again', async () => {
  await using engine = await testEngine({ cpus: 8 });
  engine.backend.capabilities = { ...CAPABILITIES, batches: true };
  const run = await engine.start({ a: {}, b: {}, c: { name: 'other' }, d: {} });

  const submissions = await engine.shell.store.submissions(run);
  const [alike, other] = submissions.map(({ id }) => id);

  expect(submissions).toHaveLength(2);
  expect((await rowsOf(engine.shell.store, run)).map(({ submission, element }) => [submission, element])).toEqual([
    [alike, 0],
    [alike, 1],
    [other, 0],
    [alike, 2],
  ]);
  expect(engine.backend.launched.map(({ job, submission, element }) => [job, submission, element])).toEqual([
    ['a', alike, 0],
    ['b', alike, 1],
    ['d', alike, 2],
    ['c', other, 0],
  ]);
});

test('what travels alone is its own submission, without a word in its row', async () => {
  await using engine = await testEngine({ cpus: 8 });
  const run = await engine.start({ a: {}, b: {} });

  expect((await rowsOf(engine.shell.store, run)).map(({ submission }) => submission)).toEqual(['', '']);
  expect(engine.backend.launched.every(({ attempt, submission }) => (submission as string) === attempt)).toBe(true);
  expect(await engine.shell.store.submissions(run)).toEqual([]);
});
