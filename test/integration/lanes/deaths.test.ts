import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { processesBackend } from '../../../src/backends/processes/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import { processesUnder, send } from '../../processes.ts';
import { body, Lanes } from './harness.ts';

describe('calls in processes that take their process down', () => {
  test.each([
    ['abort', [], 'SIGABRT'],
    ['killSelf', ['SIGSEGV'], 'SIGSEGV'],
    ['killSelf', ['SIGKILL'], 'SIGKILL'],
  ] as const)('%s %j fails by that signal, and the next call runs', async (name, args, signal) => {
    await using lanes = await Lanes.open(processesBackend({ slots: 1 }));

    expect(await lanes.run(body(name, args))).toMatchObject({ kind: 'signal', signal });
    expect(await lanes.value(body('add', [1, 2]))).toBe(3);
  });

  test('F06 one whose worker is killed in its midst fails by that signal; others go on, and what it started is gone', async () => {
    await using lanes = await Lanes.open(processesBackend({ slots: 2 }));
    const gate = join(lanes.project, 'gate');
    const pid = (await lanes.value(body('pid'))) as number;
    const victim = await lanes.start(body('waitForChild'));
    await lanes.running(victim);
    const other = await lanes.start(body('spinUntil', [gate]));
    await lanes.running(other);
    await lanes.rig.until(() => sleepers(lanes.project) > 0 || undefined, 'no child');

    send(pid, 'SIGKILL');
    const outcome = await lanes.outcome(victim);
    const left = sleepers(lanes.project);
    writeFileSync(gate, '');

    expect(outcome).toMatchObject({ kind: 'signal', signal: 'SIGKILL' });
    expect(left).toBe(0);
    expect(await lanes.outcome(other)).toMatchObject({ kind: 'ok' });
  });

  test('what a body started ends with it when it is cancelled, before that is told', async () => {
    await using lanes = await Lanes.open(processesBackend({ slots: 1 }));
    const order = await lanes.start(body('waitForChild'));
    await lanes.rig.until(() => sleepers(lanes.project) > 0 || undefined, 'no child');

    lanes.rig.backend.cancel(order.attempt, 0);
    const outcome = await lanes.outcome(order);

    expect(outcome.kind).toBe('cancelled');
    expect(sleepers(lanes.project)).toBe(0);
  });

  test.each([
    ['exit', { kind: 'exit', code: 3 }],
    ['abort', { kind: 'signal', signal: 'SIGABRT' }],
  ] as const)('all that was said before it ended by %s is kept, 10 MB of it', async (how, end) => {
    await using lanes = await Lanes.open(processesBackend({ slots: 1 }));
    const bytes = 10_000_000;
    const { limits, ...rest } = lanes.order(body('floodAndLeave', [bytes, how]));
    const order = { ...rest, limits: { ...limits, outputBytes: bytes } };
    await lanes.rig.launch([order]);

    expect(await lanes.outcome(order)).toMatchObject(end);
    expect(lanes.said(order, 'stdout').length).toBe(bytes);
  });

  test('what children of a body write is kept with what it writes', async () => {
    await using lanes = await Lanes.open(processesBackend({ slots: 1 }));
    const order = await lanes.start(body('shout'));
    await lanes.running(order);
    await lanes.outcome(order);

    await lanes.rig.until(() => existsSync(join(order.directory, 'stdout')) || undefined, 'nothing was kept');
    expect(lanes.said(order, 'stdout')).toBe('from below\n');
  });
});

describe.each([
  { kind: 'threads', backend: threadsBackend },
  { kind: 'processes', backend: processesBackend },
])('what was sent to a worker of $kind that dies', ({ backend }) => {
  test('runs elsewhere, once, and only the call that killed it fails', async () => {
    await using lanes = await Lanes.open(backend({ slots: 1 }));
    const order = lanes.order(body('leave', [7]));
    for (let i = 0; i < 10; i += 1) await lanes.run(body('enter', [join(lanes.project, 'warm'), `${i}`]));
    const before = Array.from({ length: 4 }, (_, i) => lanes.order(body('enter', [lanes.ledger, `before ${i}`])));
    const after = Array.from({ length: 12 }, (_, i) => lanes.order(body('enter', [lanes.ledger, `after ${i}`])));

    await lanes.rig.launch([...before, order, ...after]);
    const ends = await Promise.all([...before, ...after].map((each) => lanes.outcome(each)));

    expect(await lanes.outcome(order)).toMatchObject({ kind: 'exit', code: 7 });
    expect(ends.map(({ kind }) => kind)).toEqual(ends.map(() => 'ok'));
    const entered = readFileSync(lanes.ledger, 'utf8').trim().split('\n');
    expect(entered.toSorted()).toEqual(
      [...before.keys()]
        .map((i) => `before ${i}`)
        .concat([...after.keys()].map((i) => `after ${i}`))
        .toSorted(),
    );
  });
});

test('lanes that outlive their engine are ended before their attempts are called gone', async () => {
  await using lanes = await Lanes.open(processesBackend({ slots: 1 }));
  const store = join(lanes.project, 'store');
  const entry = fileURLToPath(new URL('./dying-engine.entry.ts', import.meta.url));
  const engine = spawn(process.execPath, [entry, lanes.project], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await new Promise((resolve) => engine.stdout.once('data', (text) => resolve(String(text)))));
  // Stopped, not even its watchdog can see that the engine is gone.
  send(pid, 'SIGSTOP');
  const ended = new Promise((resolve) => engine.once('exit', resolve));
  engine.kill('SIGKILL');
  await ended;
  const isThere = processesUnder(lanes.project).some((each) => each.pid === pid);

  const answer = await lanes.rig.recover(lanes.order(body('nothing')));

  expect(isThere).toBe(true);
  expect(answer?.kind).toBe('gone');
  expect(processesUnder(lanes.project).some((each) => each.pid === pid)).toBe(false);
  expect(readdirSync(join(store, 'lanes'))).toEqual([]);
});

function sleepers(project: string): number {
  return processesUnder(project).filter(({ name }) => name === 'sleep').length;
}
