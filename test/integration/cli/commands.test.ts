import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FAILING, TABLE, TALKING } from './flows.ts';
import { runIdOf, Sandbox } from './harness.ts';

test('what a workflow returns as text is the data of its run, and published where it says', async () => {
  await using box = new Sandbox();
  box.write('flow.js', TABLE);

  const ended = await box.run(['run', 'flow.js', '-p', 'n=4']);

  expect(ended).toMatchObject({ code: 0, stdout: 'values 0 1 2 3\n' });
  expect(readFileSync(join(box.folder, 'results', 'table.txt'), 'utf8')).toBe('values 0 1 2 3\n');
});

test('with --json the text gives way to the one document', async () => {
  await using box = new Sandbox();
  box.write('flow.js', TABLE);

  const ended = await box.run(['run', 'flow.js', '--json']);

  expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'done', counts: { done: 4 } });
});

test('a file of the user that is not there is told before anything starts, with the nearest name, and who takes it', async () => {
  await using box = new Sandbox();
  box.write('data/readings.txt', 'x');
  box.write(
    'missing.js',
    `import { command, input, sh, text, workflow } from 'heddle';
    const first = command('first', { run: () => sh\`echo begun > begun\`, outputs: { begun: text('begun').publish('begun.txt') } });
    const reads = command('reads', { run: () => sh\`cat \${input('data/reading.txt')} \${input('results/begun.txt')}\` });
    export default workflow('missing', () => { first(); reads(); });`,
  );

  for (const verb of ['run', 'plan']) {
    const { code, stderr } = await box.run([verb, 'missing.js']);
    expect(code).toBe(3);
    expect(stderr).toContain(
      "there is no file 'data/reading.txt' (for 'reads-1')\n  did you mean 'data/readings.txt'?",
    );
  }
  expect((await box.run(['runs'])).stdout).not.toContain('missing');
});

test('plan says which tasks this machine could not run, and what run wants then', async () => {
  await using box = new Sandbox();
  box.write(
    'large.js',
    `import { command, sh, workflow } from 'heddle';
    const large = command('large', { run: () => sh\`true\`, resources: { cpus: 4096 } });
    export default workflow('large', () => large());`,
  );

  const planned = await box.run(['plan', 'large.js']);
  expect(planned.stderr).toMatch(
    /this machine could not run large \(4096 cpus, of \d+\): give heddle run more \(--jobs/,
  );
  const refused = await box.run(['run', 'large.js']);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('4096 cpus') });
});

test('an input that is gone, and an output that nobody made, are told with what to do about it', async () => {
  await using box = new Sandbox();
  box.write('data/nope.txt', 'x');
  box.write(
    'files.js',
    `import { command, file, input, json, sh, workflow } from 'heddle';
    const goes = command('goes', { run: () => sh\`rm \${input('data/nope.txt')} '${join(box.folder, 'data/nope.txt')}'\` });
    const reads = command('reads', { run: () => sh\`cat \${input('data/nope.txt')}\` });
    const makes = command('makes', { run: () => sh\`touch outt.txt\`, outputs: { out: file('out.txt') } });
    const value = command('value', { run: () => sh\`echo '{"v":1}' > v.json\`, outputs: { value: json('v.json') } });
    const takes = command('takes', { run: (p) => sh\`echo \${p.w}\` });
    export default workflow('files', () => { reads().after(goes()); makes(); takes({ w: value().value.w }); });`,
  );

  const ended = await box.run(['run', 'files.js']);

  const at = join(box.folder, 'data', 'nope.txt');
  expect(ended.stderr).toContain(
    `failed reads-1: HeddleError: input 'nope.txt' is not there: '${at}'\n  put it there, or`,
  );
  expect(ended.stderr).toContain('failed makes-1: declared output missing: out.txt\n  it left outt.txt\n');
  expect(ended.stderr).toContain("failed takes-1: HeddleError: output 'value' of 'value-1' has no 'w'; there is 'v'");
  const { outcome } = await box.json<{ outcome: object }>(['show', '/reads-1']);
  expect(outcome).toMatchObject({ kind: 'error', error: { code: 'FILE_NOT_FOUND' } });
});

test('of a call it is told where it ran only when there is such a place, and nowhere that a command repeats it', async () => {
  await using box = new Sandbox();
  box.write('package.json', '{ "type": "module" }');
  box.write(
    'calls.js',
    `import { task, workflow } from 'heddle';
    export const quiet = task('quiet', () => 1);
    export const loud = task('loud', () => { console.error('oh'); throw new Error('no'); });
    export default workflow('calls', () => [quiet(), loud()]);`,
  );

  const ended = await box.run(['run', 'calls.js']);
  const quiet = await box.json<{ directory: string | null }>(['show', '/quiet-1']);
  const loud = await box.json<{ directory: string | null }>(['show', '/loud-1']);
  const why = await box.run(['why', '/loud-1']);

  expect(quiet.directory).toBeNull();
  expect((await box.run(['show', '/quiet-1'])).stdout).not.toMatch(/^directory/m);
  expect(existsSync(loud.directory ?? '')).toBe(true);
  expect(ended.stderr).toContain(`  | oh\n  in ${loud.directory}\n`);
  expect(why.stdout).toContain(`it ran in ${loud.directory}\n`);
  expect(ended.stderr + why.stdout).not.toContain('command.sh');
});

