import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { openDepot } from '../../../src/backends/depot/index.ts';
import { hostsBackend } from '../../../src/backends/remote/index.ts';
import { sshTransport } from '../../../src/backends/transport/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { requireComponent } from '../components/components.ts';
import { SshHosts } from '../ssh/hosts.ts';

const sshd = await requireComponent('sshd');

describe.skipIf(!sshd.available)('the contract, kept by machines behind ssh', () => {
  const hosts = new SshHosts(sshd.available ? sshd.env : {});

  async function fixture(): Promise<BackendFixture> {
    const project = ownFolder('remote');
    const directory = join(project, 'store');
    mkdirSync(directory);
    // Who works there is another user.
    for (const path of [project, directory]) chmodSync(path, 0o777);
    const machines = ['h1', 'h2'].map((host) => {
      const transport = sshTransport({
        host,
        clock: systemClock,
        config: hosts.config,
        controlDirectory: join(project, 's'),
      });
      return {
        name: host,
        transport,
        depot: openDepot({ transport, root: `~/conformance-${host}`, clock: systemClock }),
        slots: 4,
      };
    });
    const backend = hostsBackend({
      name: 'machines',
      hosts: machines,
      settings: { pollMs: { floor: 100, ceiling: 500 }, settleMs: 500 },
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
