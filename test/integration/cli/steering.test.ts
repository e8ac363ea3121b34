import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Engine } from '../../../src/jobs/index.ts';
import { DEFAULT_RETRY, GraphBuilder } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { CHAIN, WAITS } from './flows.ts';
import { runIdOf, Sandbox, type Started } from './harness.ts';

interface Shown {
  readonly status: string;
  readonly reason: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** A run of long waits, one at a time, in its own process; all that is asked of it comes from others. */
async function slowRun(
  box: Sandbox,
  args: readonly string[] = [],
): Promise<{ readonly run: Started; readonly id: string }> {
  box.write('flow.js', WAITS);
  const run = box.start(['run', 'flow.js', '-p', 'n=4', '-p', 'ms=60000', '--jobs', '1', '--json', ...args]);
  const id = await runIdOf(run);
  await until(box, id, (shown) => shown.counts['running'] === 1);
  return { run, id };
}

/** Looks at a run until it is as wanted. Each look is a whole command, so it never spins. */
async function until(box: Sandbox, id: string, isSo: (shown: Shown) => boolean): Promise<Shown> {
  for (;;) {
    const shown = await box.json<Shown>(['show', id]);
    if (isSo(shown)) return shown;
  }
}

test('a second process sees why jobs wait', async () => {
  await using box = new Sandbox();
  const { id } = await slowRun(box);

  const blocked = await box.run(['why', `${id}/end`]);
  const queued = await box.run(['why', `${id}/wait-2`]);

  expect(blocked.stdout).toBe(
    'end is pending (blocked)\nit waits for wait-1 (running), wait-2 (pending), wait-3 (pending), wait-4 (pending)\n',
  );
  expect(queued.stdout).toBe('wait-2 is pending (queued)\nit asks for 1 cpus; free are inline: 0 cpus\n');
});

test('a second process holds, cancels, releases and pauses; resume makes the owner go on', async () => {
  await using box = new Sandbox();
  const { run, id } = await slowRun(box);

  expect((await box.run(['hold', `${id}/wait-2`])).code).toBe(0);
  expect((await box.run(['why', `${id}/wait-2`])).stdout).toBe(
    `wait-2 is pending (held)\nit is held: heddle release ${id}/wait-2 lets it start\n`,
  );
  expect((await box.run(['pause', id])).code).toBe(0);
  // The slot is free, and what would take it is paused.
  expect((await box.run(['cancel', `${id}/wait-1`])).code).toBe(0);
  expect((await until(box, id, (shown) => shown.reason === 'paused')).counts['running']).toBe(0);

  const resumed = await box.run(['resume', id]);
  expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining(`in process ${run.process.pid}`) });
  // Not the held one.
  await until(box, id, (shown) => shown.counts['running'] === 1);
  expect((await box.run(['why', `${id}/wait-3`])).stdout).toMatch(/^wait-3 is running/);
  expect((await box.run(['resume', id])).code).toBe(4);

  expect((await box.run(['release', `${id}/wait-2`])).code).toBe(0);
  expect((await box.run(['why', `${id}/wait-2`])).stdout).toMatch(/^wait-2 is pending \(queued\)/);
  expect((await box.run(['why', `${id}/end`])).stdout).toBe(
    "end is cancelled (upstream)\nit needs the value of 'wait-1', which did not end well\n",
  );

  expect((await box.run(['cancel', id])).code).toBe(0);
  const ended = await run.ended;
  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({ run: id, status: 'cancelled', counts: { cancelled: 5 } });
});

test('one who is not there cannot be steered', async () => {
  await using box = new Sandbox();
  const { id } = await slowRun(box);

  const answers = await Promise.all(
    ['hold', 'release', 'cancel', 'why'].map((word) => box.run([word, `${id}/nobody`])),
  );

  expect(answers.map((answer) => answer.code)).toEqual([3, 3, 3, 3]);
});

test.for(['SIGINT', 'SIGTERM'] as const)(
  '%s stops in order and says how to go on, and resume goes on',
  async (signal) => {
    await using box = new Sandbox();
    box.write('flow.js', CHAIN);
    const run = box.start(['run', 'flow.js', '-p', 'n=3', '-p', 'ms=700', '--json']);
    const id = await runIdOf(run);
    await until(box, id, (shown) => shown.counts['done'] === 1);

    run.process.kill(signal);
    const ended = await run.ended;

    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain(`heddle resume ${id}`);
    expect(JSON.parse(ended.stdout)).toMatchObject({ run: id, status: 'pending', counts: { failed: 0, cancelled: 0 } });
    expect(await box.json(['show', id])).toMatchObject({ status: 'pending', reason: 'interrupted' });

    const resumed = await box.run(['resume', '--json']);
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ run: id, status: 'done', counts: { done: 3 } });
    // What was done was not done again.
    expect(await box.json(['show', `${id}/step-1`])).toMatchObject({ attempt: 1 });
  },
);

