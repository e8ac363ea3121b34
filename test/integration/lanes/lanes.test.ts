import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { processesBackend } from '../../../src/backends/processes/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { body, call, laneFixture, Lanes } from './harness.ts';

const KINDS = [
  { kind: 'threads', backend: threadsBackend },
  { kind: 'processes', backend: processesBackend },
];

describe.each(KINDS)('the contract, kept by $kind', ({ backend }) => {
  test.each(backendCasesFor(traitsOf(backend())))('$name', async (backendCase) => {
    await backendCase.run(() => laneFixture(backend({ slots: 2 })));
  });
});

describe.each(KINDS)('calls in $kind', ({ backend }) => {
  test('give their value, or their error with its code and cause', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));

    expect(await lanes.value(body('add', [1, 2]))).toBe(3);
    expect(await lanes.run(body('nothing'))).toEqual({ kind: 'ok' });
    expect(await lanes.run(body('fail'))).toMatchObject({
      kind: 'error',
      error: { name: 'RangeError', message: 'out of range', code: 'E_RANGE', cause: { message: 'deeper' } },
    });
  });

  test('leave no directory when they say nothing, and what they say in order when they do', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const silent = await lanes.start(body('nothing'));
    const loud = await lanes.start(body('say', ['hello']));

    await Promise.all([lanes.outcome(silent), lanes.outcome(loud)]);

    expect(existsSync(silent.directory)).toBe(false);
    expect(lanes.said(loud, 'stdout')).toBe('hello\ntail');
    expect(lanes.said(loud, 'stderr')).toBe('hello!\n');
  });

  test('say it where they are told to: both streams of one file in order', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const file = join(lanes.project, 'deep/down/log.txt');

    await lanes.run(body('count', [2000], { redirect: { stdout: file, stderr: file } }));

    expect(readFileSync(file, 'utf8')).toBe(Array.from({ length: 2000 }, (_, i) => `${i}\n`).join(''));
  });

  test('say no more than they may', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const order = lanes.order(body('count', [4000]));
    await lanes.rig.launch([{ ...order, limits: { ...order.limits, outputBytes: 1000 } }]);

    await lanes.outcome(order);

    const all = Array.from({ length: 2000 }, (_, i) => `${2 * i}\n`).join('');
    expect(lanes.said(order, 'stdout')).toBe(
      `${all.slice(0, 1000)}\n[heddle: output above 1000 bytes is cut off here]\n`,
    );
  });

  test('that leave by process.exit never end well, and what they said before is kept', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const third = await lanes.start(body('sayAndLeave', [3]));

    expect(await lanes.outcome(third)).toMatchObject({ kind: 'exit', code: 3 });
    expect(await lanes.run(body('leave', [0]))).toMatchObject({ kind: 'exit', code: 0 });
    expect(lanes.said(third, 'stdout')).toBe('said before');
    expect(await lanes.value(body('add', [1, 1]))).toBe(2);
  });

  test('that throw where nobody can catch it fail by that error', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));

    const outcome = await lanes.run(body('throwLater'));

    expect(outcome).toMatchObject({ kind: 'error', error: { message: 'nobody catches this' } });
    expect(await lanes.value(body('add', [1, 1]))).toBe(2);
  });

  test('that fill the heap they were granted fail for memory, and hurt no other', async () => {
    await using lanes = await Lanes.open(backend({ slots: 2 }));
    const other = await lanes.start(body('pause', [500]));

    const hoarder = await lanes.run(body('hoard'), { memoryBytes: 64 * 1024 * 1024 });

    expect(hoarder.kind).toBe('memory');
    expect(await lanes.outcome(other)).toMatchObject({ kind: 'ok' });
  });

  test('have a heap of the size that was granted', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const mib = 1024 * 1024;

    const small = (await lanes.value(body('memoryLimit'), { memoryBytes: 100 * mib })) as number;
    const large = (await lanes.value(body('memoryLimit'), { memoryBytes: 400 * mib })) as number;

    expect(small).toBeGreaterThanOrEqual(100 * mib);
    expect(small).toBeLessThan(400 * mib);
    expect(large).toBeGreaterThanOrEqual(400 * mib);
  });

  test('see the environment they declare, and not all of ours', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    process.env['HEDDLE_TEST_SECRET'] = 'ours';

    const declared = await lanes.value({ ...body('seen', ['MINE']), environment: { MINE: '1' } } as never);
    const after = await lanes.value(body('seen', ['MINE']));
    const secret = await lanes.value(body('seen', ['HEDDLE_TEST_SECRET']));
    delete process.env['HEDDLE_TEST_SECRET'];

    expect([declared, after, secret]).toEqual(['1', undefined, undefined]);
  });

  test('are asked for values one by one when they are generators', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const order = await lanes.start(body('numbers', [2], { stream: true }));
    const { backend: open } = lanes.rig;
    await lanes.rig.until(
      () => lanes.rig.of(order).some((event) => event.kind === 'phase' && event.phase === 'streaming') || undefined,
      'no stream',
    );

    const first = await open.pull?.(order.attempt, { kind: 'next' });
    const [second, last] = await Promise.all([
      open.pull?.(order.attempt, { kind: 'next', value: 3 }),
      open.pull?.(order.attempt, { kind: 'next', value: 4 }),
    ]);
    const outcome = await lanes.outcome(order);

    expect([first, second, last]).toEqual([
      { done: false, value: 0 },
      { done: false, value: 1 },
      { done: true, value: 'sum 7' },
    ]);
    expect(outcome).toMatchObject({ kind: 'ok', value: { json: '"sum 7"' } });
    await expect(open.pull?.(order.attempt, { kind: 'next' })).rejects.toMatchObject({ code: 'STREAM_ENDED' });
  });

  test('run new code once their module has changed, or what it imports', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const module = join(lanes.project, 'module.mjs');
    const helper = join(lanes.project, 'helper.mjs');
    writeFileSync(helper, 'export const factor = 2;\n');
    writeFileSync(module, `import { factor } from './helper.mjs';\nexport const times = (x) => x * factor;\n`);

    const before = await lanes.value(call(module, 'times', [5]));
    writeFileSync(helper, 'export const factor = 30;\n');
    // How soon files are looked at again depends on what a look takes.
    let after = before;
    while (after === before) {
      await lanes.rig.pause(20);
      after = await lanes.value(call(module, 'times', [5]));
    }

    expect([before, after]).toEqual([10, 150]);
  });

  test('start in a fresh worker each where they are isolated', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1, isolate: true }));
    const module = join(lanes.project, 'module.mjs');
    writeFileSync(module, 'let calls = 0;\nexport const times = () => (calls += 1);\n');

    expect([await lanes.value(call(module, 'times')), await lanes.value(call(module, 'times'))]).toEqual([1, 1]);
  });
});

