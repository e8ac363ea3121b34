import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addSample, sampleCommit } from '../../../src/testing/store-samples.ts';
import { scratch } from './sqlite-fixture.ts';

const old = { name: 'old-name', boot: 'boot-1' };
const now = { name: 'new-name', boot: 'boot-2' };

test('an owner on another machine counts as alive until its file is removed, as the refusal says', async () => {
  await using place = await scratch();
  const lost = await place.open({ host: old });
  const run = await addSample(lost);
  const heir = await place.open({ host: now });

  const answer = await heir.claimRun(run);
  const seen = await heir.ownerOf(run);
  expect(answer).toMatchObject({
    kind: 'owned',
    host: 'old-name',
    remedy: expect.stringContaining('old-name is down'),
  });
  expect(seen).toMatchObject({ alive: true, remedy: expect.stringContaining('old-name is down') });
  await expect(heir.deleteRun(run)).rejects.toMatchObject({
    code: 'RUN_OWNED',
    hint: expect.stringContaining('remove'),
  });

  const path = / remove (\S+)$/.exec(seen?.remedy ?? '')?.[1] ?? '';
  rmSync(path);

  expect(await heir.ownerOf(run)).toEqual({ ...(await lost.ownerOf(run)), alive: false });
  expect(await heir.claimRun(run)).toEqual({ kind: 'claimed', epoch: 2 });
  await heir.commit([sampleCommit(heir, run, { epoch: 2 })]);
  await expect(lost.commit([sampleCommit(lost, run)])).rejects.toMatchObject({ code: 'RUN_NOT_OWNED' });
});

test('an owner on another machine that has closed its store is gone', async () => {
  await using place = await scratch();
  const away = await place.open({ host: old });
  const run = await addSample(away);
  const heir = await place.open({ host: now });
  expect(await heir.claimRun(run)).toMatchObject({ kind: 'owned', host: 'old-name' });

  await away[Symbol.asyncDispose]();

  expect(await heir.claimRun(run)).toEqual({ kind: 'claimed', epoch: 2 });
});

test('an owner of an earlier start of this machine, or under another name of it, is judged by its lock', async () => {
  await using place = await scratch();
  const renamed = await place.open({ host: { name: 'container', boot: 'boot-1' } });
  const rebooted = await place.open({ host: { name: 'old-name', boot: 'boot-0' } });
  const runs = [await addSample(renamed, 'r-1'), await addSample(rebooted, 'r-2')] as const;
  const heir = await place.open({ host: old });
  for (const run of runs) {
    const answer = await heir.claimRun(run);
    expect(answer.kind).toBe('owned');
    expect(answer).not.toHaveProperty('remedy');
  }

  await renamed[Symbol.asyncDispose]();
  await rebooted[Symbol.asyncDispose]();

  for (const run of runs) expect(await heir.claimRun(run)).toEqual({ kind: 'claimed', epoch: 2 });
});
