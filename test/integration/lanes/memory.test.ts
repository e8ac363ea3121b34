import { describe, expect, test } from 'vitest';
import { processesBackend } from '../../../src/backends/processes/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import { body, Lanes } from './harness.ts';

const MIB = 1024 * 1024;
const MINUTE = 60_000;

describe.each([
  { kind: 'threads', backend: threadsBackend },
  { kind: 'processes', backend: processesBackend },
])('calls in $kind that were granted so much memory', ({ backend }) => {
  test.each(['buffers', 'buffersAside'])('are ended when they hold more outside of their heap: %s', async (name) => {
    await using lanes = await Lanes.open(backend({ slots: 2 }));
    const neighbour = await lanes.start(body('pause', [2000]), { memoryBytes: 100 * MIB });
    const greedy = await lanes.start(body(name, [400, MINUTE]), { memoryBytes: 100 * MIB });

    const outcome = await lanes.outcome(greedy);

    expect(outcome).toEqual({ kind: 'memory', note: expect.stringMatching(/^used \d+ MiB of 100 MiB$/) });
    expect(await lanes.outcome(neighbour)).toMatchObject({ kind: 'ok' });
    expect(await lanes.value(body('add', [1, 2]), { memoryBytes: 100 * MIB })).toBe(3);
  });

  test('are let be while they hold less', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));

    expect(await lanes.value(body('buffers', [80, 1800]), { memoryBytes: 100 * MIB })).toBe(10);
  });

  test('are let be while they drop much and hold little', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));

    expect(await lanes.value(body('churn', [30, 1800]), { memoryBytes: 100 * MIB })).toBe(30);
  });

  test('are let be where nothing was granted', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));

    expect(await lanes.value(body('buffersAside', [400, 1200]))).toBe(50);
  });

  test('take nobody with them who waits behind', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    // So short that others are sent behind it: until it is asked for much.
    for (let i = 0; i < 5; i += 1) await lanes.run(body('buffersAside', [0, 0]), { memoryBytes: 100 * MIB });
    const greedy = lanes.order(body('buffersAside', [400, MINUTE]), { memoryBytes: 100 * MIB });
    const others = Array.from({ length: 5 }, (_, i) => lanes.order(body('add', [i, 1]), { memoryBytes: 100 * MIB }));
    await lanes.rig.launch([greedy, ...others]);

    expect((await lanes.outcome(greedy)).kind).toBe('memory');
    const outcomes = await Promise.all(others.map((order) => lanes.outcome(order)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
  });
});

test('what programs of a call hold is held by its process', async () => {
  await using lanes = await Lanes.open(processesBackend({ slots: 1 }));

  const outcome = await lanes.run(body('childWithBuffers', [400, MINUTE]), { memoryBytes: 100 * MIB });

  expect(outcome).toEqual({ kind: 'memory', note: expect.stringMatching(/of 100 MiB$/) });
});
