import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withCallCommands } from '../../../src/backends/call-commands/index.ts';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { ownHeddle } from '../../../src/calls/index.ts';
import { Engine, workflow } from '../../../src/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { BackendRig, backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { broken, double, open } from './bodies.ts';

function backend(project: string): Backend {
  const made = commandsBackend({ slots: 2 });
  const runtime = () => Promise.resolve({ argv: ownHeddle(), project });
  return withCallCommands(made, { runtime });
}

describe('the contract, kept by calls that are commands', () => {
  const cases = backendCasesFor(traitsOf(backend('/'))).filter(({ needs }) => needs.includes('calls'));
  test.each(cases)('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('call-commands', backend, { many: 20 }));
  });
});

async function play(build: () => unknown): Promise<unknown> {
  const project = ownFolder('call-commands');
  try {
    await using engine = await Engine.open({ backends: [backend(project)], store: join(project, 'store'), project });
    const run = await engine.run(workflow('flow', build), { backend: 'commands' });
    const result = await run.result().catch((error: Error) => error);
    await engine.committed();
    return { result, left: globSync('calls/*/*', { cwd: join(project, 'store') }) };
  } finally {
    await giveBack(project);
  }
}

test('values go from one to the next, and no call is left lying when its end is committed', async () => {
  expect(await play(() => double(double(21)))).toEqual({ result: 84, left: [] });
});

test('what a function throws is told here', async () => {
  const { result } = (await play(() => broken(1))) as { readonly result: Error };
  expect(result.message).toContain('RangeError: not 1');
});

test('a call with secrets is refused: it would be written to a file', async () => {
  const { result } = (await play(() => open('x'))) as { readonly result: Error };
  expect(result.message).toMatch(/secrets/);
});

test('a call that is cancelled while its code is brought ends cancelled; who asks meanwhile is told that it is on its way', async () => {
  const code = Promise.withResolvers<void>();
  const slow = withCallCommands(commandsBackend({ slots: 2 }), {
    runtime: async (_, project) => {
      await code.promise;
      return { argv: ownHeddle(), project };
    },
  });
  await using made = backendFixture('coming', slow);
  await using rig = await BackendRig.open(made);
  const order = rig.order({ kind: 'call', call: { kind: 'builtin', name: 'wait' }, args: [60_000] });
  const launched = rig.launch([order]);
  const asked = await rig.recover(order);
  slow.cancel(order.attempt, 100);
  code.resolve();

  expect(asked).toMatchObject({ kind: 'running', phase: 'staging-in' });
  expect(await launched).toMatchObject([{ kind: 'accepted' }]);
  expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'cancelled' } });
});
