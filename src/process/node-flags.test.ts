import { expect, test } from 'vitest';
import { childFlags, threadFlags } from './node-flags.ts';

test('a child process has the flags that any program of ours needs, with their values', () => {
  const execArgv = [
    '--import',
    'tsx',
    '--conditions=development',
    '-r',
    './setup.cjs',
    '--stack-size=4000',
    '--no-warnings',
  ];

  expect(childFlags({ execArgv, nodeOptions: '' })).toEqual(execArgv);
});

test('it has none of those about this process alone', () => {
  const execArgv = [
    ...['--inspect-brk=9229', '--inspect_port', '9230', '--env-file', '.env', '--title', 'mine', '--cpu-prof'],
    ...[
      '--test',
      '--test-reporter',
      'spec',
      '--watch',
      '--input-type=module',
      '-e',
      'main()',
      '--print',
      '1 + 1',
      '-c',
    ],
  ];

  expect(childFlags({ execArgv: [...execArgv, '--expose-gc'], nodeOptions: '' })).toEqual(['--expose-gc']);
});

test('what NODE_OPTIONS says comes along, before what the command line says', () => {
  const nodeOptions = String.raw`--inspect  --import "./my \"own\" hooks.mjs" --require=a.cjs`;

  expect(childFlags({ execArgv: ['--no-warnings'], nodeOptions })).toEqual([
    '--import',
    './my "own" hooks.mjs',
    '--require=a.cjs',
    '--no-warnings',
  ]);
});

test('a thread has them from Node, but of a program that is a text only what modules are loaded with', () => {
  const nodeOptions = '';

  expect(threadFlags({ execArgv: ['--import', 'tsx', '--expose-gc'], nodeOptions })).toBeUndefined();
  expect(threadFlags({ execArgv: ['--import', 'tsx', '--expose-gc', '-e', 'main()'], nodeOptions })).toEqual([
    '--import',
    'tsx',
  ]);
  expect(threadFlags({ execArgv: ['--expose-gc'], nodeOptions: '--max-old-space-size=100 -r a' })).toEqual(['-r', 'a']);
});
