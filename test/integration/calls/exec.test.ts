import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { functionCallToCommand, readCallResult } from '../../../src/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { endless, odd, stubborn, wrong } from './bodies.ts';

let directory = '';
beforeEach(() => {
  directory = ownFolder('exec');
});
afterEach(() => giveBack(directory));

async function start(
  [program = '', ...args]: readonly string[],
  until?: { readonly line: string; readonly signal: NodeJS.Signals },
) {
  const child = spawn(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (until !== undefined && stdout.includes(until.line)) child.kill(until.signal);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stdout, stderr };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s asks the call to end, then the command ends by it, without a result',
  async (signal) => {
    const call = functionCallToCommand(endless, [], { directory });

    const ended = await start(call.argv.slice(call.argv.indexOf(process.execPath)), { line: 'begun', signal });

    expect(ended).toMatchObject({ code: null, signal, stdout: 'begun\ncleaned up\n' });
    expect(readdirSync(directory)).toEqual(['endless-call.json']);
  },
);

test('a call that ends its process leaves no result, and its exit code', async () => {
  const call = functionCallToCommand(stubborn, [3], { directory });

  expect(await start(call.argv)).toMatchObject({ code: 3 });
  expect(existsSync(call.resultFile)).toBe(false);
});

test('every kind of value comes back', async () => {
  const call = functionCallToCommand(odd, [new Map([['$ref', new Date(5)]]), [undefined, -0, 1n]], { directory });

  expect(await start(call.argv)).toMatchObject({ code: 0, stderr: '' });
  expect(await readCallResult(call.resultFile)).toEqual(odd(new Map([['$ref', new Date(5)]]), [undefined, -0, 1n]));
});

test('a result that is no data is the error of the call', async () => {
  const call = functionCallToCommand(wrong, [], { directory });

  expect(await start(call.argv)).toMatchObject({ code: 1 });
  await expect(readCallResult(call.resultFile)).rejects.toMatchObject({
    code: 'VALUE_INVALID',
    message: "result.callback is a function ('callback')",
  });
});

test('a module that is not there any more is the error of the call', async () => {
  const call = functionCallToCommand(wrong, [], { directory });
  writeFileSync(call.callFile, readFileSync(call.callFile, 'utf8').replace('bodies.ts', 'nobody.ts'));

  expect(await start(call.argv)).toMatchObject({ code: 1 });
  await expect(readCallResult(call.resultFile)).rejects.toMatchObject({ code: 'MODULE_NOT_FOUND' });
});

test.each([
  ['no object', '[]', 'it is no object'],
  ['another format', '{"format": "heddle-call/9"}', `its 'format' is "heddle-call/9"`],
  ['no function', '{"format": "heddle-call/1", "args": []}', "its 'call' names no function"],
  [
    'a function of another process',
    '{"format": "heddle-call/1", "call": {"kind": "local", "id": "1"}, "args": []}',
    'in the memory of another process',
  ],
  [
    'no arguments',
    '{"format": "heddle-call/1", "call": {"kind": "global", "name": "Math.max"}}',
    "its 'args' are no list",
  ],
  [
    'a job for an argument',
    '{"format": "heddle-call/1", "call": {"kind": "global", "name": "Math.max"}, "args": [{"$ref": [0]}]}',
    'task number 0',
  ],
])('what is no call is bad input: %s', async (_, text, said) => {
  const { argv, callFile, resultFile } = functionCallToCommand(wrong, [], { directory });
  writeFileSync(callFile, text);

  const { code, stderr } = await start(argv);

  expect(code).toBe(2);
  expect(stderr).toContain(said);
  expect(existsSync(resultFile)).toBe(false);
});
