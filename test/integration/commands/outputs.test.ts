import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CommandValue, OutputSpec } from '../../../src/model/index.ts';
import { Bench, type CommandWork, until } from './harness.ts';

const file = (path: string, more: Partial<OutputSpec> = {}): OutputSpec => ({
  name: 'out',
  path,
  type: 'file',
  ...more,
});

async function valueOf(bench: Bench, text: string, work: Partial<CommandWork>): Promise<CommandValue> {
  const outcome = await bench.run(text, work);
  if (!('kind' in outcome) || outcome.kind !== 'ok' || outcome.value?.codec !== 'json') {
    throw new Error(JSON.stringify(outcome));
  }
  return JSON.parse(outcome.value.json) as CommandValue;
}

test('declared outputs are hashed, parsed, and named by where they lie', async () => {
  await using bench = await Bench.open();
  const outputs: OutputSpec[] = [
    { name: 'energy', path: 'energy.json', type: 'json' },
    { name: 'log', path: 'deep/er/run.log', type: 'text' },
    { name: 'raw', path: 'raw.bin', type: 'file' },
  ];

  const value = await valueOf(
    bench,
    `printf '{"e": -1.5}' > energy.json; mkdir -p deep/er; printf 'grün' > deep/er/run.log; printf '\\377\\000' > raw.bin`,
    { outputs },
  );

  const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
  expect(value.outputs['energy']).toEqual({
    type: 'json',
    value: { e: -1.5 },
    file: { sha256: sha256('{"e": -1.5}'), size: 11, name: 'energy.json' },
    at: expect.stringMatching(/^work\/r-test\/0\/job-.*\/energy\.json$/),
  });
  expect(value.outputs['log']).toMatchObject({ type: 'text', value: 'grün', file: { name: 'run.log', size: 5 } });
  expect(value.outputs['raw']).toMatchObject({
    type: 'file',
    file: { sha256: sha256(Buffer.from([255, 0])), size: 2 },
  });
});

test('a large output is hashed too', async () => {
  await using bench = await Bench.open();

  const value = await valueOf(bench, 'head -c 5000000 /dev/zero > big', { outputs: [file('big')] });

  const sha256 = createHash('sha256').update(Buffer.alloc(5_000_000)).digest('hex');
  expect(value.outputs['out']?.file).toEqual({ sha256, size: 5_000_000, name: 'big' });
});

test('F23: a missing output is a failure of its own cause, even after exit 0', async () => {
  await using bench = await Bench.open();

  expect(await bench.run('touch other', { outputs: [file('a.txt'), file('deep/b.txt', { name: 'b' })] })).toEqual({
    kind: 'output-missing',
    missing: ['a.txt', 'deep/b.txt'],
    note: 'it left other',
  });
});

test('exit code 3 is exit code 3, whatever is missing', async () => {
  await using bench = await Bench.open();

  expect(await bench.run('exit 3', { outputs: [file('a.txt')] })).toMatchObject({ kind: 'exit', code: 3 });
});

test('F23: what is written behind the back of the command is ended before its outputs are looked at', async () => {
  await using bench = await Bench.open();

  const value = await valueOf(bench, '(while :; do echo more >> log; done) & sleep 0.1', {
    outputs: [file('log')],
    limits: { graceMs: 100 },
  } as Partial<CommandWork>);

  expect(value.outputs['out']?.file.size).toBeGreaterThan(0);
});

test.each([
  ['a link out of the directory', 'ln -s /etc/passwd out', /is a link to '\/etc\/passwd', outside the work directory/],
  ['a link to nothing', 'ln -s nowhere out', /is a link to nothing/],
  ['a directory', 'mkdir out', /is no file/],
])('%s is no output', async (_, text, message) => {
  await using bench = await Bench.open();

  expect(await bench.run(text, { outputs: [file('out')] })).toMatchObject({
    kind: 'error',
    error: { message: expect.stringMatching(message), code: 'INPUT_INVALID' },
  });
});

