import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openDepot } from '../../../src/backends/depot/index.ts';
import { remoteBackend } from '../../../src/backends/remote/index.ts';
import { slurmScheduler } from '../../../src/backends/slurm/index.ts';
import { localTransport, type Transport } from '../../../src/backends/transport/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
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

function cluster(root: string): Backend {
  const transport = farTransport();
  return remoteBackend({
    name: 'cluster',
    transport,
    scheduler: slurmScheduler({ accounting: false }),
    depot: openDepot({ transport, root, clock: systemClock }),
    settings: { pollMs: { floor: 250, ceiling: 1000 } },
  });
}

function fixture(): BackendFixture {
  let root = '';
  const open = (): Backend => cluster(root);
  const first = (project: string): Backend => {
    root = join(project, 'far');
    return open();
  };
  // Slurm starts some tens a second on two cores; more are done where its files are ours.
  return backendFixture('slurm-depot', first, { successor: open, many: 50 });
}

describe.skipIf(!slurm.available)('the contract, kept by a Slurm whose files are not ours', () => {
  test.each(backendCasesFor(['commands', 'recoverable', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(() => Promise.resolve(fixture()));
  });
});
