import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResolvedCall } from '../model/index.ts';
import { taskFingerprint } from './fingerprint.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-fingerprint-'));
  writeFileSync(join(folder, 'fit.ts'), 'export const fit = (x: number): number => x + 1;\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

function printOf(changes: Partial<ResolvedCall> = {}, name = 'fit'): string | undefined {
  const call = { kind: 'module', module: pathToFileURL(join(folder, 'fit.ts')).href, name: 'fit' } as const;
  const work: ResolvedCall = { kind: 'call', call, args: [1, new Map([['a', 2n]])], ...changes };
  return taskFingerprint({ definition: { name, kind: 'call' }, work });
}

test('a call is its code, its arguments, its environment and its name', () => {
  const print = printOf();

  expect(print).toMatch(/^[0-9a-f]{64}$/);
  expect(printOf()).toBe(print);
  expect(printOf({ args: [1, new Map([['a', 3n]])] })).not.toBe(print);
  expect(printOf({ environment: { A: '1' } })).not.toBe(print);
  expect(printOf({}, 'refit')).not.toBe(print);
  expect(printOf({ stream: true })).not.toBe(print);
  writeFileSync(join(folder, 'fit.ts'), 'export const fit = (x: number): number => x + 2;\n');
  expect(printOf()).not.toBe(print);
});

test('how and where it runs is no part of a call: its module may lie elsewhere, its output go elsewhere', () => {
  const print = printOf();

  const elsewhere = mkdtempSync(join(folder, 'copy-'));
  writeFileSync(join(elsewhere, 'fit.ts'), '// the same\nexport const fit = (x: number) => x + 1;\n');

  expect(
    printOf({ call: { kind: 'module', module: pathToFileURL(join(elsewhere, 'fit.ts')).href, name: 'fit' } }),
  ).toBe(print);
  expect(printOf({ redirect: { stdout: 'a', stderr: 'b' } })).toBe(print);
});

test('of a function that is only in memory there is none', () => {
  expect(printOf({ call: { kind: 'local', id: '1' } })).toBeUndefined();
});
