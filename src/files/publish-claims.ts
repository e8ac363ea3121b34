import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeddleError } from '../model/index.ts';
import { safeRelativePath } from './safe-path.ts';

/** In the folder of a run's attempts: a file for each path that one of its jobs publishes, and one for each such job. */
const CLAIMS = 'published';

/** Who publishes, within one run. */
export interface Publisher {
  /** The folder of the run's attempts. */
  readonly folder: string;
  /** Tells the job apart from all others of the run, whatever its attempt: its name and its index, `simulate-1-0`. */
  readonly job: string;
}

/**
 * Makes paths the job's own within its run before anything is published there, so that no job replaces silently what another
 * one has published. They stay its own in later attempts and after a crash; what it claimed before and does not publish any
 * more becomes free. One engine owns a run, so nobody else claims at the same moment.
 *
 * @throws {HeddleError} PUBLISH_CONFLICT when a path is another job's: nothing is claimed then
 */
export function claimPublished({ folder, job }: Publisher, paths: readonly string[]): void {
  const claims = join(folder, CLAIMS);
  const wanted = new Map(paths.map((path) => [hashOf(safeRelativePath(path, 'a published file')), path]));
  const own = join(claims, `of-${hashOf(job)}`);
  const before = readOr(own);
  const list = [...wanted.keys()].toSorted().join('\n');
  if (list === before) return;
  for (const [name, path] of wanted) {
    const owner = readOr(join(claims, name));
    if (owner === '' || owner === job) continue;
    throw new HeddleError(
      'PUBLISH_CONFLICT',
      `'${label(job)}' publishes '${path}', which is what '${label(owner)}' of this run publishes`,
      {
        hint: 'publish under a path with a parameter in it: .publish((p) => `.../${p.x}.json`), in YAML publish: .../${x}.json',
      },
    );
  }
  mkdirSync(claims, { recursive: true });
  for (const name of before.split('\n')) {
    if (name !== '' && !wanted.has(name) && readOr(join(claims, name)) === job) rmSync(join(claims, name));
  }
  for (const name of wanted.keys()) writeFileSync(join(claims, name), job);
  writeFileSync(own, list);
}

/** The job's name, as people know it. */
function label(job: string): string {
  return job.replace(/-\d+$/, '');
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A claim that was being written when its engine died is empty: nobody's. */
function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
