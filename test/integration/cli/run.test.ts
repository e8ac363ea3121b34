import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHAIN, TALKING, WAITS } from './flows.ts';
import { runIdOf, Sandbox } from './harness.ts';

interface Summary {
  readonly run: string;
  readonly status: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly wallSeconds: number;
}

test('a run that ends well exits with 0 and writes no data', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);

  const ended = await box.run(['run', 'flow.js']);

  expect(ended).toMatchObject({ code: 0, stdout: '' });
  expect(ended.stderr).toMatch(/^r-[0-9a-z]{20} {2}waits, 4 jobs\nr-[0-9a-z]{20} {2}done: 4 done in \d+\.\ds\n$/);
});

test('with --json stdout is one document, on one line', async () => {
  await using box = new Sandbox();
  box.write('flow.ts', WAITS.replace('(p)', '(p: { n?: number; ms?: number })'));

  const ended = await box.run(['run', 'flow.ts', '-p', 'n=5', '--json']);

  expect(ended.code).toBe(0);
  expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1);
  const summary = JSON.parse(ended.stdout) as Summary;
  expect(summary).toEqual({
    run: expect.stringMatching(/^r-[0-9a-z]{20}$/),
    status: 'done',
    counts: { created: 0, pending: 0, running: 0, done: 6, failed: 0, cancelled: 0 },
    wallSeconds: expect.any(Number),
  });
});

test('plan says what would run, in an order that is possible, and makes no store', async () => {
  await using box = new Sandbox();
  box.write('flow.js', CHAIN);

  const ended = await box.run(['plan', 'flow.js']);

  expect(ended.stdout).toBe('run  step-1\nrun  step-2  after step-1\nrun  step-3  after step-2\n');
  expect(ended.stderr).toBe('chain is valid: 3 jobs, 2 edges, no earlier result\n');
  expect((await box.run(['runs'])).stderr).toContain('no runs yet');
});

test('the store is where --store or HEDDLE_STORE says, and .heddle otherwise', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);
  const [first, second, third] = await Promise.all([
    box.json<Summary>(['run', 'flow.js']),
    box.json<Summary>(['run', 'flow.js', '--store', 'elsewhere']),
    box
      .run(['run', 'flow.js', '--json'], { env: { HEDDLE_STORE: 'there' } })
      .then((end) => JSON.parse(end.stdout) as Summary),
  ]);

  const idsIn = async (...args: string[]): Promise<unknown> =>
    (await box.json<readonly { run: string }[]>(['runs', ...args])).map((row) => row.run);
  expect(await idsIn('--store', '.heddle')).toEqual([first?.run]);
  expect(await idsIn('--store', 'elsewhere')).toEqual([second?.run]);
  expect(await idsIn('--store', 'there')).toEqual([third?.run]);
});

test('runs of one store may go on at once, each in its own process', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);

  const summaries = await Promise.all(
    Array.from({ length: 4 }, () => box.json<Summary>(['run', 'flow.js', '-p', 'n=50'])),
  );

  expect(summaries.map((summary) => summary.status)).toEqual(['done', 'done', 'done', 'done']);
  expect(await box.json<readonly unknown[]>(['runs'])).toHaveLength(4);
});

test('a run is named by any part of its id that no other has, and the latest when none is named', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);
  const first = await box.json<Summary>(['run', 'flow.js']);
  const second = await box.json<Summary>(['run', 'flow.js']);

  expect(await box.json(['show', first.run.slice(-6)])).toMatchObject({ run: first.run });
  expect(await box.json(['show'])).toMatchObject({ run: second.run, status: 'done', size: 4 });
  expect(await box.run(['show', 'r-'])).toMatchObject({ code: 2, stderr: expect.stringContaining('2 runs') });
  const near = await box.run(['show', `${first.run.slice(0, -1)}!`]);
  expect(near.code).toBe(3);
  expect(near.stderr).toMatch(/did you mean 'r-/);
});

test('a job is shown by its name, also when that holds slashes', async () => {
  await using box = new Sandbox();
  box.write(
    'flow.js',
    "import { noop, workflow } from 'heddle';\nexport default workflow('w', () => void noop().named('a/b c/1'));\n",
  );
  const { run } = await box.json<Summary>(['run', 'flow.js']);

  expect(await box.json(['show', `${run}/a/b c/1`])).toMatchObject({ job: 'a/b c/1', status: 'done', attempt: 1 });
  const wrong = await box.run(['show', `${run}/a/b c/2`]);
  expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining("did you mean 'a/b c/1'?") });
});

