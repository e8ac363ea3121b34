import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getScope, makeParser, run, RuntimeManager, type WorkflowManager } from 'heddle';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

/** scalems: a backend's module is an entry point that runs anyone's script, and its exit status is true. */

const PROGRAMS = join(import.meta.dirname, 'programs');
/** Makes `heddle` mean the sources, as an installed package would. */
const SOURCES = join(import.meta.dirname, '..', 'use-sources.ts');

let directory = '';
beforeEach(() => {
  directory = ownFolder('entry-point');
});
afterEach(() => giveBack(directory));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const argv = ['--disable-warning=ExperimentalWarning', '--import', SOURCES, 'my-backend.ts', ...args];
  const child = spawn(process.execPath, argv, { cwd: PROGRAMS });
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  child.on('error', reject);
  child.on('close', (status) => resolve({ status, stdout, stderr }));
  return { child, ended: promise };
}

const myBackend = (...args: readonly string[]): Promise<Ended> => start(...args).ended;

describe('node my-backend.ts script.ts', () => {
  test('runs the script on that backend, with its own arguments behind', async () => {
    const inline = await myBackend('greet.ts', '--', 'to', '--you');
    const processes = await myBackend('--calls', 'processes', 'greet.ts', 'to', '--you');

    expect(inline).toEqual({ status: 0, stdout: 'hello to --you (here)\n["to","--you"]\n', stderr: '' });
    expect(processes).toEqual({ status: 0, stdout: 'hello to --you (elsewhere)\n["to","--you"]\n', stderr: '' });
  });

  test('ends with 1 when an item failed that nobody asked after: /bin/false is no success', async () => {
    const { status, stderr } = await myBackend('fails.ts');

    expect(status).toBe(1);
    expect(stderr).toContain("my-backend: 1 of 1 items failed: item '/bin/false'");
    expect(stderr).toContain('exit code 1');
  });

  test('ends with 1 when an item failed, also where the script got over it and was told why', async () => {
    const { status, stdout } = await myBackend('gets-over-it.ts');

    expect({ status, lines: stdout.split('\n').length }).toEqual({ status: 1, lines: 2 });
    expect(stdout).toContain('exit code 3: no such force field\n');
  });

  test('ends with 1 and says where when the app throws', async () => {
    const { status, stderr } = await myBackend('throws.ts');

    expect(status).toBe(1);
    expect(stderr).toMatch(/RangeError: the box is too small\n[^]*throws\.ts:4/);
  });

  test('tells what happens where --log-level asks for it', async () => {
    const { stderr } = await myBackend('--log-level', 'error', 'gets-over-it.ts');

    expect(stderr).toMatch(/^\S+ error job '.*' failed: exit code 3/);
  });

  test('ends with 130 on Ctrl-C, and nothing of it lives', async () => {
    const started = join(directory, 'started');
    const { child, ended } = start('waits.ts', started);
    while (!existsSync(started) && child.exitCode === null) await sleep(20);

    child.kill('SIGINT');

    expect(await ended).toMatchObject({ status: 130, stderr: 'my-backend: interrupted\n' });
  });

  test.each([
    [2, 'exports 2 apps: analyse, prepare', ['two-apps.ts']],
    [2, 'exports no app: it exports main', ['no-app.ts']],
    [2, "missing required argument 'script'", []],
    [2, "unknown option '--cpu'", ['--cpu', '1', 'greet.ts']],
    [2, "'debugging' is invalid", ['--log-level', 'debugging', 'greet.ts']],
    [3, "there is no script 'gret.ts'", ['gret.ts']],
  ] as const)('ends with %i: %s', async (expected, message, args) => {
    const { status, stdout, stderr } = await myBackend(...args);

    expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    expect(stderr).toContain(message);
  });

  test('--help shows common and own options, then the script and its arguments', async () => {
    const { status, stdout } = await myBackend('--help');

    expect(status).toBe(0);
    expect(stdout).toBe(`\
Usage: my-backend [options] <script> [args...]

Arguments:
  script               the module whose app is run
  args                 its arguments; a -- before them is left out

Common options:
  --log-level <level>  tell on stderr what happens, from this level on (choices:
                       "debug", "info", "warn", "error")
  --directory <dir>    keep files and results here: what is done there is not
                       done again
  -V, --version        print the version of heddle
  -h, --help           print this help

Options of my-backend:
  --calls <backend>    where calls are made (default: "inline")
  --cpus <n>           of each task
`);
  });
});

describe('run() in a program', () => {
  const backend = {
    parser: makeParser('here'),
    executorFactory: (manager: WorkflowManager) => new RuntimeManager(manager, { backend: 'inline' }),
  };

  test('leaves the scope and the arguments of the process as they were', async () => {
    const { argv } = process;
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);

    expect(await run(backend, [join(PROGRAMS, 'fails.ts')])).toBe(1);
    said.mockRestore();

    expect(() => getScope()).toThrow(expect.objectContaining({ code: 'SCOPE_INVALID' }));
    expect(process.argv).toBe(argv);
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  test('is not re-entrant, and can be called again behind', async () => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const first = run(backend, [join(PROGRAMS, 'throws.ts')]);

    await expect(run(backend, ['other.ts'])).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(await first).toBe(1);
    expect(await run(backend, ['none.ts'])).toBe(3);
    said.mockRestore();
  });

  test('refuses a module without a parser', async () => {
    const { executorFactory } = backend;

    await expect(run({ executorFactory } as never)).rejects.toThrow('a backend has no parser');
  });
});

describe('parsers', () => {
  test('are composed of others, each of which stays what it is', () => {
    const site = makeParser('site', []).option('--queue <name>', 'where to wait');
    const one = makeParser('/srv/one.ts', [site]).option('--a', 'of one');
    const other = makeParser('other', [site]).option('--b', 'of the other');

    expect([site, one, other].map(({ options }) => options.map(({ long }) => long))).toEqual([
      ['--queue'],
      ['--queue', '--a'],
      ['--queue', '--b'],
    ]);
    expect(one.name()).toBe('one');
    expect(one.helpInformation()).toMatch(/Options of site:\n +--queue[^]*Options of one:\n +--a/);
  });

  test('with the same option twice are refused by its name', () => {
    const twice = [makeParser('a', []).option('--queue <name>'), makeParser('b', []).option('--queue <n>')];

    expect(() => makeParser('both', twice)).toThrow("have the option '--queue <n>'");
  });
});
