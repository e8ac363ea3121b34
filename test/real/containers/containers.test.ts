import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readContainer } from '../../../src/backends/containers/index.ts';
import type { AttemptOrder, Outcome } from '../../../src/model/index.ts';
import { listProcesses } from '../../../src/process/index.ts';
import { until } from '../../integration/commands/harness.ts';
import { ContainerBench, containersOf, labs } from './lab.ts';

const found = await labs('podman', 'docker', 'charliecloud', 'bubblewrap');

const MIB = 1024 * 1024;

function said(order: AttemptOrder, stream = 'stdout'): string {
  return readFileSync(join(order.directory, stream), 'utf8');
}

function errorOf(outcome: Outcome | { readonly gone: string }): { code?: string; message?: string; hint?: string } {
  return 'kind' in outcome && outcome.kind === 'error' ? outcome.error : { message: JSON.stringify(outcome) };
}

describe.each(found)('commands in containers of $runtime', (lab) => {
  const { runtime, image } = lab;
  const isEngine = runtime === 'podman' || runtime === 'docker';

  test('exit codes and signals are the command’s own, and a record says what ran', async () => {
    await using bench = await ContainerBench.open(lab);

    const outcomes = await Promise.all(
      ['exit 3', 'exit 125', 'exit 127', 'exit 137', 'kill -KILL $$', 'false; true'].map((text) => bench.run(text)),
    );
    const { order } = await bench.outcome(bench.order('true'));

    expect(outcomes.map((outcome) => ('kind' in outcome ? { ...outcome, usage: undefined } : outcome))).toMatchObject([
      { kind: 'exit', code: 3 },
      { kind: 'exit', code: 125 },
      { kind: 'exit', code: 127 },
      { kind: 'exit', code: 137 },
      { kind: 'signal', signal: 'SIGKILL' },
      { kind: 'exit', code: 1 },
    ]);
    expect(readContainer(order.directory)).toMatchObject({
      attempt: order.attempt,
      runtime,
      image,
      state: 'ended',
      code: 0,
      digest: expect.stringMatching(isEngine ? /^sha256:[0-9a-f]{64}$/ : /^dir:\d+$/) as string,
    });
  });

  test('names, values and inputs arrive as they are; outputs belong to whoever runs it', async () => {
    await using bench = await ContainerBench.open(lab);
    const input = join(bench.bench.project, `in:put, ü '$x".txt`);
    writeFileSync(input, 'given\n');
    const value = `it's "$HOME"\nwith \\ lines; ünïcode`;
    const order = bench.order(
      `printf '%s' "$VALUE" >value; cat inputs/*/*; pwd; id -u; echo "$HEDDLE_JOB_ID"; : >'ö u t'`,
      { environment: { VALUE: value }, inputs: [{ name: `a b/ü '$x".txt`, at: input }] },
    );
    const { outcome } = await bench.outcome({ ...order, job: `job "ü' $(x)` as AttemptOrder['job'] });

    expect(outcome).toMatchObject({ kind: 'ok' });
    expect(readFileSync(join(order.directory, 'value'), 'utf8')).toBe(value);
    expect(said(order)).toBe(`given\n${order.directory}\n${process.getuid?.()}\njob "ü' $(x)\n`);
    expect(statSync(join(order.directory, 'ö u t')).uid).toBe(process.getuid?.());
    // Charliecloud can mount nothing read-only.
    if (runtime === 'charliecloud') return;
    await bench.run('echo changed >"$(readlink inputs/file)"', { inputs: [{ name: 'file', at: input }] });
    expect(readFileSync(input, 'utf8')).toBe('given\n');
  });

  test('secrets are handed on by name, in no file and no argument', async () => {
    await using bench = await ContainerBench.open(lab);
    const secrets = { TOKEN: { $secret: ['env', 'TOKEN'] } } as const;
    const order = bench.order(
      'printf %s "$TOKEN" | wc -c; case $TOKEN in "s3 c\'r"*) echo known;; esac; while [ ! -e go ]; do sleep 0.05; done',
      {
        secrets,
      },
    );

    const running = bench.outcome({ ...order, secretEnvironment: { TOKEN: "s3 c'ret" } });
    await until(() => existsSync(join(order.directory, 'stdout')) && said(order).includes('known'), 'the command');
    const seen: string[] = [];
    for (const { pid } of listProcesses()) {
      try {
        seen.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        // It has ended meanwhile.
      }
    }
    writeFileSync(join(order.directory, 'go'), '');
    const { outcome } = await running;

    expect(outcome).toMatchObject({ kind: 'ok' });
    expect(said(order)).toBe('8\nknown\n');
    expect(seen.filter((line) => line.includes("s3 c'ret"))).toEqual([]);
    const files = readdirSync(order.directory).filter((name) => statSync(join(order.directory, name)).isFile());
    expect(files.filter((name) => said(order, name).includes("s3 c'ret"))).toEqual([]);
  });

  test.runIf(isEngine)('a registry that does not answer is worth another try', async () => {
    await using bench = await ContainerBench.open(lab);

    const outcome = await bench.run('true', { container: { image: '127.0.0.1:1/heddle/none:1' } });

    expect(errorOf(outcome)).toMatchObject({
      code: 'IMAGE_UNAVAILABLE',
      message: expect.stringContaining('127.0.0.1:1/heddle/none:1') as string,
    });
  });

  test('a list of words takes no shell', async () => {
    await using bench = await ContainerBench.open(lab);
    const argv = ['printf', '%s|', 'a b', '$HOME', "it's", ''];

    const { order, outcome } = await bench.outcome(bench.order('', { argv }));
    const failed = await bench.outcome(bench.order('', { argv: ['/no/such-program'] }));

    expect(outcome).toMatchObject({ kind: 'ok' });
    expect(said(order)).toBe("a b|$HOME|it's||");
    expect(errorOf(failed.outcome)).toMatchObject({
      code: 'CONTAINER_FAILED',
      hint: 'the image has no such program',
    });
  });

  test('what the runtime itself could not do is told apart from the command', async () => {
    await using bench = await ContainerBench.open(lab);

    const missing = await bench.run('true', { container: { image: isEngine ? 'localhost/no/such:1' : '/no/such' } });
    const flag = await bench.run('true', { container: { options: ['--no-such-flag'] } });

    expect(errorOf(missing)).toMatchObject({
      code: 'CONTAINER_FAILED',
      message: expect.stringMatching(/no\/such/) as string,
    });
    expect(errorOf(flag)).toMatchObject({
      code: 'CONTAINER_FAILED',
      message: expect.stringMatching(/no-such-flag/) as string,
    });
    expect(containersOf(runtime)).toEqual([]);
  });

  test('memory as the cause, also where a child was killed for it', async () => {
    await using bench = await ContainerBench.open(lab);
    const grant = { memoryBytes: 64 * MIB };

    const own = await bench.run(`exec sh -c 'x=$(head -c 200000000 /dev/zero | tr "\\0" a); echo survived'`, { grant });
    const child = await bench.run(`(x=$(head -c 200000000 /dev/zero | tr "\\0" a)); exit 7`, { grant });
    const modest = await bench.run('exit 7', { grant });

    expect(own).toMatchObject({ kind: 'memory' });
    expect(child).toMatchObject({ kind: 'memory' });
    expect(modest).toMatchObject({ kind: 'exit', code: 7 });
  });

  test('cancelled with a grandchild that ignores TERM: nothing is left', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = await bench.bench.launch(
      bench.order(
        `sh -c 'trap "" TERM; : >deaf; while :; do sleep 0.1; done' & trap '' TERM; wait; while :; do sleep 0.1; done`,
        {
          limits: { graceMs: 300 },
        },
      ),
    );
    await until(() => existsSync(join(order.directory, 'deaf')), 'the grandchild');

    bench.bench.backend.cancel(order.attempt, 300);
    const end = await bench.bench.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'signal' } });
    expect(containersOf(runtime)).toEqual([]);
  });

  test('a command that hears TERM ends by itself, within the grace', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = await bench.bench.launch(
      bench.order(`trap 'echo heard >heard; exit 4' TERM; : >ready; while :; do sleep 0.05; done`, {
        limits: { graceMs: 60_000 },
      }),
    );
    await until(() => existsSync(join(order.directory, 'ready')), 'the command');

    bench.bench.backend.cancel(order.attempt, 60_000);
    const end = await bench.bench.end(order);

    expect(end.kind).toBe('ended');
    expect(readFileSync(join(order.directory, 'heard'), 'utf8')).toBe('heard\n');
  });

  test.runIf(isEngine)('its client killed, or everything around it: no container is left', async () => {
    await using bench = await ContainerBench.open(lab);
    const order = await bench.bench.launch(bench.order(': >ready; while :; do sleep 0.1; done'));
    await until(() => existsSync(join(order.directory, 'ready')), 'the command');

    execFileSync('sh', ['-c', `kill -9 $(pgrep -f "^[^ ]*${runtime} run --name heddle-${order.attempt} ")`]);
    const end = await bench.bench.end(order);

    expect(end).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: 'SIGKILL' } });
    expect(containersOf(runtime)).toEqual([]);
  });

  test('without a network unless one is asked for', async () => {
    await using bench = await ContainerBench.open(lab);
    const interfaces = 'cut -d: -f1 -s /proc/net/dev | tr -d " \\n"';

    const without = await bench.outcome(
      bench.order(interfaces, runtime === 'charliecloud' ? { container: { network: 'none' } } : {}),
    );
    const host = await bench.outcome(bench.order(interfaces, { container: { network: 'host' } }));

    expect(said(without.order)).toBe('lo');
    expect(said(host.order).length).toBeGreaterThan(2);
    expect(readContainer(host.order.directory)?.network).toBe('host');
  });

  test('as another user, who may write into the attempt’s directory', async () => {
    await using bench = await ContainerBench.open(lab);
    const user = runtime === 'bubblewrap' || runtime === 'charliecloud' ? '0:0' : '1234:1234';

    const { order, outcome } = await bench.outcome(bench.order('id -u; : >made', { container: { user } }));

    expect(outcome).toMatchObject({ kind: 'ok' });
    expect(said(order)).toBe(`${user.split(':')[0]}\n`);
    expect(statSync(join(order.directory, 'made')).uid).toBe(Number(user.split(':')[0]));
  });

  test('twenty at a time', async () => {
    await using bench = await ContainerBench.open(lab, 20);

    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => bench.run(`exit ${n}`)));

    expect(outcomes.map((outcome) => ('kind' in outcome && outcome.kind === 'exit' ? outcome.code : 0))).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    );
    expect(containersOf(runtime)).toEqual([]);
  });
});
