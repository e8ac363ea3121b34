import { expect, test } from 'vitest';
import { CommandError, type CommandOptions, runCommand, systemClock } from '../../../src/process/index.ts';

const clock = systemClock;

async function failure(argv: readonly string[], options: Omit<CommandOptions, 'clock'> = {}) {
  try {
    await runCommand(argv, { clock, ...options });
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

test('gives what a tool says, and hands it its input', async () => {
  const result = await runCommand(['sh', '-c', 'cat; echo oops >&2; exit 3'], { clock, input: 'hello', accept: [3] });

  expect(result).toEqual({ code: 3, stdout: 'hello', stderr: 'oops\n' });
});

test('a tool that reads nothing does not break on its input', async () => {
  const result = await runCommand(['true'], { clock, input: 'x'.repeat(1_000_000) });

  expect(result.code).toBe(0);
});

test('a bad end is an error with the last of what it said', async () => {
  const error = await failure(['sh', '-c', 'head -c 10000 /dev/zero | tr "\\0" a >&2; echo last >&2; exit 4']);

  expect(error.details).toMatchObject({ why: 'exit', code: 4 });
  expect(error.details?.stderr.length).toBe(4096);
  expect(error.message).toMatch(/ended with code 4: a+/);
});

test('a tool that is not there cannot be started', async () => {
  expect((await failure(['no-such-tool-here'])).details).toMatchObject({ why: 'not-found' });
});

test('death by a signal is told', async () => {
  expect((await failure(['sh', '-c', 'kill -KILL $$'])).details).toMatchObject({ why: 'signal', signal: 'SIGKILL' });
});

test('what takes too long is ended, with everything it started and whatever it ignores', async () => {
  const script = `trap '' TERM; (trap '' TERM; sleep 60; sleep 60) & while :; do sleep 1; done`;

  const error = await failure(['sh', '-c', script], { timeoutMs: 200, graceMs: 100 });

  expect(error.details).toMatchObject({ why: 'timeout' });
});

test('what says too much is ended', async () => {
  expect((await failure(['yes'], { maxOutputBytes: 100_000 })).details).toMatchObject({ why: 'output' });
});

test('what a tool leaves behind is ended, and its answer counts', async () => {
  const result = await runCommand(['sh', '-c', 'sleep 60 & echo done'], { clock });

  expect(result.stdout).toBe('done\n');
});

test('an abort ends it and keeps its reason', async () => {
  const controller = new AbortController();
  const running = runCommand(['sleep', '60'], { clock, signal: controller.signal });
  controller.abort(new Error('enough'));

  await expect(running).rejects.toThrow('enough');
});
