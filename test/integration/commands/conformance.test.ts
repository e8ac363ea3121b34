import { describe, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { inlineBackend } from '../../../src/backends/inline/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { SHELLS } from './harness.ts';

// One of them does a thousand; that the others can do many is seen by fewer.
describe.each(SHELLS)('the contract, kept by commands on launchers of $name', ({ name, shell }) => {
  const make = (): Backend => commandsBackend({ slots: 2, shell });
  const traits = [...traitsOf(make()), 'memory', 'successor'] as const;
  test.each(backendCasesFor(traits))('$name', async (backendCase) => {
    await backendCase.run(async () =>
      backendFixture('conformance', make(), { successor: make, many: name === 'bash' ? 1000 : 200 }),
    );
  });
});

describe('the contract, kept by the inline backend', () => {
  // It replays recorded commands, and runs none.
  test.each(backendCasesFor(['calls']))('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('conformance', inlineBackend()));
  });
});
