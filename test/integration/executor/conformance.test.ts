import { describe, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { threadsBackend } from '../../../src/backends/threads/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { hookedBackend } from '../../../src/workflow/executor/hooked-backend.ts';
import { backendFixture } from '../../backend-fixture.ts';

/** A backend before whose attempts something is waited for keeps the contract all the same. */
const waited = (inner: Backend): Backend =>
  hookedBackend(inner, () => new Promise<void>((resolve) => systemClock.soon(resolve)));

const commands = (): Backend => waited(commandsBackend({ slots: 2 }));
const threads = (): Backend => waited(threadsBackend({ slots: 2 }));

describe('the contract, kept by commands before which a plugin is asked', () => {
  test.each(backendCasesFor([...traitsOf(commands()), 'memory', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('executor', commands(), { successor: commands, many: 200 }));
  });
});

describe('the contract, kept by threads before which a plugin is asked', () => {
  test.each(backendCasesFor(traitsOf(threads())))('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('executor', threads()));
  });
});