test('a run whose process was killed is interrupted, and resume goes on with it', async () => {
  await using box = new Sandbox();
  box.write('flow.js', CHAIN);
  const run = box.start(['run', 'flow.js', '-p', 'n=3', '-p', 'ms=700']);
  const id = await runIdOf(run);
  await until(box, id, (shown) => shown.counts['done'] === 1);

  run.process.kill('SIGKILL');
  await run.ended;

  expect(await box.json(['show', id])).toMatchObject({ status: 'pending', reason: 'interrupted' });
  expect((await box.run(['why', `${id}/step-3`])).stdout).toContain(
    `nobody runs this run: heddle resume ${id} continues it`,
  );
  expect(await box.run(['resume', id])).toMatchObject({ code: 0 });
  expect(await box.json(['show', id])).toMatchObject({ status: 'done', counts: { done: 3 } });
});

test('a run that nobody runs is steered too, and nothing of it starts by that', async () => {
  await using box = new Sandbox();
  const { run, id } = await slowRun(box);
  run.process.kill('SIGKILL');
  await run.ended;

  expect(await box.run(['hold', `${id}/wait-3`])).toMatchObject({ code: 0 });
  expect((await box.run(['why', `${id}/wait-3`])).stdout).toMatch(/^wait-3 is pending \(held\)/);
  expect(await box.run(['pause', id])).toMatchObject({ code: 0 });
  expect(await box.json(['show', `${id}/wait-2`])).toMatchObject({ attempt: 0 });

  expect(await box.run(['cancel', id])).toMatchObject({ code: 0 });
  expect(await box.json(['show', id])).toMatchObject({ status: 'cancelled', counts: { cancelled: 5 } });
});

test.for(['SIGINT', 'SIGKILL'] as const)(
  'F46: code changed since a %s is refused by the names of the files, unless it is accepted',
  async (signal) => {
    await using box = new Sandbox();
    box.write('part.js', 'export const ms = 700;\n');
    box.write('other.js', 'export const other = 1;\n');
    box.write(
      'flow.js',
      CHAIN.replace('p.ms ?? 50', 'ms').replace(
        '\n',
        "\nimport { ms } from './part.js';\nimport { other } from './other.js';\nexport const used = other;\n",
      ),
    );
    const run = box.start(['run', 'flow.js']);
    const id = await runIdOf(run);
    run.process.kill(signal);
    await run.ended;
    box.write('part.js', 'export const ms = 1;\n');

    const refused = await box.run(['resume', id]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/has changed since it was started\n {4}changed {2}part\.js\n[^]*--accept-code/);
    expect(refused.stderr).not.toContain('other.js');
    expect(await box.json(['show', id])).toMatchObject({ status: 'pending', reason: 'interrupted' });

    expect(await box.run(['resume', id, '--accept-code'])).toMatchObject({ code: 0 });
  },
);

test('retry makes the cancelled jobs of a finished run pending again, in the same run', async () => {
  await using box = new Sandbox();
  const { run, id } = await slowRun(box);
  await box.run(['cancel', id]);
  await run.ended;

  const retry = box.start(['retry', id]);
  await retry.said('stderr', new RegExp(id));
  await until(box, id, (shown) => shown.counts['running'] === 4);
  expect(await box.json(['show', `${id}/wait-1`])).toMatchObject({ attempt: 2 });
  retry.process.kill('SIGINT');

  expect(await retry.ended).toMatchObject({ code: 130 });
});

test('a store that one process has to itself is looked at and steered through that process', async () => {
  await using box = new Sandbox();
  await using store = await openStore(join(box.folder, '.heddle'), {
    clock: systemClock,
    random: systemRandom,
    exclusive: true,
  });
  await using engine = await Engine.open({ store });
  const builder = new GraphBuilder('mine');
  const payload = JSON.stringify({ call: { kind: 'builtin', name: 'wait' }, args: [60_000] });
  builder.add('long', {
    definition: {
      name: 'wait',
      kind: 'call',
      resources: { cpus: 1 },
      retry: DEFAULT_RETRY,
      timeouts: {},
      graceMs: 0,
      priority: 0,
    },
    payload,
    edges: [],
  });
  const run = await engine.run(builder.build());

  expect(await box.json<readonly unknown[]>(['runs'])).toMatchObject([{ run: run.id, status: 'running' }]);
  expect((await box.run(['why', `${run.id}/long`])).stdout).toMatch(/^long is running/);
  box.write('flow.js', WAITS);
  expect(await box.run(['run', 'flow.js'])).toMatchObject({ code: 4 });
  expect(await box.run(['cancel', run.id])).toMatchObject({ code: 0 });

  expect(await run.wait()).toMatchObject({ status: 'cancelled' });
});
