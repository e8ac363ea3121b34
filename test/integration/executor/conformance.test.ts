import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { hookedBackend } from '../../../src/workflow/executor/hooked-backend.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

/** A backend before whose attempts something is waited for keeps the contract all the same. */
const waited = (inner: Backend): Backend =>
  hookedBackend(inner, () => new Promise<void>((resolve) => systemClock.soon(resolve)));

async function fixture(backend: Backend): Promise<BackendFixture> {
  const project = ownFolder('conformance');
  const directory = join(project, 'store');
  mkdirSync(directory);
  return {
    ...{ backend, directory, project, clock: systemClock, random: systemRandom },
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await giveBack(project);
    },
  };
}

describe('the contract, kept by commands before which a plugin is asked', () => {
  test.each(backendCasesFor(traitsOf(commandsBackend())))('$name', async (backendCase) => {
    await backendCase.run(() => fixture(waited(commandsBackend({ slots: 2 }))));
  });
});

describe('the contract, kept by threads before which a plugin is asked', () => {
  test.each(backendCasesFor(traitsOf(threadsBackend())))('$name', async (backendCase) => {
    await backendCase.run(() => fixture(waited(threadsBackend({ slots: 2 }))));
  });
});
