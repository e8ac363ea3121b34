import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withCallCommands } from '../../../src/backends/call-commands/index.ts';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { ownHeddle } from '../../../src/calls/index.ts';
import { Engine, workflow } from '../../../src/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
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
