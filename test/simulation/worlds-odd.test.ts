import { expect, test } from 'vitest';
import { playShare, SHARE_SIZE } from './play-seeds.ts';

test('every promise is kept in random worlds with odd seeds', async () => {
  const { played, broken } = await playShare(0);

  expect(broken).toBeUndefined();
  expect(played).toBeGreaterThanOrEqual(SHARE_SIZE);
});
