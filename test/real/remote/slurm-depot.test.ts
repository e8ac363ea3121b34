import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openDepot } from '../../../src/backends/depot/index.ts';
import { remoteBackend } from '../../../src/backends/remote/index.ts';
import { slurmScheduler } from '../../../src/backends/slurm/index.ts';
import { localTransport, type Transport } from '../../../src/backends/transport/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { requireComponent } from '../components/components.ts';

const slurm = await requireComponent('slurm');
if (slurm.available) Object.assign(process.env, slurm.env);

/** A way to this machine that says its files are others: so they travel, as they do to a cluster behind ssh. */
function farTransport(): Transport {
  const local = localTransport({ clock: systemClock });
  return {
    name: 'far',
    key: 'far',
    sharesFiles: false,
    run: (script, options) => local.run(script, options),
    connect: (script) => local.connect(script),
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  };
}

describe.skipIf(!slurm.available)('the contract, kept by a Slurm whose files are not ours', () => {
  async function fixture(): Promise<BackendFixture> {
    const project = ownFolder('remote');
    const directory = join(project, 'store');
    mkdirSync(directory);
    const transport = farTransport();
    const backend = remoteBackend({
      name: 'cluster',
      transport,
      scheduler: slurmScheduler({ accounting: false }),
      depot: openDepot({ transport, root: join(project, 'far'), clock: systemClock }),
      settings: { pollMs: { floor: 250, ceiling: 1000 }, settleMs: 1000 },
    });
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

  test.each(backendCasesFor(['commands', 'recoverable']))('$name', async (backendCase) => {
    await backendCase.run(fixture);
  });
});
