import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { bootId, isAlive, type ProcessIdentity, readProcess } from '../../../src/process/index.ts';
import { launcherScript } from '../../../src/process/launcher-script.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { Bench, SHELLS, until } from './harness.ts';

const OK = { kind: 'ok' };
const has = (order: AttemptOrder, name: string) => (): boolean => existsSync(join(order.directory, name));

/** The launcher that took an order. */
function launcherOf(order: AttemptOrder): ProcessIdentity {
  const [line = ''] = readFileSync(join(order.directory, 'claim'), 'utf8').split('\n');
  const { launcher, start } = JSON.parse(line) as { launcher: number; start: number };
  return { pid: launcher, start };
}

/** Reads the pid that a job has written into a file of its directory. */
async function pidIn(order: AttemptOrder, name: string): Promise<number> {
  const path = join(order.directory, name);
  await until(() => existsSync(path) && readFileSync(path, 'utf8').endsWith('\n'), name);
  return Number(readFileSync(path, 'utf8'));
}

const lives = (pid: number): boolean => {
  const stat = readProcess(pid);
  return stat !== undefined && isAlive(stat);
};

const bash = SHELLS.find(({ name }) => name === 'bash');

describe.each(SHELLS)('launchers of $name', ({ shell }) => {
  test('F20: a launcher killed before it takes its order: another takes it, and the job runs once', async () => {
    await using bench = await Bench.open({ shell });
    const before = await bench.launch(bench.order('true'));
    await bench.end(before);
    const { pid } = launcherOf(before);

    process.kill(pid, 'SIGSTOP');
    const order = await bench.launch(bench.order('echo ran'));
    process.kill(pid, 'SIGKILL');

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: OK });
    expect(launcherOf(order).pid).not.toBe(pid);
    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe('ran\n');
  });

  test('F20: a launcher killed while its job runs: what its directory says counts, and no second job of it lives', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('echo $$ > pid; sleep 60; touch ended'));
    const job = await pidIn(order, 'pid');

    process.kill(launcherOf(order).pid, 'SIGKILL');

    expect(await bench.end(order)).toMatchObject({ kind: 'gone' });
    expect(lives(job)).toBe(false);
    expect(has(order, 'fenced')()).toBe(true);
  });

  test('F22: a daemon in a session of its own goes with the job that is cancelled', async () => {
    await using bench = await Bench.open({ shell });
    const daemon = `setsid sh -c 'trap "" TERM; echo $$ > daemon; while :; do sleep 0.1; done' &`;
    const order = await bench.launch(bench.order(`${daemon} wait`));
    const pid = await pidIn(order, 'daemon');

    bench.backend.cancel(order.attempt, 200);

    expect(await bench.end(order)).toMatchObject({ kind: 'ended' });
    expect(lives(pid)).toBe(false);
    expect(await bench.run('true')).toMatchObject(OK);
  });

  test('F22: orphans of a double fork that hear no signal go with the job', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(
      bench.order(
        `( (trap '' TERM HUP INT; echo $(cut -d' ' -f4 /proc/self/stat) > orphan; while :; do sleep 0.1; done) & ); until test -s orphan; do :; done`,
        {
          limits: { graceMs: 100 },
        },
      ),
    );
    const end = await bench.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: OK });
    expect(lives(await pidIn(order, 'orphan'))).toBe(false);
  });

  test('F22: a job that closes everything it has ends as it would', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run('exec <&- >&- 2>&-; exit 7')).toMatchObject({ kind: 'exit', code: 7 });
  });

  test('F24: what a program dies of below its shell is the exit code that the shell makes of it', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run(`sh -c 'kill -TERM $$'; exit $?`)).toMatchObject({ kind: 'exit', code: 143 });
    expect(await bench.run(`exec sh -c 'kill -TERM $$'`)).toMatchObject({ kind: 'signal', signal: 'SIGTERM' });
  });

  test('F24: limits end a job by the signal they mean', async () => {
    await using bench = await Bench.open({ shell });
    const tooLarge = 'ulimit -c 0; ulimit -f 1; exec head -c 1000000 /dev/zero > big';
    const tooLong = 'ulimit -c 0; ulimit -S -t 1; exec sh -c "while :; do :; done"';

    expect(await bench.run(tooLarge)).toMatchObject({ kind: 'signal', signal: 'SIGXFSZ' });
    expect(await bench.run(tooLong)).toMatchObject({ kind: 'signal', signal: 'SIGXCPU' });
  });

  test('F24: a KILL by a user is a signal, and no lack of memory', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('echo $$ > pid; exec sleep 60'));

    process.kill(await pidIn(order, 'pid'), 'SIGKILL');

    expect(await bench.end(order)).toMatchObject({ outcome: { kind: 'signal', signal: 'SIGKILL' } });
    expect(await bench.run('exit 137')).toMatchObject({ kind: 'exit', code: 137 });
  });
});

