import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { withDefaultContainer } from '../../../src/backends/containers/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { type BackendFixture, backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { containersOf, type Lab, labs } from './lab.ts';

const found = await labs('podman', 'docker', 'charliecloud', 'bubblewrap');

/** The cases write into each other's directories, so those are mounted as a whole. */
async function fixture({ runtime, image }: Lab): Promise<BackendFixture> {
  const project = ownFolder('contained');
  const directory = join(project, 'store');
  mkdirSync(directory);
  const mounts = [{ from: directory, to: directory, writable: true }];
  const open = (): Backend => withDefaultContainer(commandsBackend({ slots: 2 }), { runtime, image, mounts });
  const backend = open();
  return {
    backend,
    successor: open,
    many: runtime === 'podman' || runtime === 'docker' ? 20 : 200,
    clock: systemClock,
    random: systemRandom,
    directory,
    project,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await giveBack(project);
      expect(containersOf(runtime)).toEqual([]);
    },
  };
}

describe.each(found)('the contract, kept by commands in containers of $runtime', (lab) => {
  test.each(backendCasesFor([...traitsOf(commandsBackend()), 'memory', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(() => fixture(lab));
  });
});
