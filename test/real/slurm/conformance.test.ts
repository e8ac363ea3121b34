import { describe, test } from 'vitest';
import { type BackendFixture, backendCasesFor, type BackendTrait } from '../../../src/testing/index.ts';
import { slurm, slurmFixture, watchesMemory } from './cluster.ts';
import { testBackend } from './test-backend.ts';

const traits: readonly BackendTrait[] = [
  'commands',
  'recoverable',
  'successor',
  ...(watchesMemory ? ['memory' as const] : []),
];

function fixture(): BackendFixture {
  return { ...slurmFixture(), successor: () => testBackend(), many: 200 };
}

describe.skipIf(!slurm.available)('the Slurm backend', () => {
  test.each(backendCasesFor(traits))('$name', async (one) => {
    await one.run(async () => fixture());
  });
});
