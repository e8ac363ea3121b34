import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, which } from '../../../src/process/index.ts';
import { localTransport, type Transport } from '../../../src/backends/transport/index.ts';
import { type Depot, type DepotFile, openDepot } from '../../../src/backends/depot/index.ts';

const HOSTILE = [
  'plain',
  'with space',
  ' lead',
  'trail ',
  '-dash',
  'quo\'te"',
  'back\\slash\\n',
  '$HOME `id`',
  '*?[x]',
  'ünïcode 漢字',
  'x'.repeat(200),
  'sub/-dir/deep',
];

let home: string;
let made = 0;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'heddle-depot-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function source(text: string): DepotFile & { readonly sha256: string } {
  made += 1;
  const from = join(home, `source-${made}`);
  writeFileSync(from, text);
  return { name: basename(from), from, sha256: createHash('sha256').update(text).digest('hex') };
}

function open(transport: Transport): { readonly depot: Depot; readonly root: string } {
  const root = join(home, 'root of all');
  return { depot: openDepot({ transport, root, clock: systemClock }), root };
}

/** The same machine as if it had these programs only. */
function withPrograms(transport: Transport, directory: string): Transport {
  const shorten = (script: string): string => `PATH='${directory}'; export PATH\n${script}`;
  return {
    ...{ name: transport.name, key: transport.key, sharesFiles: true },
    run: (script, options) => transport.run(shorten(script), options),
    connect: (script) => transport.connect(shorten(script)),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

function linkPrograms(programs: Readonly<Record<string, string | undefined>>): string {
  const bin = join(home, 'bin');
  mkdirSync(bin);
  for (const [name, target] of Object.entries(programs)) if (target !== undefined) symlinkSync(target, join(bin, name));
  return bin;
}

function find(program: string): string | undefined {
  return which(program, process.env['PATH'] ?? '');
}

const PLAIN = ['cat', 'chmod', 'cp', 'find', 'mkdir', 'mv', 'readlink', 'rm', 'sh'];
const busybox = find('busybox');
const openssl = find('openssl');

describe.each([
  ['GNU tar', (): string | undefined => undefined, true],
  [
    'busybox alone',
    (): string | undefined =>
      linkPrograms(Object.fromEntries([...PLAIN, 'tar', 'sha256sum'].map((name) => [name, busybox]))),
    busybox !== undefined,
  ],
  [
    'openssl in place of sha256sum',
    () => linkPrograms({ openssl, ...Object.fromEntries([...PLAIN, 'tar'].map((name) => [name, find(name)])) }),
    openssl !== undefined,
  ],
] as const)('a depot over %s', (_, programs, canRun) => {
  function reach(): Transport {
    const bin = programs();
    const transport = localTransport({ clock: systemClock });
    return bin === undefined ? transport : withPrograms(transport, bin);
  }

  test.skipIf(!canRun)('names that hurt, links, empty directories: all goes there and comes back', async () => {
    await using transport = reach();
    const { depot, root } = open(transport);
    const shared = HOSTILE.map((name) => ({ ...source(`shared ${name}`), name }));
    const own = HOSTILE.map((name) => ({ name: `own/${name}`, from: source(name).from, executable: true }));
    const at = join(root, 'work', "it's", '-job\\1');

    expect(
      await depot.send([
        { at, files: [...shared, ...own] },
        { at: join(root, 'work', 'empty'), files: [] },
      ]),
    ).toEqual({
      kind: 'done',
    });

    for (const [n, name] of HOSTILE.entries()) {
      const { sha256 = '' } = shared[n] as DepotFile;
      expect(statSync(join(at, name)).ino).toBe(statSync(join(root, 'files', sha256.slice(0, 2), sha256)).ino);
      expect(statSync(join(at, name)).mode & 0o222).toBe(0);
      expect(statSync(join(at, 'own', name)).mode & 0o100).toBe(0o100);
    }
    expect(readdirSync(join(root, 'work', 'empty'))).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);

    symlinkSync('plain', join(at, 'link'));
    symlinkSync('sub', join(at, 'linked'));
    linkSync(join(at, 'plain'), join(at, 'second name'));
    symlinkSync(join(home, 'source-1'), join(at, 'outside'));
    symlinkSync(home, join(at, 'out'));
    const wanted = [...HOSTILE, 'link', 'linked/-dir/deep', 'second name', 'own/plain'];
    const to = join(home, 'back');
    const left = ['outside', 'out/source-1', 'nowhere', 'own'];
    expect(
      await depot.fetch([
        { from: at, to, files: [...wanted, ...left] },
        { from: '/nowhere', to, files: ['x'] },
      ]),
    ).toEqual({ kind: 'done' });

    for (const name of HOSTILE) expect(readFileSync(join(to, name), 'utf8')).toBe(`shared ${name}`);
    for (const name of ['link', 'second name']) expect(readFileSync(join(to, name), 'utf8')).toBe('shared plain');
    expect(readFileSync(join(to, 'linked/-dir/deep'), 'utf8')).toBe('shared sub/-dir/deep');
    expect(statSync(join(to, 'own/plain')).mode & 0o100).toBe(0o100);
    for (const name of left.filter((one) => one !== 'own')) expect(existsSync(join(to, name))).toBe(false);
    expect(readdirSync(to).filter((name) => name.startsWith('.'))).toEqual([]);

    expect(await depot.remove([at, join(root, 'work', 'not there')])).toEqual({ kind: 'done' });
    expect(existsSync(at)).toBe(false);
  });

  test.skipIf(!canRun)('content that is not what its name says is refused, and nothing of it is kept', async () => {
    await using transport = reach();
    const { depot, root } = open(transport);
    const good = source('good');
    const bad = { ...source('bad'), sha256: '0'.repeat(64) };

    const answer = await depot.send([{ at: join(root, 'job'), files: [good, bad] }]);

    expect(answer).toEqual({
      kind: 'refused',
      why: `'${bad.from}' is not what it was when it was hashed`,
      retryable: false,
    });
    expect(existsSync(join(root, 'job'))).toBe(false);
    expect(readdirSync(join(root, 'files'))).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });
});

describe('a depot', () => {
  test('sends content once, and again when somebody has tidied it away', async () => {
    await using transport = localTransport({ clock: systemClock });
    const asked: string[] = [];
    const watched: Transport = {
      ...{ name: 'watched', key: 'watched', sharesFiles: true },
      run: (script, options) => {
        asked.push('run');
        return transport.run(script, options);
      },
      connect: (script) => {
        asked.push('connect');
        return transport.connect(script);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const { depot, root } = open(watched);
    const file = source('once');
    await depot.root();

    expect((await depot.send([{ at: join(root, 'a'), files: [file] }])).kind).toBe('done');
    expect(asked.splice(0)).toEqual(['run', 'run', 'connect', 'connect']);
    // What is known to be there is not asked for: one trip.
    expect((await depot.send([{ at: join(root, 'b'), files: [file] }])).kind).toBe('done');
    expect(asked.splice(0)).toEqual(['connect']);

    rmSync(join(root, 'files'), { recursive: true, force: true });
    expect((await depot.send([{ at: join(root, 'c'), files: [file] }])).kind).toBe('done');
    expect(readFileSync(join(root, 'c', file.name), 'utf8')).toBe('once');
  });

  test('what was sent may be sent again, with more', async () => {
    await using transport = localTransport({ clock: systemClock });
    const { depot, root } = open(transport);
    const at = join(root, 'job');
    const [first, second] = [source('first'), source('second')];
    await depot.send([
      {
        at,
        files: [
          { ...first, name: 'in/a' },
          { name: 'own', from: first.from },
        ],
      },
    ]);

    const files = [
      { ...first, name: 'in/a' },
      { ...second, name: 'in/b' },
      { name: 'own', from: second.from },
    ];
    expect(await depot.send([{ at, files }])).toEqual({ kind: 'done' });

    const read = ['in/a', 'in/b', 'own'].map((name) => readFileSync(join(at, name), 'utf8'));
    expect(read).toEqual(['first', 'second', 'second']);
  });

  test('refuses what must not be: names that leave, newlines, no files, and to remove what holds more than a job', async () => {
    await using transport = localTransport({ clock: systemClock });
    const { depot, root } = open(transport);
    const { from } = source('x');
    const send = async (at: string, name: string): Promise<string> =>
      (await depot.send([{ at, files: [{ name, from }] }])).kind;

    expect(await send(join(root, 'job'), '../x')).toBe('refused');
    expect(await send(join(root, 'job'), 'a\nb')).toBe('refused');
    expect(await send('relative', 'x')).toBe('refused');
    expect(
      await depot.send([{ at: join(root, 'job'), files: [{ name: 'x', from: join(home, 'none') }] }]),
    ).toMatchObject({
      kind: 'refused',
      retryable: false,
    });
    expect(await send('/proc/1/job', 'x')).toBe('refused');
    for (const path of [root, home, '/']) expect((await depot.remove([path])).kind).toBe('refused');
    expect(existsSync(join(root, 'job'))).toBe(false);
  });

  test('read-only directories are removed too', async () => {
    await using transport = localTransport({ clock: systemClock });
    const { depot, root } = open(transport);
    await depot.root();
    const job = join(root, 'job');
    execFileSync('/bin/sh', ['-c', 'mkdir -p "$1/a/b" && : >"$1/a/b/c" && chmod -R a-w "$1"', 'sh', job]);

    expect(await depot.remove([job])).toEqual({ kind: 'done' });
    expect(existsSync(job)).toBe(false);
  });
});
