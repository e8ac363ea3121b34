import { expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { RemoteRig } from './rig.ts';

const FLOOR_MS = 1000;

test('10,000 jobs of 20 runs on two targets of one cluster: at most one question an interval', {
  timeout: 60_000,
}, async () => {
  await using rig = new RemoteRig();
  const { cluster } = rig;
  const backends = [await rig.open(), await rig.open({}, 'again')];
  const orders: AttemptOrder[] = [];
  for (let run = 0; run < 20; run += 1) {
    const own = rig.orders(500);
    orders.push(...own);
    await rig.during(backends[run % 2]?.launch(own));
  }

  cluster.begin();
  for (let share = 0; share < 10; share += 1) {
    cluster.finish(cluster.jobs.filter(({ element }) => element % 10 === share));
    await rig.pass(3000);
  }
  await rig.pass(10_000);

  expect(new Set(rig.endsOf(orders.filter((_, i) => i % 97 === 0)))).toEqual(new Set(['ok']));
  expect(rig.events.filter(({ kind }) => kind === 'ended')).toHaveLength(10_000);
  expect(cluster.submissions).toHaveLength(20);
  const gaps = cluster.statusAt.slice(1).map((at, i) => at - (cluster.statusAt[i] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(FLOOR_MS);
  expect(cluster.statusAt.length).toBeLessThanOrEqual(rig.clock.now().mono / FLOOR_MS + 1);
});

test('nobody is asked while nobody waits, and less and less often while nothing changes', async () => {
  await using rig = new RemoteRig();
  const backend = await rig.open();
  await rig.pass(20_000);
  expect(rig.cluster.statusAt).toEqual([]);

  const orders = rig.orders(3);
  await rig.during(backend.launch(orders));
  rig.cluster.begin();
  await rig.pass(100_000);

  const gaps = rig.cluster.statusAt.slice(1).map((at, i) => at - (rig.cluster.statusAt[i] ?? 0));
  expect(gaps[0]).toBe(1000);
  expect(gaps.at(-1)).toBe(8000);
  expect(gaps.toSorted((a, b) => a - b)).toEqual(gaps);
});

test('an array is one submission up to its limit, whichever limit that is', async () => {
  await using rig = new RemoteRig();
  const plain = await rig.open();
  const narrow = await rig.open({ maxArray: 40 }, 'narrow');

  await rig.during(plain.launch(rig.orders(1001)));
  await rig.during(narrow.launch(rig.orders(100)));

  expect(rig.cluster.submissions.map(({ elements }) => elements)).toEqual([1000, 1, 40, 40, 20]);
  const markers = rig.cluster.submissions.map(({ marker }) => marker);
  expect(new Set(markers).size).toBe(5);
  for (const marker of markers) expect(marker).toMatch(/^[a-z][a-z0-9]{0,14}$/);
});
