import { expect, test } from 'vitest';
import { forkTransport, laneBackend, type LaneKind } from '../../../src/lanes/index.ts';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { body, laneFixture, Lanes } from './harness.ts';

/** Lanes over the IPC channel of `fork`. */
const FORKED: LaneKind = {
  name: 'forked',
  local: false,
  gpus: false,
  transport: ({ clock, project }) => forkTransport({ clock, project }),
};

test.each(backendCasesFor(['calls', 'streams']))('the contract, kept over fork IPC: $name', async (backendCase) => {
  await backendCase.run(() => laneFixture(laneBackend(FORKED, { slots: 2 })));
});

test('many short calls go ahead of each other, and a death in their midst is one call’s own', async () => {
  await using lanes = await Lanes.open(laneBackend(FORKED, { slots: 1 }));
  for (let i = 0; i < 5; i += 1) await lanes.run(body('add', [i, i]));
  const orders = Array.from({ length: 40 }, (_, i) => lanes.order(i === 20 ? body('leave', [4]) : body('add', [i, 1])));

  await lanes.rig.launch(orders);
  const ends = await Promise.all(orders.map((order) => lanes.outcome(order)));

  expect(ends[20]).toMatchObject({ kind: 'exit', code: 4 });
  expect(ends.filter(({ kind }) => kind === 'ok').length).toBe(39);
});
