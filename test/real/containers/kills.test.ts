import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { containerSweep, readContainer } from '../../../src/backends/containers/index.ts';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { listProcesses } from '../../../src/process/index.ts';
import { SHELLS, until } from '../../integration/commands/harness.ts';
import { ContainerBench, containersOf, type Lab, labs } from './lab.ts';

const found = await labs('podman', 'docker');
const LOOP = ': >started; while [ ! -e go ]; do sleep 0.05; done; exit 4';

const has = (order: AttemptOrder, name: string) => (): boolean => existsSync(join(order.directory, name));

/** An engine of its own is killed with -9 while it runs this order. */
async function engineKilledOver({ bench }: ContainerBench, order: AttemptOrder): Promise<void> {
  const entry = join(import.meta.dirname, '../../integration/commands/crash.entry.ts');
  const shell = JSON.stringify(SHELLS[0]?.shell);
  const child = spawn(process.execPath, [entry, bench.project, shell, JSON.stringify([order])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await until(has(order, 'started'), 'the start');
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Kills the launcher of an attempt and everything in its session at once. What the session does not have goes on. */
async function killAround(order: AttemptOrder): Promise<void> {
  const { launcher } = JSON.parse(readFileSync(join(order.directory, 'claim'), 'utf8').split('\n')[0] ?? '') as {
    launcher: number;
  };
  const around = (): number[] =>
    listProcesses()
      .filter(({ session, pid }) => session === launcher || pid === launcher)
      .map(({ pid }) => pid);
  for (const pid of around()) process.kill(pid, 'SIGKILL');
  await until(() => around().length === 0, 'their end');
}

describe.each(found)('F36: kills over containers of $runtime', (lab: Lab) => {
  const { runtime } = lab;

  test('the engine: the container goes on, and is adopted', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = bench.order(LOOP);
    await engineKilledOver(bench, order);

    const [answer] = await bench.bench.backend.recover([bench.bench.query(order)]);
    writeFileSync(join(order.directory, 'go'), '');

    expect(answer).toMatchObject({ kind: 'running' });
    expect(await bench.bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 4 } });
    expect(containersOf(runtime)).toEqual([]);
  });

  test('the engine and everything around the container: it is gone, with nothing left', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = bench.order(LOOP);
    await engineKilledOver(bench, order);
    await killAround(order);

    const [answer] = await bench.bench.backend.recover([bench.bench.query(order)]);

    expect(answer).toMatchObject({ kind: 'gone' });
    expect(containersOf(runtime)).toEqual([]);
  });

  test('and nobody comes after them: the container’s own watcher has removed it', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = bench.order(LOOP);
    await engineKilledOver(bench, order);
    expect(containersOf(runtime)).toEqual([`heddle-${order.attempt}`]);

    await killAround(order);

    await until(() => containersOf(runtime).length === 0, 'its removal');
    expect(readContainer(order.directory)?.state).toBe('starting');
    // The second look of the watcher is still to come.
    const watcher = `heddle-watch ${runtime} heddle-${order.attempt}`;
    await until(() => processesNamed(watcher) === 0, 'the end of the watcher');
  });

  test('the launcher of a live engine: the attempt is gone, with nothing left', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = await bench.bench.launch(bench.order(LOOP));
    await until(has(order, 'started'), 'the start');

    await killAround(order);

    const end = await bench.bench.end(order);
    expect(end.kind === 'gone' || (end.outcome.kind === 'signal' && end.outcome.signal === 'SIGKILL')).toBe(true);
    expect(containersOf(runtime)).toEqual([]);
  });

  test('a sweep by its text alone, and again where nothing is', () => {
    const attempt = 'kills-sweep';
    execFileSync(runtime, [
      ...['run', '-d', '--name', `heddle-${attempt}`, '--label', `heddle.attempt=${attempt}`, '--network', 'none'],
      ...[lab.image, 'sleep', '600'],
    ]);

    execFileSync('sh', ['-c', containerSweep({ runtime }, attempt)]);
    execFileSync('sh', ['-c', containerSweep({}, attempt)]);

    expect(containersOf(runtime)).toEqual([]);
  });
});

function processesNamed(text: string): number {
  return listProcesses().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text);
    } catch {
      return false;
    }
  }).length;
}