test('a workflow finds its project from wherever it is started', async () => {
  await using box = new Sandbox();
  mkdirSync(join(box.folder, 'project', 'flows'), { recursive: true });
  box.write('project/package.json', '{}');
  box.write('project/flows/flow.js', WAITS);

  const { run } = await box.json<Summary>(['run', 'project/flows/flow.js']);

  const shown = await box.run(['show', run]);
  expect(shown.stdout).toContain(`file     ${join(box.folder, 'project', 'flows', 'flow.js')}`);
});

test('a reader that goes away is no error', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);
  await box.run(['run', 'flow.js', '-p', 'n=3000', '-p', 'ms=0']);

  const script = `"${process.execPath}" "${box.bin}" show --all | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const ended = spawnSync('bash', ['-c', script], {
    cwd: box.folder,
    env: { ...process.env, HEDDLE_SOURCE: '1' },
    encoding: 'utf8',
  });

  expect(ended.stdout).toMatch(/^run +r-\w+\n0\n$/);
  expect(ended.stderr).toBe('');
});

const BAD_INPUTS: readonly (readonly [what: string, args: readonly string[], code: number, says: RegExp])[] = [
  ['no such file', ['run', 'flw.js'], 3, /there is no file 'flw.js'\n {2}did you mean 'flow.js'\?/],
  ['a folder', ['run', '.'], 2, /'\.' is a folder/],
  ['YAML that is no workflow', ['run', 'flow.yaml'], 2, /flow\.yaml:1:1: heddle: is missing/],
  ['another kind of file', ['run', 'notes.txt'], 2, /no kind of file that holds a workflow/],
  [
    'no default export',
    ['run', 'empty.js'],
    2,
    /does not export a workflow by default\n {2}end it with: export default/,
  ],
  ['a syntax error', ['run', 'broken.js'], 2, /'broken.js' can't be loaded: /],
  ['a missing package', ['run', 'missing.js'], 2, /Cannot find package 'no-such-package'[^]*install the package/],
  ['TypeScript that is more than types', ['run', 'enum.ts'], 2, /no enum/],
  ['a module that throws', ['run', 'throws.js'], 2, /can't be loaded: not today \(throws.js:1\)/],
  [
    'a workflow that needs parameters',
    ['run', 'needs.js'],
    2,
    /can't be built: .*no parameters were given: -p key=value/s,
  ],
  ['a parameter without a value', ['run', 'flow.js', '-p', 'n'], 2, /parameter 'n' is no key=value/],
  ['a parameter given twice', ['run', 'flow.js', '-p', 'n=1', '-p', 'n=2'], 2, /given twice/],
  ['a bad number', ['run', 'flow.js', '--jobs', 'two'], 2, /'--jobs' takes a whole number, 1 or more: got 'two'/],
  ['no such backend', ['run', 'talk.js', '--backend', 'slrm'], 2, /slrm/],
  ['no such option', ['run', 'flow.js', '--jbos', '3'], 2, /unknown option '--jbos'[^]*--jobs/],
  ['no such command', ['rnu'], 2, /unknown command 'rnu'[^]*run/],
  ['no such run', ['show', 'r-nope'], 3, /there is no run 'r-nope'/],
  ['no such job', ['why', 'RUN/nobody'], 3, /has no job 'nobody'/],
  ['a run where a job is wanted', ['why', 'RUN'], 2, /names no job\n {2}write: heddle why RUN\/JOB/],
  ['an ended run to steer', ['pause', 'RUN'], 2, /is finished: done/],
  ['an ended run to resume', ['resume', 'RUN'], 2, /is finished: done/],
  ['nothing to resume', ['resume'], 3, /there is no unfinished run/],
  ['nothing to retry', ['retry', 'RUN'], 2, /is done: there is nothing to retry/],
  [
    'a change no retry can make',
    ['retry', 'RUN', '--set', 'colour=red'],
    2,
    /'--set colour' is nothing a retry can change/,
  ],
  ['an unreadable size', ['retry', 'RUN', '--set', 'memory=lots'], 2, /--set memory: can't read 'lots'/],
  ['no store', ['show', '--store', 'nowhere'], 3, /there is no store at/],
];

test.for(BAD_INPUTS)(
  '%s is refused by its exit code, with what to do, and without a stack',
  async ([, args, code, says]) => {
    await using box = new Sandbox();
    box.write('flow.js', WAITS);
    box.write('talk.js', TALKING);
    box.write('flow.yaml', 'a: 1');
    box.write('notes.txt', '');
    box.write('empty.js', '');
    box.write('broken.js', 'export default {{{');
    box.write('missing.js', "import 'no-such-package';");
    box.write('enum.ts', 'enum A { B }\nexport default A;');
    box.write('throws.js', "throw new Error('not today');");
    box.write(
      'needs.js',
      "import { workflow } from 'heddle';\nexport default workflow('w', (p) => void p.list.length);\n",
    );
    const { run } = await box.json<Summary>(['run', 'flow.js']);

    const ended = await box.run(args.map((arg) => arg.replace('RUN', run)));

    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(/^heddle: /);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr).not.toMatch(/\n {4}at /);
    expect(ended.stdout).toBe('');
  },
);

test('a store that is newer, or is no store at all, is refused and left as it is', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);
  mkdirSync(join(box.folder, '.heddle'));
  writeFileSync(
    join(box.folder, '.heddle', 'store.db'),
    'this is no database, and long enough to be read as one'.repeat(200),
  );

  const ended = await box.run(['run', 'flow.js']);

  expect(ended.code).toBe(4);
  expect(ended.stderr).toMatch(/^heddle: /);
});

test('says what it can do', async () => {
  await using box = new Sandbox();

  const help = await box.run(['--help']);
  const version = await box.run(['--version']);

  expect(help.code).toBe(0);
  for (const word of [
    'run',
    'plan',
    'resume',
    'runs',
    'show',
    'logs',
    'why',
    'cancel',
    'pause',
    'hold',
    'release',
    'retry',
    'doctor',
  ]) {
    expect(help.stdout).toMatch(new RegExp(`^  ${word}\\b`, 'm'));
  }
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('doctor finds a healthy store well, and a run that its process left', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);
  const run = box.start(['run', 'flow.js', '-p', 'ms=60000']);
  const id = await runIdOf(run);

  const live = await box.run(['doctor']);
  expect(live.code).toBe(0);
  expect(live.stdout).toMatch(new RegExp(`well +run +${id} is run by process ${run.process.pid}`));

  run.process.kill('SIGKILL');
  await run.ended;
  const left = await box.run(['doctor']);
  expect(left.code).toBe(0);
  expect(left.stdout).toContain(`${id} is run by nobody: heddle resume ${id} continues it`);
});

test('a workflow without any task says so, and is done', async () => {
  await using box = new Sandbox();
  box.write('flow.js', "import { workflow } from 'heddle';\nexport default workflow('none', () => undefined);");

  const ended = await box.run(['run', 'flow.js', '--json']);

  expect(ended.code).toBe(0);
  expect(ended.stderr).toContain('the workflow has no tasks: there is nothing to do\n');
  expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'done' });
});

/** A drawing of a run as it is before it runs. */
function withoutStates(text: string): string {
  return text
    .replace(/ \[done\]| \[style=filled, fillcolor="#\w+"\]| style="fill:#\w+"/g, '')
    .replace(/^ {2}class(?:Def)? .*\n/gm, '');
}

test('graph writes the graph of a file or of a run in every form, and its JSON runs again', async () => {
  await using box = new Sandbox();
  box.write('flow.js', CHAIN);
  const { run } = await box.json<Summary>(['run', 'flow.js']);

  const forms = await Promise.all(
    ['text', 'dot', 'mermaid', 'svg', 'json'].map(async (format) => {
      const [ofFile, ofRun] = await Promise.all([
        box.run(['graph', 'flow.js', '--format', format]),
        box.run(['graph', run, '--format', format]),
      ]);
      expect(ofFile.code).toBe(0);
      // Of a run each job says how it stands, but in JSON, which is the graph alone.
      expect(ofRun.stdout === ofFile.stdout).toBe(format === 'json');
      expect(withoutStates(ofRun.stdout)).toBe(ofFile.stdout);
      return ofFile.stdout;
    }),
  );

  expect(forms[1]).toMatch(/^digraph/);
  expect(forms[2]).toMatch(/^flowchart/);
  expect(forms[3]).toMatch(/^<svg/);
  box.write('again.json', forms[4] as string);
  expect(await box.json(['run', 'again.json'])).toMatchObject({ status: 'done', counts: { done: 3 } });
});

test('the export of a run imports as a trace that runs', async () => {
  await using box = new Sandbox();
  box.write('flow.js', CHAIN);
  const { run } = await box.json<Summary>(['run', 'flow.js']);

  expect(await box.run(['export', run, '--to', 'wfformat', '-o', 'trace.json'])).toMatchObject({ code: 0, stdout: '' });

  expect(await box.json(['run', 'trace.json', '--backend', 'inline', '--time-scale', '0'])).toMatchObject({
    status: 'done',
    counts: { done: 3 },
  });
});

test.for([
  ['text that is no JSON', '{"name": ', /trace\.json/],
  ['JSON that is no trace', '{"name": "x"}', /trace\.json/],
] as const)('%s is refused as a trace, with the place', async ([, text, says]) => {
  await using box = new Sandbox();
  box.write('trace.json', text);

  const ended = await box.run(['run', 'trace.json']);

  expect(ended.code).toBe(2);
  expect(ended.stderr).toMatch(says);
});
