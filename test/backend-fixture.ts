import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../src/model/index.ts';
import { systemClock, systemRandom } from '../src/process/index.ts';
import type { BackendFixture } from '../src/testing/index.ts';
import { giveBack, ownFolder } from './own-folder.ts';

/** A backend with a project and an empty store in a folder of its own, on the clock of the system; disposing it closes and removes all. */
export function backendFixture(purpose: string, backend: Backend): BackendFixture {
  const project = ownFolder(purpose);
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