test.runIf(bash !== undefined)('a launcher answers its orders, and takes nothing else for one', async () => {
  const folder = ownFolder('orders');
  mkdirSync(join(folder, 'a'));
  writeFileSync(join(folder, 'a', 'command.sh'), 'exit 3');
  const launcher = spawn('/bin/bash', ['-s', '--', 'here', bootId()], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'ignore', 'ignore'],
  });

  launcher.stdin?.end(`${launcherScript('groups')}1 s a-1 1 a\n`);
  const answers = await text(launcher.stdout as Readable);

  expect(answers).toMatch(/^1 ended 3 \d+ \d+ \d+ 1\n$/);
  await giveBack(folder);
});

test.runIf(bash !== undefined)(
  'F20: a launcher killed between the record and the answer: the record counts, and the job runs once',
  async () => {
    // Its way to answer is `echo`; here that kills it instead.
    const command = ['/usr/bin/env', 'BASH_FUNC_echo%%=() { kill -KILL $$; }', '/bin/bash'];
    await using bench = await Bench.open({ shell: { command, isolation: 'groups' } });
    const order = await bench.launch(bench.order('printf ran; exit 4'));

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 4 } });
    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe('ran');
  },
);

describe('F23: exit 0 and the outputs', () => {
  const outputs = (type: 'file' | 'json' | 'text') => [{ name: 'out', path: 'out', type }];

  test('missing is a failure that says what is there instead', async () => {
    await using bench = await Bench.open();

    expect(await bench.run('touch uot', { outputs: outputs('file') })).toEqual({
      kind: 'output-missing',
      missing: ['out'],
      note: 'it left uot',
    });
  });

  test.each([
    ['file', 'ok'],
    ['text', 'ok'],
    ['json', 'error'],
  ] as const)('an empty %s is %s', async (type, kind) => {
    await using bench = await Bench.open();

    expect(await bench.run(': > out', { outputs: outputs(type) })).toMatchObject({ kind });
  });

  test('half-written is an error where that can be seen', async () => {
    await using bench = await Bench.open();

    expect(await bench.run(`printf '{"energies": [1, 2' > out`, { outputs: outputs('json') })).toMatchObject({
      kind: 'error',
      error: { message: expect.stringContaining("output 'out' ('out') is no JSON") },
    });
  });

  test('what appears late, from behind the back of the job, does not appear', async () => {
    await using bench = await Bench.open();
    const order = await bench.launch(
      bench.order('(sleep 0.5; echo late > out) & exit 0', { outputs: outputs('file') }),
    );

    expect(await bench.end(order)).toMatchObject({ outcome: { kind: 'output-missing' } });
    // Whoever would have written it is gone, not merely not waited for.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(has(order, 'out')()).toBe(false);
  });

  test('what somebody still writes is refused, and named', async () => {
    await using bench = await Bench.open();
    // Out of reach in a session of its own; large, so that it is written again while it is read.
    const writer = `setsid sh -c 'while ! test -e stop; do echo more >> out; done' </dev/null >/dev/null 2>&1 &`;
    const order = await bench.launch(
      bench.order(`truncate -s 100M out; ${writer} until test $(stat -c %s out) -gt 104857600; do :; done`, {
        outputs: outputs('file'),
      }),
    );

    const end = await bench.end(order);
    writeFileSync(join(order.directory, 'stop'), '');

    expect(end).toMatchObject({
      outcome: { kind: 'error', error: { message: expect.stringContaining('changes while it is read') } },
    });
  });
});
