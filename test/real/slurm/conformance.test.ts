import { describe, test } from 'vitest';
import { backendCasesFor } from '../../../src/testing/index.ts';
import { slurm, slurmFixture } from './cluster.ts';

describe.skipIf(!slurm.available)('the Slurm backend', () => {
  test.each(backendCasesFor(['commands', 'recoverable']))('$name', async (one) => {
    await one.run(async () => slurmFixture());
  });
});
