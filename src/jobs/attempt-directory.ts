import { join } from 'node:path';
import type { JobId, RunId } from '../model/index.ts';

/** Jobs a directory: a million entries in one would make every look at it slow. */
const SHARD = 1000;
const NAME_LENGTH = 60;
/** Names that are harmless as they are; most are. */
const SAFE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/;

/**
 * Where the attempts of a store's runs work: `<store>/work/<run>/<shard>/<name>-<index>.<fence>`. The index makes
 * it unique; the name is there for people, cut down to what is harmless in a path and in a shell.
 */
export function attemptDirectories(store: string): (run: RunId, index: number, job: JobId, fence: number) => string {
  const work = join(store, 'work');
  // It is asked for every attempt, so it is put together by hand: `join` would cost more than starting a no-op.
  return (run, index, job, fence) => `${work}/${run}/${Math.floor(index / SHARD)}/${safeName(job)}-${index}.${fence}`;
}

/** A job's name as a file name: letters, digits, `.`, `_` and `-`, never hidden, never an option, at most 60 long. */
export function safeName(job: string): string {
  if (SAFE.test(job)) return job;
  const safe = job
    .slice(0, 4 * NAME_LENGTH)
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .replace(/^[._-]+/, '')
    .slice(0, NAME_LENGTH);
  return safe === '' ? 'job' : safe;
}
