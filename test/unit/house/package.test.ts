import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface LockEntry {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'));
const manifest = readJson('package.json') as Manifest;
const lock = readJson('package-lock.json') as { readonly packages: Readonly<Record<string, LockEntry>> };

test('what users install runs no script of its own while it is installed', () => {
  const runtime = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.dev !== true);

  expect(runtime.map(([path]) => path)).toEqual(
    expect.arrayContaining(Object.keys(manifest.dependencies).map((name) => `node_modules/${name}`)),
  );
  expect(runtime.filter(([, entry]) => entry.hasInstallScript).map(([path]) => path)).toEqual([]);
});

test('every version is exact', () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });

  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(Object.values(lock.packages).filter((entry) => entry.resolved?.startsWith('http'))).toEqual([]);
});

test('no file names a registry host or a path of the machine it was written on', () => {
  const forbidden = [
    /\bregistry\.npmjs\b/,
    /\bpythonhosted\.org\b/,
    /\bdeb\.debian\.org\b/,
    /(?<![\w./])\/(?:work|home|Users)\/[a-z]/,
    /(?<![\w./])\/root\//,
  ];
  const self = 'test/unit/house/package.test.ts';
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  const texts = files.filter((file) => file !== '' && file !== self && existsSync(join(root, file)));

  const named = texts.filter((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return forbidden.some((pattern) => pattern.test(text));
  });

  expect(named).toEqual([]);
});
