import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type GuardedBody, guardedBody } from '../../../src/backends/scheduler/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { nobodyUnder } from '../../processes.ts';
import { SHELLS } from '../commands/harness.ts';

const HERE = SHELLS.filter(({ name }) => ['bash', 'dash', 'busybox'].includes(name));

/** A batch system starts the script in a session of its own, and signals its process group. */
describe.each(HERE)('a guarded body, under $name', ({ shell }) => {
  let folder: string;
  beforeEach(() => {
    folder = ownFolder('guard');
  });
  afterEach(async () => {
    await giveBack(folder);
  });

  function start(body: string, more: Partial<GuardedBody> = {}): ChildProcess {
    const guarded = { body, mark: 'test.$element', warnings: ['TERM', 'USR2'], graceSeconds: 1, ...more };
    writeFileSync(join(folder, 'job.sh'), `element=7\n${guardedBody(guarded)}`);
    const [program = 'sh', ...args] = shell.command;
    return spawn(program, [...args, join(folder, 'job.sh')], {
      cwd: folder,
      detached: true,
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], TMPDIR: folder },
    });
  }

  async function appears(name: string): Promise<void> {
    while (!existsSync(join(folder, name))) await pause(10);
  }

  async function endOf(job: ChildProcess): Promise<number | NodeJS.Signals> {
    const [code, signal] = (await once(job, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal ?? code ?? 0;
  }

  /** To the whole group, as batch systems do it. */
  function signal(job: ChildProcess, name: NodeJS.Signals): void {
    process.kill(-(job.pid ?? 0), name);
  }

  test('ends as its body does, and knows its element', async () => {
    expect(await endOf(start('[ "$element" = 7 ] && exit 23'))).toBe(23);
    expect(await endOf(start('exit 99', { meaningful: [99, 100] }))).toBe(1);
  });

  test('leaves nobody behind that its body has left', async () => {
    expect(await endOf(start('setsid sleep 100 & exit 0'))).toBe(0);
    await nobodyUnder(folder);
  });

  test('passes a warning on, once, and ends as the body then does', async () => {
    const job = start('trap "echo >> warned; exit 5" TERM; touch up; sleep 100 & wait; wait');
    await appears('up');
    signal(job, 'SIGUSR2');
    expect(await endOf(job)).toBe(5);
    expect(existsSync(join(folder, 'warned'))).toBe(true);
    await nobodyUnder(folder);
  });

  test('kills what hears no warning, so that the body can tell of it', async () => {
    const job = start(
      `trap : TERM; setsid sh -c 'trap "" TERM; touch up; while :; do sleep 1; done' & while kill -0 $! 2>/dev/null; do wait $!; done; touch told; exit 6`,
    );
    await appears('up');
    signal(job, 'SIGTERM');
    expect(await endOf(job)).toBe(6);
    expect(existsSync(join(folder, 'told'))).toBe(true);
    await nobodyUnder(folder);
  });

  test('is followed by all that is its own when it is killed', async () => {
    const job = start('setsid sleep 100 & touch up; sleep 100');
    await appears('up');
    signal(job, 'SIGKILL');
    expect(await endOf(job)).toBe('SIGKILL');
    await nobodyUnder(folder);
  });

  test('out of time, warns the work and not the body, which can tell nothing any more', async () => {
    const work = `trap "touch warned; exit 0" TERM; touch up; while :; do sleep 0.1; done`;
    const job = start(`sh -c '${work}' & wait $!; touch told; exit 0`, { limitSeconds: 1 });
    await appears('up');
    signal(job, 'SIGUSR2');
    expect(await endOf(job)).toBe(137);
    expect(['warned', 'told'].map((name) => existsSync(join(folder, name)))).toEqual([true, false]);
    await nobodyUnder(folder);
  });

  test('is suspended with its work, and goes on with it', async () => {
    const job = start('echo $$ > p; mv p pid; while [ ! -e go ]; do sleep 0.05; done; exit 8', { halts: ['USR1'] });
    await appears('pid');
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));

    signal(job, 'SIGUSR1');
    while (stateOf(pid) !== 'T') await pause(10);
    signal(job, 'SIGSTOP');
    writeFileSync(join(folder, 'go'), '');
    signal(job, 'SIGCONT');

    expect(await endOf(job)).toBe(8);
    await nobodyUnder(folder);
  });
});

/** The letter of a process's state: `T` is stopped. */
function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0];
}
