import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { hostsBackend } from '../../../src/backends/remote/index.ts';
import { localTransport } from '../../../src/backends/transport/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

function hosts(): Backend {
  return hostsBackend({
    name: 'machines',
    hosts: [{ name: 'this', transport: localTransport({ clock: systemClock }), slots: 4 }],
    settings: { pollMs: { floor: 50, ceiling: 200 }, settleMs: 500 },
  });
}

async function fixture(backend: Backend): Promise<BackendFixture> {
  const project = ownFolder('remote');
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

describe('the contract, kept by machines without a batch system', () => {
  test.each(backendCasesFor(['commands', 'recoverable']))('$name', async (backendCase) => {
    await backendCase.run(() => fixture(hosts()));
  });
});