describe.each(KINDS)('ends by force in $kind', ({ backend }) => {
  test('a call that never lets go is ended when its grace is over, and the loop goes on meanwhile', async () => {
    await using lanes = await Lanes.open(backend({ slots: 2 }));
    const stuck = await lanes.start(body('spin', [lanes.ledger]));
    await lanes.rig.until(() => existsSync(lanes.ledger) || undefined, 'it never began');

    lanes.rig.backend.cancel(stuck.attempt, 120_000);
    const other = await lanes.value(body('add', [1, 2]));
    const stillRuns = lanes.rig.reported(stuck) === undefined;
    lanes.rig.backend.cancel(stuck.attempt, 0);
    const outcome = await lanes.outcome(stuck);

    expect(other).toBe(3);
    expect(stillRuns).toBe(true);
    expect(outcome).toEqual({ kind: 'cancelled', by: 'user' });
  });

  test('what was sent behind a call that turns out long is made by other lanes, once', async () => {
    await using lanes = await Lanes.open(backend({ slots: 2 }));
    const gate = join(lanes.project, 'gate');
    const short = Array.from({ length: 20 }, () => lanes.order(body('nothing')));
    await lanes.rig.launch(short);
    for (const order of short) await lanes.outcome(order);
    writeFileSync(gate, '');
    for (let i = 0; i < 5; i += 1) await lanes.run(body('spinUntil', [gate]));
    const { rmSync } = await import('node:fs');
    rmSync(gate);

    const long = lanes.order(body('spinUntil', [gate]));
    const behind = Array.from({ length: 30 }, (_, i) => lanes.order(body('enter', [lanes.ledger, `${i}`])));
    await lanes.rig.launch([long, ...behind]);
    for (const order of behind) expect(await lanes.outcome(order)).toMatchObject({ kind: 'ok' });
    const longRuns = lanes.rig.reported(long) === undefined;
    writeFileSync(gate, '');

    expect(longRuns).toBe(true);
    expect(await lanes.outcome(long)).toMatchObject({ kind: 'ok' });
    const entered = readFileSync(lanes.ledger, 'utf8').trim().split('\n').map(Number);
    expect(entered.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  test('a call that waits is cancelled without having begun; one that is given back is gone, never started', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const gate = join(lanes.project, 'gate');
    const first = await lanes.start(body('spinUntil', [gate]));
    await lanes.running(first);
    const second = await lanes.start(body('enter', [lanes.ledger, 'second']), { ahead: true });
    const third = await lanes.start(body('enter', [lanes.ledger, 'third']), { ahead: true });

    lanes.rig.backend.cancel(second.attempt, 60_000);
    lanes.rig.backend.recall?.([third.attempt, first.attempt]);
    const cancelled = await lanes.outcome(second);
    const gone = await lanes.rig.end(third);
    writeFileSync(gate, '');

    expect(cancelled.kind).toBe('cancelled');
    expect(gone).toEqual({ kind: 'gone' });
    expect(await lanes.outcome(first)).toMatchObject({ kind: 'ok' });
    expect(existsSync(lanes.ledger)).toBe(false);
  });
});
