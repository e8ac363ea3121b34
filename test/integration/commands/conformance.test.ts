import { describe, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { inlineBackend } from '../../../src/backends/inline/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { SHELLS } from './harness.ts';

describe.each(SHELLS)('the contract, kept by commands on launchers of $name', ({ shell }) => {
  test.each(backendCasesFor(traitsOf(commandsBackend())))('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('conformance', commandsBackend({ slots: 2, shell })));
  });
});

describe('the contract, kept by the inline backend', () => {
  // It replays recorded commands, and runs none.
  test.each(backendCasesFor(['calls']))('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('conformance', inlineBackend()));
  });
});
