import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '../model/index.ts';
import { systemClock, systemRandom } from '../process/index.ts';
import type { BackendFixture } from './backend-rig.ts';

/** What is known of a backend under test beside itself. */
export interface FixtureFacts extends Pick<BackendFixture, 'many' | 'successor' | 'givenUp'> {
  /** An existing folder that whoever runs attempts sees at the same path. @default the system's for temporary files */
  readonly within?: string;
}

/**
 * A backend with a project and an empty store in a new folder, below one whose name shells could trip over, on the clock
 * of the system. Disposing it closes the backend and removes the folder.
 *
 * @example
 * for (const { name, run } of backendCasesFor(traitsOf(mine())))
 *   test(name, () => run(async () => temporaryFixture(mine())));
 */
export function temporaryFixture(backend: Backend, { within, ...facts }: FixtureFacts = {}): BackendFixture {
  const folder = mkdtempSync(join(within ?? tmpdir(), 'heddle-backend-'));
  const project = join(folder, 'a "$HOME", ü; %J');
  const directory = join(project, 'store');
  mkdirSync(directory, { recursive: true });
  return {
    ...facts,
    backend,
    clock: systemClock,
    random: systemRandom,
    directory,
    project,
    [Symbol.asyncDispose]: async () => {
      await backend[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