test('a failing job is told with what it last said, where it ran and how to repeat it', async () => {
  await using box = new Sandbox();
  box.write('flow.js', FAILING);

  const ended = await box.run(['run', 'flow.js', '--json']);
  const { run } = JSON.parse(ended.stdout) as { run: string };
  const directory = join(box.folder, '.heddle', 'work', run, '0', 'bad-1-0.1');

  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed', counts: { done: 1, failed: 1, cancelled: 1 } });
  expect(ended.stderr).toContain(
    `failed bad-1: exit code 3\n  | cannot go on\n  in ${directory}\n  sh command.sh there repeats it by hand\n`,
  );
  expect(existsSync(join(directory, 'command.sh'))).toBe(true);

  const why = await box.run(['why', `${run}/bad-1`]);
  expect(why.stdout).toBe(
    `bad-1 is failed (exit)\nit ended by exit code 3\nto run it again: heddle retry ${run}\n` +
      `the last it wrote to stderr:\n  cannot go on\nit ran in ${directory}\n  sh command.sh there repeats it by hand\n`,
  );
  expect((await box.run(['why', `${run}/after`])).stdout).toContain(
    "it needs the value of 'bad-1', which did not end well",
  );
});

test('retry of a failed run does what had failed again, and what had been cancelled for it', async () => {
  await using box = new Sandbox();
  box.write('flow.js', FAILING);
  const { run } = JSON.parse((await box.run(['run', 'flow.js', '--json'])).stdout) as { run: string };
  box.write('mended', '');

  const retried = await box.run(['retry', run, '--set', 'memory=64MiB', '--json']);

  expect(retried.code).toBe(0);
  expect(JSON.parse(retried.stdout)).toMatchObject({ run, status: 'done', counts: { done: 3 } });
  expect(await box.json(['show', `${run}/bad-1`])).toMatchObject({
    status: 'done',
    attempt: 2,
    attempts: [{ attempt: 1, outcome: { kind: 'exit', code: 3 } }],
  });
  expect(await box.json(['show', `${run}/good-1`])).toMatchObject({ attempt: 1 });
});

test('retry gives failed jobs what --set says: memory, cpus, and time, which is their limit where they have one', async () => {
  await using box = new Sandbox();
  box.write(
    'slow.js',
    `import { command, sh, workflow } from 'heddle';
const slow = command('slow', { run: () => sh\`sleep 1\`, timeout: '100ms', resources: { memory: '128MiB' } });
export default workflow('slow', () => slow());`,
  );
  const { run } = JSON.parse((await box.run(['run', 'slow.js', '--json'])).stdout) as { run: string };
  const set = ['--set', 'time=1h', '--set', 'memory=64MiB', '--set', 'cpus=0.5'];

  const retried = await box.run(['retry', run, ...set, '--json']);
  const again = await box.json<{ attempts: readonly object[] }>(['show', `${run}/slow-1`]);

  expect(JSON.parse(retried.stdout)).toMatchObject({ status: 'done', counts: { done: 1 } });
  expect(again).toMatchObject({
    attempt: 2,
    grant: { cpus: 0.5, memoryBytes: 64 * 2 ** 20 },
    attempts: [{ attempt: 1, grant: { cpus: 1, memoryBytes: 128 * 2 ** 20 }, outcome: { kind: 'timeout' } }],
  });
});

test('--on-failure abort cancels what has nothing to do with the failure', async () => {
  await using box = new Sandbox();
  box.write('flow.js', FAILING.replace('sh`true`', 'sh`sleep 60`'));

  const ended = await box.run(['run', 'flow.js', '--on-failure', 'abort', '--json', '--jobs', '2']);

  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'failed', counts: { failed: 1, cancelled: 2 } });
});

test('logs of a job are its bytes, each stream where it belongs', async () => {
  await using box = new Sandbox();
  box.write('flow.js', TABLE);
  const { run } = await box.json<{ run: string }>(['run', 'flow.js', '-p', 'n=1']);

  expect(await box.run(['logs', `${run}/make-1`])).toMatchObject({ code: 0, stdout: 'making\n', stderr: 'careful\n' });
  expect(await box.run(['logs', `${run}/make-1`, '--stderr'])).toMatchObject({ stdout: 'careful\n', stderr: '' });
  expect(await box.run(['logs', run])).toMatchObject({ stdout: 'make-1 | making\nmake-1 | careful\n' });
  expect(await box.run(['logs', `${run}/table-1`])).toMatchObject({
    stdout: '',
    stderr: "job 'table-1' wrote nothing\n",
  });
});

