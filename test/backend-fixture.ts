import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from '../src/model/index.ts';
import { systemClock, systemRandom } from '../src/process/index.ts';
import type { BackendFixture } from '../src/testing/index.ts';
import { giveBack, ownFolder } from './own-folder.ts';

/** What else is known of a backend under test. */
type Facts = Pick<BackendFixture, 'many' | 'successor' | 'givenUp'>;

/**
 * A backend with a project and an empty store in a folder of its own, below one whose name shells could trip over, on the
 * clock of the system; disposing it closes and removes all.
 */
export function backendFixture(
  purpose: string,
  made: Backend | ((project: string) => Backend),
  facts: Facts = {},
): BackendFixture {
  const folder = ownFolder(purpose);
  const project = join(folder, 'a "$HOME", ü; %J');
  const directory = join(project, 'store');
  mkdirSync(directory, { recursive: true });
  const backend = typeof made === 'function' ? made(project) : made;
  return {
    ...facts,
    backend,
    clock: systemClock,
    random: systemRandom,
    directory,
    project,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      await giveBack(folder);
    },
  };
}
