import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { type LauncherShell, listProcesses } from '../../../src/process/index.ts';
import { Bench, SHELLS, until } from './harness.ts';

/** An engine in a process of its own, with these orders launched. */
async function engine(bench: Bench, shell: LauncherShell, orders: readonly AttemptOrder[]): Promise<ChildProcess> {
  const entry = join(import.meta.dirname, 'crash.entry.ts');
  const child = spawn(process.execPath, [entry, bench.project, JSON.stringify(shell), JSON.stringify(orders)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function claimOf(order: AttemptOrder): { readonly launcher: number } {
  return JSON.parse(readFileSync(join(order.directory, 'claim'), 'utf8').split('\n')[0] ?? '');
}

const has = (order: AttemptOrder, name: string) => (): boolean => existsSync(join(order.directory, name));

describe.each(SHELLS)('an engine killed over launchers of $name', ({ shell }) => {
  test('its command goes on, is adopted and ends as it would', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('touch started; while [ ! -e go ]; do sleep 0.05; done; echo end; exit 4');
    const dying = await engine(bench, shell, [order]);
    await until(has(order, 'started'), 'the start');
    await kill(dying);

    const [answer] = await bench.backend.recover([bench.query(order)]);
    writeFileSync(join(order.directory, 'go'), '');

    expect(answer).toMatchObject({ kind: 'running' });
    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 4 } });
    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe('end\n');
  });

  test('F20: its command ends while nobody looks, and is collected; its launcher leaves', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('touch started; while [ ! -e go ]; do sleep 0.05; done; echo 1 > out', {
      outputs: [{ name: 'out', path: 'out', type: 'json' }],
    });
    const dying = await engine(bench, shell, [order]);
    await until(has(order, 'started'), 'the start');
    await kill(dying);
    writeFileSync(join(order.directory, 'go'), '');
    await until(has(order, 'exit.json'), 'the record');
    const { launcher } = claimOf(order);
    await until(() => listProcesses().every((stat) => stat.pid !== launcher), 'the launcher leaving');

    await bench.backend.recover([bench.query(order)]);

    const end = await bench.end(order);
    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'ok', value: { codec: 'json' } } });
  });

  test('F20: and its launcher too: the command is ended, fenced and gone', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('touch started; sleep 60; touch ended');
    const dying = await engine(bench, shell, [order]);
    await until(has(order, 'started'), 'the start');
    await kill(dying);
    const { launcher } = claimOf(order);
    process.kill(launcher, 'SIGKILL');
    await until(() => listProcesses().every((stat) => stat.pid !== launcher), "the launcher's end");

    const [answer] = await bench.backend.recover([bench.query(order)]);

    expect(answer).toMatchObject({ kind: 'gone' });
    expect(listProcesses().filter((stat) => stat.session === launcher)).toEqual([]);
    expect(existsSync(join(order.directory, 'fenced'))).toBe(true);
  });

  test('an adopted command is cancelled like any other', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order(`trap '' TERM; touch started; while :; do sleep 0.05; done`);
    const dying = await engine(bench, shell, [order]);
    await until(has(order, 'started'), 'the start');
    await kill(dying);
    await bench.backend.recover([bench.query(order)]);

    bench.backend.cancel(order.attempt, 100);

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: 'SIGKILL' } });
  });

  test('what nobody took is fenced, and does not start later', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('touch started');
    await mkdir(order.directory, { recursive: true });

    const [answer] = await bench.backend.recover([bench.query(order)]);
    const late = await bench.backend.launch([order]);

    expect(answer).toMatchObject({ kind: 'gone' });
    expect(late).toMatchObject([{ kind: 'accepted' }]);
    expect(await bench.end(order)).toMatchObject({ kind: 'gone' });
    expect(existsSync(join(order.directory, 'started'))).toBe(false);
  });

  test('an end that was fenced from elsewhere while it ran is not published', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('touch started; while [ ! -e go ]; do sleep 0.05; done');
    await bench.launch(order);
    await until(has(order, 'started'), 'the start');

    writeFileSync(join(order.directory, 'fenced'), '');
    writeFileSync(join(order.directory, 'go'), '');

    expect(await bench.end(order)).toMatchObject({ kind: 'gone' });
    expect(existsSync(join(order.directory, 'exit.json'))).toBe(false);
  });

  test('an attempt that was started twice runs once', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('echo ran; sleep 0.2');
    const dying = await engine(bench, shell, [order]);
    await until(has(order, 'claim'), 'the claim');

    await bench.backend.launch([order]);
    await until(has(order, 'exit.json'), 'the end');
    await kill(dying);

    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe('ran\n');
  });

  test('a report that got lost is told again until it is committed', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('exit 9'));
    await bench.end(order);

    const [first] = await bench.backend.recover([bench.query(order)]);
    bench.backend.release([order.attempt]);
    const [second] = await bench.backend.recover([bench.query(order)]);

    expect(first).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 9 } });
    // From the record, by way of a report or at once.
    expect(['ended', 'running']).toContain(second?.kind);
    expect(await bench.end(order)).toMatchObject({ outcome: { kind: 'exit', code: 9 } });
  });

  test('a record that is not whole counts for nothing', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('true');
    await mkdir(order.directory, { recursive: true });
    writeFileSync(join(order.directory, 'exit.json'), `{"attempt":"${order.attempt}","fence":1,"code":0,"sta`);
    writeFileSync(join(order.directory, 'claim'), '');

    const [answer] = await bench.backend.recover([bench.query(order)]);

    expect(answer).toMatchObject({ kind: 'gone' });
  });

  test('a record of another attempt counts for nothing', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('true');
    await mkdir(order.directory, { recursive: true });
    writeFileSync(
      join(order.directory, 'exit.json'),
      `{"attempt":"a-other","fence":1,"code":0,"started":1,"ended":2,"pid":3}\n`,
    );

    const [answer] = await bench.backend.recover([bench.query(order)]);

    expect(answer).toMatchObject({ kind: 'gone' });
  });
});
