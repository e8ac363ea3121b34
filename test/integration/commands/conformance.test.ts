import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { inlineBackend } from '../../../src/backends/inline/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { SHELLS } from './harness.ts';

async function fixture(backend: Backend): Promise<BackendFixture> {
  const project = ownFolder('conformance');
  const directory = join(project, 'store');
  mkdirSync(directory);
  return {
    backend,
    clock: systemClock,
    random: systemRandom,
    directory,
    project,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await giveBack(project);
    },
  };
}

describe.each(SHELLS)('the contract, kept by commands on launchers of $name', ({ shell }) => {
  test.each(backendCasesFor(traitsOf(commandsBackend())))('$name', async (backendCase) => {
    await backendCase.run(() => fixture(commandsBackend({ slots: 2, shell })));
  });
});

describe('the contract, kept by the inline backend', () => {
  // It replays recorded commands, and runs none.
  test.each(backendCasesFor(['calls']))('$name', async (backendCase) => {
    await backendCase.run(() => fixture(inlineBackend()));
  });
});
