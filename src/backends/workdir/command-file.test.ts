import { expect, test } from 'vitest';
import { isOneProgram } from './command-file.ts';

test.each([
  'true',
  'sleep 0.5',
  './md --temp 300 --out energy.json',
  "grep 'a b' file",
  'env A=1 prog',
  'prog --key=value x=y',
  'g++ -O2 main.cpp',
])('takes `%s` for one program', (text) => {
  expect(isOneProgram(text)).toBe(true);
});

test.each([
  '',
  'a; b',
  'a && b',
  'a | b',
  'a > b',
  'a < b',
  'a &',
  'a\nb',
  'A=1 prog',
  'echo hello',
  'cd /tmp',
  'exit 3',
  ': x',
  '. file',
  'export A',
  'printf x',
  'a $HOME',
  'a "b"',
  'a *.txt',
  'a ~',
  'a # b',
  'a b#c',
  'a {1,2}',
  'a [b]',
  'a !',
  '! a',
  'a `b`',
  'a (b)',
  'a \\b',
  "a 'open",
  '-x',
  "'quoted program'",
  'if true',
  'time a',
])('leaves `%s` to a shell', (text) => {
  expect(isOneProgram(text)).toBe(false);
});
