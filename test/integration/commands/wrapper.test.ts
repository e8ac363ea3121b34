import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readExitRecord, STARTED_FILE, WRAPPER_EXIT, wrapperScript } from '../../../src/backends/workdir/index.ts';
import { asAttemptId } from '../../../src/model/index.ts';
import { listProcesses } from '../../../src/process/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { SHELLS, until } from './harness.ts';

const shells = SHELLS.filter(({ shell }) => shell.isolation !== 'bare');

describe.each(shells)('the wrapper in $name', ({ shell }) => {
  let directory: string;
  const at = (name: string): string => join(directory, name);
  const record = () => readExitRecord(directory, asAttemptId('a-1'));

  beforeEach(() => {
    directory = ownFolder('wrapper');
    writeFileSync(at('wrapper.sh'), wrapperScript());
  });
  afterEach(() => giveBack(directory));

  function start(command: string, attempt = 'a-1'): ChildProcess {
    writeFileSync(at('command.sh'), command);
    const [file = '', ...args] = shell.command;
    return spawn(file, [...args, at('wrapper.sh'), directory, attempt, '2', '1'], { stdio: 'ignore', detached: true });
  }

  async function exitOf(child: ChildProcess): Promise<number | string> {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return code ?? signal ?? '';
  }

  test('runs the command, and publishes a whole record', async () => {
    const code = await exitOf(start('echo out; echo err >&2; exit 3'));

    expect(code).toBe(3);
    expect(record()).toMatchObject({ status: 3, pid: expect.any(Number) });
    expect(JSON.parse(readFileSync(at('exit.json'), 'utf8'))).toMatchObject({ attempt: 'a-1', fence: 2, code: 3 });
    expect(readFileSync(at('stdout'), 'utf8')).toBe('out\n');
    expect(readFileSync(at('stderr'), 'utf8')).toBe('err\n');
    const { started, ended } = JSON.parse(readFileSync(at('exit.json'), 'utf8'));
    expect(Math.abs(started - Date.now())).toBeLessThan(60_000);
    expect(ended).toBeGreaterThanOrEqual(started);
  });

  test.each([
    ['exit 137', 137],
    ['kill -KILL $$', 'SIGKILL'],
    ['exit 143', 143],
    ['kill -TERM $$', 'SIGTERM'],
    ['ulimit -c 0; kill -SEGV $$', 'SIGSEGV'],
  ])('tells `%s` for what it is', async (command, status) => {
    await exitOf(start(command));

    expect(record()).toMatchObject({ status });
  });

  test('does nothing about an attempt that somebody has claimed', async () => {
    writeFileSync(at('claim'), 'mine');

    expect(await exitOf(start('touch ran'))).toBe(WRAPPER_EXIT.claimed);
    expect(existsSync(at('ran'))).toBe(false);
    expect(readFileSync(at('claim'), 'utf8')).toBe('mine');
  });

  test('does not start what is fenced', async () => {
    writeFileSync(at('fenced'), '');

    expect(await exitOf(start('touch ran'))).toBe(WRAPPER_EXIT.fenced);
    expect(existsSync(at('ran'))).toBe(false);
    expect(existsSync(at('exit.json'))).toBe(false);
  });

  test('does not publish what was fenced while it ran', async () => {
    const child = start('touch started; while [ ! -e go ]; do sleep 0.05; done');
    const exit = exitOf(child);
    await until(() => existsSync(at('started')), 'the start');
    writeFileSync(at('fenced'), '');
    writeFileSync(at('go'), '');

    expect(await exit).toBe(WRAPPER_EXIT.fenced);
    expect(existsSync(at('exit.json'))).toBe(false);
  });

  test('hands TERM on, and says how the job took it', async () => {
    const child = start(`trap 'echo told; exit 9' TERM; touch started; while :; do sleep 0.05; done`);
    const exit = exitOf(child);
    await until(() => existsSync(at('started')), 'the start');
    child.kill('SIGTERM');

    expect(await exit).toBe(9);
    expect(record()).toMatchObject({ status: 9 });
    expect(readFileSync(at('stdout'), 'utf8')).toBe('told\n');
  });

  test('hands USR1 on and goes on waiting', async () => {
    const child = start(`trap 'echo told' USR1; touch started; while [ ! -e go ]; do sleep 0.05; done`);
    const exit = exitOf(child);
    await until(() => existsSync(at('started')), 'the start');
    child.kill('SIGUSR1');
    await until(() => readFileSync(at('stdout'), 'utf8') === 'told\n', 'the signal');
    writeFileSync(at('go'), '');

    expect(await exit).toBe(0);
    expect(record()).toMatchObject({ status: 0 });
  });

  test('INT ends a job that does nothing about it', async () => {
    const child = start('touch started; while :; do sleep 0.05; done');
    const exit = exitOf(child);
    await until(() => existsSync(at('started')), 'the start');
    child.kill('SIGINT');
    await exit;

    expect(['SIGINT', 'SIGTERM', 130, 143]).toContain(record()?.status);
  });

  test('says where the job is: a group of its own', async () => {
    const child = start('touch started; while [ ! -e go ]; do sleep 0.05; done');
    const exit = exitOf(child);
    await until(() => existsSync(at(STARTED_FILE)), 'the start');

    const { pid, start: ticks } = JSON.parse(readFileSync(at(STARTED_FILE), 'utf8'));
    const stat = listProcesses().find((process) => process.pid === pid);
    writeFileSync(at('go'), '');
    await exit;

    expect(stat).toMatchObject({ group: pid, start: ticks });
  });

  test('leaves nothing of the group behind', async () => {
    await exitOf(start(`(trap '' TERM; while :; do sleep 0.1; done) & sleep 60 & exit 0`));

    expect(record()).toMatchObject({ status: 0 });
  });
});