test.for([
  ['a job', (id: string) => `${id}/talk-1`, 'first\nsecond\n'],
  ['a run', (id: string) => id, 'talk-1 | first\ntalk-1 | aside\ntalk-1 | second\n'],
] as const)('logs -f of %s shows what is written as it is written, and ends with it', async ([, target, text]) => {
  await using box = new Sandbox();
  box.write('flow.js', TALKING);
  const run = box.start(['run', 'flow.js']);
  const id = await runIdOf(run);

  const logs = box.start(['logs', '-f', target(id)]);
  await logs.said('stdout', /first\n/);
  box.write('go', '');

  expect(await logs.ended).toMatchObject({ code: 0, stdout: text });
  expect(await run.ended).toMatchObject({ code: 0 });
});

test('the second Ctrl-C leaves at once; the command goes on, and resume takes its end without running it again', async () => {
  await using box = new Sandbox();
  // It is deaf to the polite signal, so that the first Ctrl-C has to wait out its grace.
  box.write('flow.js', TALKING.replace('echo first', 'trap "" TERM; echo first; echo x >> "$project/ledger"'));
  const run = box.start(['run', 'flow.js']);
  const id = await runIdOf(run);
  const logs = box.start(['logs', '-f', `${id}/talk-1`]);
  await logs.said('stdout', /first\n/);

  run.process.kill('SIGINT');
  await run.said('stderr', /again to leave at once/);
  run.process.kill('SIGINT');
  expect(await run.ended).toMatchObject({ code: 130, stderr: expect.stringContaining(`heddle resume ${id}`) });

  box.write('go', '');
  const resumed = await box.run(['resume', '--json']);
  expect(resumed.stdout).toContain('"status":"done"');
  expect(readFileSync(join(box.folder, 'ledger'), 'utf8')).toMatch(/^(x\n)+$/);
});

test('a command outlives its killed engine, and resume collects its end', async () => {
  await using box = new Sandbox();
  box.write('flow.js', TALKING.replace('echo first', 'echo x >> "$project/ledger"; echo first'));
  const run = box.start(['run', 'flow.js']);
  const id = await runIdOf(run);
  const logs = box.start(['logs', '-f', `${id}/talk-1`]);
  await logs.said('stdout', /first\n/);

  run.process.kill('SIGKILL');
  await run.ended;
  box.write('go', '');
  const resumed = await box.run(['resume', '--json']);

  expect(JSON.parse(resumed.stdout)).toMatchObject({ run: id, status: 'done', counts: { done: 1 } });
  expect(readFileSync(join(box.folder, 'ledger'), 'utf8')).toBe('x\n');
});

test('Ctrl-C leaves no process behind', async () => {
  await using box = new Sandbox();
  box.write(
    'flow.js',
    TALKING.replace('echo first', () => 'echo $$ > "$project/pid"; echo first'),
  );
  const run = box.start(['run', 'flow.js']);
  const logs = box.start(['logs', '-f', `${await runIdOf(run)}/talk-1`]);
  await logs.said('stdout', /first\n/);

  run.process.kill('SIGINT');

  expect((await run.ended).code).toBe(130);
  const pid = Number(readFileSync(join(box.folder, 'pid'), 'utf8'));
  expect(pid).toBeGreaterThan(1);
  expect(isAlive(pid)).toBe(false);
});

test('cancel of a run whose engine was killed ends the command it left behind', async () => {
  await using box = new Sandbox();
  box.write(
    'flow.js',
    TALKING.replace('echo first', () => 'trap "" TERM; echo $$ > "$project/pid"; echo first').replace(
      'talk({})',
      "talk({}).on('commands', { grace: '200ms' })",
    ),
  );
  const run = box.start(['run', 'flow.js']);
  const id = await runIdOf(run);
  const logs = box.start(['logs', '-f', `${id}/talk-1`]);
  await logs.said('stdout', /first\n/);
  run.process.kill('SIGKILL');
  await run.ended;
  const pid = Number(readFileSync(join(box.folder, 'pid'), 'utf8'));
  expect(isAlive(pid)).toBe(true);

  expect(await box.run(['cancel', id])).toMatchObject({ code: 0 });

  expect(isAlive(pid)).toBe(false);
  expect(await box.json(['show', id])).toMatchObject({ status: 'cancelled' });
});

/** Neither gone nor a zombie that nobody has taken leave of yet. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
