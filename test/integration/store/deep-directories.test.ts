import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { addSample, sampleCommit } from '../../../src/testing/store-samples.ts';
import { type Scratch, scratch } from './sqlite-fixture.ts';

/** A path below a scratch directory of so many bytes in all. */
function pathOfLength(place: Scratch, bytes: number): string {
  let path = place.path;
  while (path.length < bytes) {
    const left = bytes - path.length - 1;
    // No name may be empty, so the last takes what would be too little for another.
    path = join(path, 'd'.repeat(left > 200 ? 100 : left));
  }
  return path;
}

const options = { clock: systemClock, random: systemRandom };

test('a store lies as deep as 460 bytes, owners and large values included; deeper is refused with the limit', async () => {
  await using place = await scratch();
  const path = pathOfLength(place, 460);
  expect(path).toHaveLength(460);
  const value = { codec: 'json', json: `"${'x'.repeat(300_000)}"` } as const;
  {
    await using store = await openStore(path, options);
    const run = await addSample(store);
    await store.commit([sampleCommit(store, run, { values: [{ job: 1, value }] })]);
    await using other = await openStore(path, options);
    expect(await other.claimRun(run)).toMatchObject({ kind: 'owned', owner: store.owner });
    expect(await other.values(run, [1])).toEqual([value]);
  }

  expect(readdirSync(join(path, 'owners'))).toEqual([]);
  await expect(openStore(`${path}d`, options)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('461 bytes'),
    hint: expect.stringContaining('460'),
  });
});

test.skipIf(process.platform !== 'linux')(
  'a directory that the system never lets be made is refused, and not tried for ever',
  async () => {
    // As an automounted home of nobody: to make one in it, and to make it itself, is answered by 'no such directory'.
    await expect(openStore('/proc/heddle-nobody/store', options)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: "the store's directory /proc/heddle-nobody/store cannot be made",
    });
  },
);
