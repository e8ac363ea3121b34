import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

let home: string;
let consumer: string;
let files: readonly string[];

/** Runs a program in the consumer's folder as its user would, on the Node that runs this test. */
function run(program: string, ...args: readonly string[]): string {
  const path = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  const { HEDDLE_SOURCE: _, ...env } = process.env;
  return execFileSync(program, args, { cwd: consumer, encoding: 'utf8', env: { ...env, PATH: path } });
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'heddle-pack-'));
  consumer = join(home, 'consumer');
  mkdirSync(consumer);
  // Packing builds, by `prepare`.
  execFileSync('npm', ['pack', '--silent', '--pack-destination', home], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const tarball = join(home, `heddle-${version}.tgz`);
  files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  run('npm', 'init', '--yes', '--silent');
  run('npm', 'pkg', 'set', 'type=module');
  run('npm', 'install', '--silent', '--prefer-offline', '--no-audit', '--no-fund', tarball);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

test('the package holds what package.json lists, built, and nothing else', () => {
  const strangers = files.filter(
    (file) =>
      !/^package\/(package\.json|README\.md|LICENSE|bin\/heddle\.cjs|docs\/reference\/workflow\.schema\.json)$/.test(
        file,
      ) && !/^package\/dist\/.*\.(js|js\.map|d\.ts|d\.ts\.map|sh|sql|css)$/.test(file),
  );

  expect(strangers).toEqual([]);
  expect(files.filter((file) => file.includes('.test.'))).toEqual([]);
  expect(files).toEqual(
    expect.arrayContaining([
      'package/LICENSE',
      'package/dist/index.js',
      'package/dist/index.d.ts',
      'package/docs/reference/workflow.schema.json',
      'package/dist/observe/report/page.css',
      'package/dist/observe/report/client/main.js',
    ]),
  );
});

test('npx heddle answers in a folder that has nothing but the package', () => {
  expect(run('npx', '--no-install', 'heddle', '--version')).toBe(`${version}\n`);
});

test('what it brings along runs no script when it is installed', () => {
  const installed = JSON.parse(run('npm', 'query', ':attr(scripts, [postinstall]), :attr(scripts, [install])')) as {
    readonly name: string;
  }[];

  expect(installed.map(({ name }) => name)).toEqual([]);
});

test('its name imports, and its types hold under a strict compiler', () => {
  const names = JSON.parse(
    run('node', '-e', `import('heddle').then((m) => console.log(JSON.stringify(Object.keys(m))))`),
  ) as string[];
  const list = names.join(', ');
  writeFileSync(
    join(consumer, 'use.ts'),
    `import { ${list} } from 'heddle';\nexport const all: readonly unknown[] = [${list}];\n`,
  );
  const options = {
    strict: true,
    module: 'nodenext',
    target: 'esnext',
    noEmit: true,
    skipLibCheck: false,
    // What every Node project in TypeScript has.
    typeRoots: [join(root, 'node_modules/@types')],
    types: ['node'],
  };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['use.ts'] }));

  expect(names).toEqual(expect.arrayContaining(['HeddleError']));
  expect(run(join(root, 'node_modules/.bin/tsc'), '-p', '.')).toBe('');
});