test.each([
  ['half-written JSON', `echo '{"a":' > out`, 'json', /output 'out' \('out'\) is no JSON/],
  ['an empty file', ': > out', 'json', /is no JSON/],
  ['no UTF-8', `printf '\\377' > out`, 'text', /is no UTF-8 text/],
] as const)('F23: %s is an error that names the file', async (_, text, type, message) => {
  await using bench = await Bench.open();

  expect(await bench.run(text, { outputs: [file('out', { type })] })).toMatchObject({
    kind: 'error',
    error: { message: expect.stringMatching(message) },
  });
});

test('a published output is a copy in the results, whole, and a later attempt of its job replaces it', async () => {
  await using bench = await Bench.open();
  const outputs = [file('out', { publish: 'tables/first.txt' })];
  const published = join(bench.project, 'results/tables/first.txt');

  const first = await bench.launch(bench.order('echo one > out', { outputs }));
  await bench.end(first);
  expect(readFileSync(published, 'utf8')).toBe('one\n');

  const again = { ...bench.order('echo two > out', { outputs }), directory: first.directory.replace(/\.1$/, '.2') };
  await bench.end(await bench.launch({ ...again, job: first.job, index: first.index, fence: 2 }));

  expect(readFileSync(published, 'utf8')).toBe('two\n');
});

test.each(['../escaped', '/tmp/escaped', 'linked/escaped'])('nothing is published at %s', async (path) => {
  await using bench = await Bench.open();
  mkdirSync(join(bench.project, 'results'));
  mkdirSync(join(bench.project, 'elsewhere'));
  symlinkSync(join(bench.project, 'elsewhere'), join(bench.project, 'results', 'linked'));

  expect(await bench.run('echo x > out', { outputs: [file('out', { publish: path })] })).toMatchObject({
    kind: 'error',
    error: { code: 'INPUT_INVALID' },
  });
  expect(existsSync(join(bench.project, 'elsewhere', 'escaped'))).toBe(false);
  expect(existsSync(join(bench.project, 'escaped'))).toBe(false);
});

test('inputs are linked under their names, wherever they lie', async () => {
  await using bench = await Bench.open();
  writeFileSync(join(bench.project, 'absolute.txt'), 'A');
  writeFileSync(join(bench.directory, 'relative.txt'), 'R');
  const order = await bench.launch(
    bench.order('cat inputs/a inputs/deep/r', {
      inputs: [
        { name: 'a', at: join(bench.project, 'absolute.txt') },
        { name: 'deep/r', at: 'relative.txt' },
      ],
    }),
  );
  await bench.end(order);

  expect(readFileSync(join(order.directory, 'stdout'), 'utf8')).toBe('AR');
});

test.each([
  ['../x', /input '\.\.\/x' has the path/],
  ['/etc/x', /has the path/],
  ['', /has the path/],
  ['a\0b', /has the path/],
  ['..', /has the path/],
])('an input named %j is refused before anything starts', async (name, why) => {
  await using bench = await Bench.open();
  writeFileSync(join(bench.project, 'there'), '');

  const answers = await bench.backend.launch([
    bench.order('true', { inputs: [{ name, at: join(bench.project, 'there') }] }),
  ]);

  expect(answers).toMatchObject([{ kind: 'refused', retryable: false, why: expect.stringMatching(why) }]);
});

test('two inputs of one name, and one inside the other, are refused', async () => {
  await using bench = await Bench.open();
  writeFileSync(join(bench.project, 'there'), '');
  const at = join(bench.project, 'there');

  const answers = await bench.backend.launch([
    bench.order('true', {
      inputs: [
        { name: 'a', at },
        { name: './a', at },
      ],
    }),
    bench.order('true', {
      inputs: [
        { name: 'a/b', at },
        { name: 'a', at },
      ],
    }),
    bench.order('true', { inputs: [{ name: 'a', at: join(bench.project, 'not there') }] }),
  ]);

  expect(answers).toMatchObject([
    { kind: 'refused', retryable: false, why: "two inputs have the name 'a'" },
    { kind: 'refused', retryable: false, why: "input 'a' is a file and the folder of input 'a/b' at once" },
    { kind: 'refused', retryable: false, why: expect.stringMatching(/^input 'a' is not there/) },
  ]);
});

