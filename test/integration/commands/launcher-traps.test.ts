import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { isAlive, listProcesses, type ProcessIdentity, sharesGroup } from '../../../src/process/index.ts';
import { Bench, SHELLS, until } from './harness.ts';

const OK = { kind: 'ok', value: { codec: 'json', json: '{"outputs":{}}' } };

describe.each(SHELLS)('launchers of $name', ({ shell }) => {
  test('a job ends well, and its record is whole', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('echo hello; echo oops >&2'));

    const end = await bench.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: OK });
    const text = readFileSync(join(order.directory, 'exit.json'), 'utf8');
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({
      attempt: order.attempt,
      fence: 1,
      code: 0,
      started: expect.any(Number),
      ended: expect.any(Number),
      pid: expect.any(Number),
      host: expect.any(String),
    });
    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe('hello\n');
    expect(readFileSync(join(order.directory, 'stderr'), 'utf8')).toBe('oops\n');
  });

  test.each([1, 7, 126, 127, 137, 143, 255])('F24: exit %d is an exit code', async (code) => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run(`exit ${code}`)).toMatchObject({ kind: 'exit', code });
  });

  test.each(['KILL', 'TERM', 'SEGV', 'XCPU', 'USR1'])('F24: death by %s is a signal', async (signal) => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run(`ulimit -c 0; kill -${signal} $$`)).toMatchObject({
      kind: 'signal',
      signal: `SIG${signal}`,
    });
  });

  test('F24: exit 137 after a death by KILL is still an exit code', async () => {
    await using bench = await Bench.open({ shell });

    const outcomes = [];
    for (const text of ['kill -KILL $$', 'exit 137', 'kill -KILL $$', 'exit 137', 'exit 0']) {
      outcomes.push(await bench.run(text));
    }

    expect(outcomes).toMatchObject(['signal', 'exit', 'signal', 'exit', 'ok'].map((kind) => ({ kind })));
  });

  test('F24: a CPU limit ends a job by XCPU', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run('ulimit -c 0; ulimit -S -t 1; while :; do :; done')).toMatchObject({
      kind: 'signal',
      signal: 'SIGXCPU',
    });
  });

  test('a job reads from the null device', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run('cat; readlink /proc/self/fd/0 | grep -x /dev/null')).toMatchObject(OK);
  });

  test('a job has no descriptor of its launcher', async () => {
    await using bench = await Bench.open({ shell });
    const inherited = new Set(
      readdirSync('/proc/self/fd').flatMap((fd) =>
        isThere(fd) ? [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`] : [],
      ),
    );
    const order = await bench.launch(bench.order('ls -l /proc/$$/fd'));

    await bench.end(order);

    const listed = readFileSync(join(order.directory, 'stdout'), 'utf8');
    const open = [...listed.matchAll(/ (\d+) -> (.*)$/gm)].map(([, fd, to]) => `${fd} ${to}`);
    const known = /^(0 \/dev\/null|1 .*\/stdout|2 .*\/stderr|\d+ .*\/command\.sh)$/;
    // What this process was started with, it hands on: that is not the launcher's.
    const others = open.filter((line) => !known.test(line) && !inherited.has(line));
    expect(open.length).toBeGreaterThanOrEqual(3);
    expect(others).toEqual([]);
  });

  test('signals a launcher traps have their own meaning in its jobs', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('grep SigIgn /proc/$$/status'));

    await bench.end(order);

    // Nothing is ignored but what Node itself was started with.
    const ours = /SigIgn:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    const theirs = /SigIgn:\t(\w+)/.exec(readFileSync(join(order.directory, 'stdout'), 'utf8'))?.[1] ?? 'ff';
    const hup = 1n;
    const int = 1n << 1n;
    const quit = 1n << 2n;
    const pipe = 1n << 12n;
    const term = 1n << 14n;
    const ignored = BigInt(`0x${theirs}`) & (hup | int | quit | pipe | term);
    expect(ignored & ~BigInt(`0x${ours}`)).toBe(0n);
  });

  test('TERM to a launcher lets its job end as it would', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('kill -TERM $PPID; sleep 0.2; kill -TERM $PPID; sleep 0.2; exit 5'));

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 5 } });
    expect(await bench.run('true')).toEqual(OK);
  });

  test('a job that is stopped and continued ends as it would', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('echo $$ > pid; sleep 0.3; exit 6'));
    await until(() => existsSync(join(order.directory, 'pid')) && size(order.directory, 'pid') > 0, 'its pid');
    const pid = Number(readFileSync(join(order.directory, 'pid'), 'utf8'));

    process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const early = bench.events.filter(({ kind }) => kind === 'ended');
    process.kill(pid, 'SIGCONT');

    expect(early).toEqual([]);
    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 6 } });
  });

  test('F22: a job that closes its outputs ends well', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run('exec >&- 2>&-; sleep 0.05')).toEqual(OK);
  });

  test('`sh command.sh` repeats the job by hand', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(
      bench.order(`printf '%s\\n' "$WORD" "$HEDDLE_JOB_ID"`, { environment: { WORD: `it's "so" $HOME` } }),
    );
    await bench.end(order);
    const { execFileSync } = await import('node:child_process');

    const again = execFileSync('sh', ['command.sh'], { cwd: order.directory, encoding: 'utf8' });

    expect(again).toBe(`it's "so" $HOME\n${order.job}\n`);
    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe(again);
  });

  test('an argv is one program, and no shell sees its arguments', async () => {
    await using bench = await Bench.open({ shell });
    const argv = ['/usr/bin/printf', '%s|', '$HOME', "it's", '*', '', 'a b'];
    const order = await bench.launch(
      bench.order(argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '), { argv }),
    );
    await bench.end(order);

    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe("$HOME|it's|*||a b|");
  });

  test('an argv and its environment arrive whatever is in them', async () => {
    await using bench = await Bench.open({ shell });
    const words = [
      '\u0101\u0081\u00ff',
      'a\nb',
      '`id` $(id) $PATH',
      '\\ " \' ! # ~ {a,b} [c] <d >e |f &g ;h',
      '-n',
      '',
    ];
    const environment = { q: 'mine', n: 'two\nlines', d: "it's", HOME: '/no where' };
    const argv = ['/bin/sh', '-c', 'printf "<%s>" "$q" "$n" "$d" "$HOME" "$@"', 'name', ...words];
    const order = await bench.launch(bench.order('-', { argv, environment }));

    expect(await bench.end(order)).toMatchObject({ outcome: OK });

    const expected = [...Object.values(environment), ...words].map((word) => `<${word}>`).join('');
    expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe(expected);
    expect(await bench.run(`test "$d$q" = '' && test "$HOME" = '${process.env['HOME'] ?? ''}'`)).toEqual(OK);
  });

  test.each(['IFS', 'OPTIND', 'PWD', 'PATH'])('%s may be declared, and means nothing to the launcher', async (name) => {
    await using bench = await Bench.open({ shell });
    const environment = { [name]: name === 'OPTIND' ? '7' : '/tmp:1' };

    expect(await bench.run('-', { argv: ['/usr/bin/env'], environment })).toEqual(OK);
    expect(await bench.run('-', { argv: ['/usr/bin/printf', '%s', 'a 1:2/tmp'] })).toEqual(OK);
    expect(await bench.run('exit 3')).toMatchObject({ kind: 'exit', code: 3 });
  });

  test.each(['cd', 'exit', 'exec', 'trap', 'take', 'end', 'no-such-program'])(
    'an argv of `%s` is no word to the launcher',
    async (name) => {
      await using bench = await Bench.open({ shell });
      const order = await bench.launch(bench.order('-', { argv: [name, '/'] }));

      expect(await bench.end(order)).toMatchObject({ outcome: { kind: 'exit', code: 127 } });
      expect(await bench.run('exit 3')).toMatchObject({ kind: 'exit', code: 3 });
      expect(isAlive(claimOf(order))).toBe(true);
    },
  );

  test('F24: what the shell has to say of a signal is not the word of the program that died', async () => {
    await using bench = await Bench.open({ shell });
    const died = ['/bin/sh', '-c', 'echo mine >&2; kill -KILL $$'];
    const ended = ['/bin/sh', '-c', 'echo Killed >&2; exit 137'];

    expect(await bench.run('-', { argv: died })).toEqual({ kind: 'signal', signal: 'SIGKILL', stderr: 'mine\n' });
    expect(await bench.run('-', { argv: ended })).toEqual({ kind: 'exit', code: 137, stderr: 'Killed\n' });
  });

  test('a program that is not there is exit 127, and says so', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run('no-such-program --at all')).toMatchObject({
      kind: 'exit',
      code: 127,
      stderr: expect.stringContaining('not found'),
    });
  });

  test('the environment is small, and what is declared', async () => {
    process.env['HEDDLE_TEST_SECRET'] = 'not for jobs';
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('env', { environment: { GREETING: 'hello' } }));

    await bench.end(order);

    const names = readFileSync(join(order.directory, 'stdout'), 'utf8')
      .split('\n')
      .map((line) => line.split('=')[0] ?? '');
    delete process.env['HEDDLE_TEST_SECRET'];
    expect(names).toEqual(
      expect.arrayContaining(['GREETING', 'HEDDLE_ATTEMPT', 'HEDDLE_JOB_ID', 'HEDDLE_RUN_ID', 'PATH', 'project']),
    );
    expect(names).not.toContain('HEDDLE_TEST_SECRET');
  });

  test('F20: a launcher killed with its job in hand: the job is ended and told as gone', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('touch started; sleep 60'));
    await until(() => existsSync(join(order.directory, 'started')), 'the start');
    const claim = JSON.parse(readFileSync(join(order.directory, 'claim'), 'utf8').split('\n')[0] ?? '');

    process.kill(claim.launcher, 'SIGKILL');

    expect(await bench.end(order)).toMatchObject({ kind: 'gone' });
    expect(existsSync(join(order.directory, 'fenced'))).toBe(true);
    expect(listProcesses().filter((stat) => stat.session === claim.launcher)).toEqual([]);
    expect(await bench.run('true')).toEqual(OK);
  });

  test('F22: a job that kills its parent is gone, and the next runs', async () => {
    await using bench = await Bench.open({ shell });

    expect(await bench.run('kill -KILL $PPID; sleep 60')).toMatchObject({ gone: expect.any(String) });
    expect(await bench.run('true')).toEqual(OK);
  });

  test('a job whose output cannot be opened never started, and nothing of it will', async () => {
    await using bench = await Bench.open({ shell });
    const order = bench.order('touch started');
    mkdirSync(join(order.directory, 'stdout'), { recursive: true });

    await bench.launch(order);

    expect(await bench.end(order)).toMatchObject({ kind: 'gone' });
    expect(existsSync(join(order.directory, 'started'))).toBe(false);
    expect(await bench.run('exit 3')).toMatchObject({ kind: 'exit', code: 3 });
  });

  test('F20: a launcher killed while idle costs nothing', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('true'));
    await bench.end(order);
    const claim = JSON.parse(readFileSync(join(order.directory, 'claim'), 'utf8').split('\n')[0] ?? '');

    process.kill(claim.launcher, 'SIGKILL');
    const outcome = await bench.run('true');

    expect(outcome).toEqual(OK);
  });

  test('F22: nothing of a job is left when its end is told', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('sleep 60 & (sleep 60 &) ; echo $$'));

    const end = await bench.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: OK });
    const launcher = claimOf(order).pid;
    expect(listProcesses().filter(({ pid, session }) => session === launcher && pid !== launcher)).toEqual([]);
    expect(await bench.run('true')).toEqual(OK);
  });

  test.each([
    ['many processes', 'i=0; while [ $i -lt 300 ]; do (:); i=$((i + 1)); done; sleep 60 &'],
    ['a while', 'sleep 0.6; sleep 60 &'],
    ['handing on from child to child', '(sh -c "sh -c \\"sleep 60 & \\" & " & )'],
  ])('F22: nothing of a job is left after %s', async (_, text) => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order(text));

    expect(await bench.end(order)).toMatchObject({ outcome: OK });

    const launcher = claimOf(order).pid;
    expect(listProcesses().filter(({ pid, session }) => session === launcher && pid !== launcher)).toEqual([]);
  });

  test('F22: what is left and ignores TERM is killed after the grace', async () => {
    await using bench = await Bench.open({ shell });

    const outcome = await bench.run(`(trap '' TERM; while :; do sleep 1; done) & sleep 0.1`, {
      limits: { graceMs: 200 },
    });

    expect(outcome).toEqual(OK);
  });

  test('`kill -KILL 0` inside a job is the end of that job, and of its launcher only where they share a group', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('kill -KILL 0'));

    const end = await bench.end(order);

    const { launcher, start } = JSON.parse(readFileSync(join(order.directory, 'claim'), 'utf8').split('\n')[0] ?? '');
    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: 'SIGKILL' } });
    expect(isAlive({ pid: launcher, start })).toBe(!sharesGroup(shell.isolation));
    expect(await bench.run('exit 3')).toMatchObject({ kind: 'exit', code: 3 });
  });

  test.each(['HUP', 'TERM', 'USR1'])('`kill -%s 0` inside a job is the end of that job only', async (signal) => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order(`kill -${signal} 0; sleep 5`));

    const end = await bench.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: `SIG${signal}` } });
    expect(await bench.run('true')).toEqual(OK);
    expect(isAlive(claimOf(order))).toBe(true);
  });

  test('TERM ends a job on cancel', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order('touch started; exec sleep 60'));
    await until(() => existsSync(join(order.directory, 'started')), 'the start');

    bench.backend.cancel(order.attempt, 5000);

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: 'SIGTERM' } });
  });

  test('F22: a job that ignores TERM is killed after the grace, with its children', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(
      bench.order(`trap '' TERM; (trap '' TERM; sleep 60; sleep 60) & touch started; while :; do sleep 1; done`),
    );
    await until(() => existsSync(join(order.directory, 'started')), 'the start');

    bench.backend.cancel(order.attempt, 100);

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: 'SIGKILL' } });
  });

  test('a cancel right behind the launch ends it, started or not', async () => {
    await using bench = await Bench.open({ shell });
    const orders = Array.from({ length: 20 }, () => bench.order('sleep 60'));

    for (const order of orders) {
      await bench.launch(order);
      bench.backend.cancel(order.attempt, 1000);
    }
    const ends = await Promise.all(orders.map((order) => bench.end(order)));

    expect(ends.map(({ kind }) => kind)).toEqual(orders.map(() => 'ended'));
    expect(bench.events.filter(({ kind }) => kind === 'ended' || kind === 'gone')).toHaveLength(orders.length);
  });

  test('more attempts than slots run at once when they are asked for', async () => {
    await using bench = await Bench.open({ shell });
    const orders = Array.from({ length: 6 }, () => bench.order('sleep 0.2'));

    await bench.backend.launch(orders);
    const ends = await Promise.all(orders.map((order) => bench.end(order)));

    expect(ends.map((end) => end.kind === 'ended' && end.outcome.kind)).toEqual(orders.map(() => 'ok'));
  });

  test('F22: binary output, invalid UTF-8 and NULs arrive as they were said', async () => {
    await using bench = await Bench.open({ shell });
    const order = await bench.launch(bench.order(`printf '\\377\\000\\376x\\n\\000'; printf '\\303(' >&2; exit 3`));

    const end = await bench.end(order);

    expect(readFileSync(join(order.directory, 'stdout'))).toEqual(Buffer.from([255, 0, 254, 120, 10, 0]));
    expect(end).toMatchObject({ outcome: { kind: 'exit', code: 3, stderr: '\ufffd(' } });
  });
});

function claimOf({ directory }: AttemptOrder): ProcessIdentity {
  const [line = ''] = readFileSync(join(directory, 'claim'), 'utf8').split('\n');
  const { launcher, start } = JSON.parse(line) as { launcher: number; start: number };
  return { pid: launcher, start };
}

function isThere(fd: string): boolean {
  return Number(fd) > 2 && lstatSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false }) !== undefined;
}

function size(directory: string, name: string): number {
  return statSync(join(directory, name)).size;
}
