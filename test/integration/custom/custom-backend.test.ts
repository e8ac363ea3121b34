import { describe, expect, test } from 'vitest';
import { command, type CustomTask, customBackend, Engine, json, sh, task, workflow } from '../../../src/index.ts';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

describe('the contract, kept by a backend that is one function', () => {
  test.each(backendCasesFor(['calls', 'commands', 'streams']))('$name', async (backendCase) => {
    const backend = customBackend({ name: 'mine', executeTask: (given) => given.execute(), slots: 2 });
    await backendCase.run(async () => backendFixture('custom', backend));
  });
});

const double = task('double', (x: number) => x * 2);
const write = command('write', {
  run: (p: { n: number }) => sh`echo ${p.n} > n.json; exit ${p.n - 1}`,
  outputs: { n: json<number>('n.json') },
});

async function play(executeTask: (given: CustomTask, signal: AbortSignal) => unknown, build: () => unknown) {
  const project = ownFolder('custom');
  try {
    await using engine = await Engine.open({ backends: [customBackend({ name: 'mine', executeTask })], project });
    const run = await engine.run(workflow('flow', build), { backend: 'mine' });
    return await run.result().catch((error: Error) => error.message);
  } finally {
    await giveBack(project);
  }
}

test('what the function returns is the result of a call; of a command, its outputs are', async () => {
  const seen: string[] = [];
  const result = await play(
    async (given) => {
      seen.push(`${given.job} ${given.work.kind}`);
      const made = await given.execute();
      return given.work.kind === 'call' ? (made as number) + 1 : made;
    },
    () => ({ called: double(4), written: write({ n: 1 }).n }),
  );

  expect(result).toEqual({ called: 9, written: 1 });
  expect(seen.toSorted()).toEqual(['double-1 call', 'write-1 command']);
});

test('what the function throws, and the exit code of a command, fail the job', async () => {
  expect(
    await play(
      () => Promise.reject(new Error('no node')),
      () => double(4),
    ),
  ).toContain('no node');
  expect(
    await play(
      (given) => given.execute(),
      () => write({ n: 4 }).n,
    ),
  ).toContain('exit code 3');
  expect(
    await play(
      () => 7,
      () => write({ n: 4 }).n,
    ),
  ).toContain('exit code 7');
  expect(
    await play(
      () => 0,
      () => write({ n: 4 }).n,
    ),
  ).toContain('declared output missing: n');
});

const nothing = (): void => undefined;

test.each<[object, string]>([
  [{ name: '', executeTask: nothing }, 'has no name'],
  [{ name: 'x' }, "backend 'x' executes nothing"],
  [{ name: 'x', executeTask: nothing, slots: 0.5 }, "slots of backend 'x' can't be 0.5"],
])('%o is refused', (options, message) => {
  expect(() => customBackend(options as never)).toThrow(message);
});