test('a variable no shell can have, and a NUL in the command, are refused', async () => {
  await using bench = await Bench.open();

  const answers = await bench.backend.launch([
    bench.order('true', { environment: { 'A-B': 'x' } }),
    bench.order('tr\0ue'),
  ]);

  expect(answers).toMatchObject([
    { kind: 'refused', retryable: false },
    { kind: 'refused', retryable: false },
  ]);
});

test('F22: a flood is cut at its bound with a mark, and disk stays bounded while it lasts', async () => {
  await using bench = await Bench.open();
  const outputBytes = 1024 * 1024;
  const order = await bench.launch(
    bench.order('echo first; head -c 200000000 /dev/zero; echo last', { limits: { outputBytes } }),
  );
  let peak = 0;
  const stdout = join(order.directory, 'stdout');
  const watch = setInterval(() => {
    peak = Math.max(peak, statSync(stdout, { throwIfNoEntry: false })?.size ?? 0);
  }, 5);

  const end = await bench.end(order);
  clearInterval(watch);

  expect(end).toMatchObject({ outcome: { kind: 'ok' } });
  const text = readFileSync(stdout, 'latin1');
  const mark = '\n[heddle: output above 1048576 bytes is cut off here]\n';
  expect(text.startsWith('first\n')).toBe(true);
  expect(text.endsWith(mark)).toBe(true);
  expect(text.length).toBe(outputBytes + mark.length);
  expect(peak).toBeLessThan(200_000_000);
});

test('F22: a flood that goes on is held while it goes on, and the writer goes on too', async () => {
  await using bench = await Bench.open();
  const order = await bench.launch(
    bench.order('while [ ! -e stop ]; do head -c 100000 /dev/zero; done', { limits: { outputBytes: 200_000 } }),
  );
  const stdout = join(order.directory, 'stdout');
  const sizes: number[] = [];
  await until(() => (statSync(stdout, { throwIfNoEntry: false })?.size ?? 0) > 200_000, 'the flood');
  for (let look = 0; look < 50; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    sizes.push(statSync(stdout).size);
  }
  writeFileSync(join(order.directory, 'stop'), '');
  await bench.end(order);

  // It was cut again and again: sizes go down as well as up.
  expect(sizes.some((size, index) => size < (sizes[index - 1] ?? 0))).toBe(true);
  expect(readFileSync(stdout, 'latin1').endsWith('is cut off here]\n')).toBe(true);
});

test('F24: a limit of V8 is told as memory', async () => {
  await using bench = await Bench.open();
  const program = 'const all = []; for (;;) all.push(new Array(1e5).fill(all.length))';

  const outcome = await bench.run('', {
    text: `'${process.execPath}' --max-old-space-size=30 -e '${program}'`,
    argv: [process.execPath, '--max-old-space-size=30', '-e', program],
  });

  expect(outcome).toMatchObject({ kind: 'memory', note: "JavaScript's heap limit was reached" });
});

test('the use of what runs for a while is told', async () => {
  await using bench = await Bench.open();
  const spin = 'const b = Buffer.alloc(1e8, 1); const t = Date.now(); while (Date.now() - t < 2500);';

  const outcome = await bench.run('', {
    text: `'${process.execPath}' -e '${spin}'`,
    argv: [process.execPath, '-e', spin],
  });

  expect(outcome).toMatchObject({
    kind: 'ok',
    usage: { maxRssBytes: expect.any(Number), userSeconds: expect.any(Number), systemSeconds: expect.any(Number) },
  });
  const { usage } = outcome as { usage: { maxRssBytes: number; userSeconds: number } };
  expect(usage.maxRssBytes).toBeGreaterThan(1e8);
  expect(usage.userSeconds).toBeGreaterThan(0.5);
});
