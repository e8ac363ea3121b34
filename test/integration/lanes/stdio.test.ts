import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { laneBackend, stdioTransport } from '../../../src/lanes/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { body, laneFixture, Lanes } from './harness.ts';

const ENTRY = fileURLToPath(new URL('../../../src/lanes/stdio.entry.ts', import.meta.url));

/** Lanes behind a shell that says something first, as a login does. */
function behindShell(slots: number, prefetch = 0, script = `echo 'Welcome!'; exec "$0" "$1"`): Backend {
  const kind = {
    name: 'stdio',
    local: false,
    gpus: false,
    recalls: false,
    transport: ({ clock, project }: Parameters<Backend['open']>[0]) =>
      stdioTransport({
        clock,
        command: ['/bin/sh', '-c', script, process.execPath, ENTRY],
        cwd: project,
        env: { PATH: process.env['PATH'] ?? '' },
      }),
  };
  return laneBackend(kind, { slots, prefetch });
}

test.each(backendCasesFor(['calls', 'streams']))('the contract, kept over frames: $name', async (backendCase) => {
  await backendCase.run(() => laneFixture(behindShell(2)));
});

test('many short calls go ahead of each other, and a death in their midst is one call’s own', async () => {
  await using lanes = await Lanes.open(behindShell(1, 8));
  for (let i = 0; i < 5; i += 1) await lanes.run(body('add', [i, i]));
  const orders = Array.from({ length: 40 }, (_, i) => lanes.order(i === 20 ? body('leave', [4]) : body('add', [i, 1])));

  await lanes.rig.launch(orders);
  const ends = await Promise.all(orders.map((order) => lanes.outcome(order)));

  expect(ends[20]).toMatchObject({ kind: 'exit', code: 4 });
  expect(ends.filter(({ kind }) => kind === 'ok').length).toBe(39);
});

test('where nobody speaks frames, what waits is given back, never started', async () => {
  await using lanes = await Lanes.open(behindShell(1, 0, `echo 'no such program' >&2; exit 127`));
  const order = await lanes.start(body('nothing'));

  expect(await lanes.rig.end(order)).toEqual({ kind: 'gone' });
  expect(lanes.rig.of(order).at(-1)).toMatchObject({ kind: 'gone', neverStarted: true });
});
