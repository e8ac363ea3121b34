import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { STDERR_FILE, STDOUT_FILE } from '../process/index.ts';
import type { JobState } from './job-state.ts';

/** What a job wrote, where it went to a file; empty when there is none. */
export async function readOutput(state: JobState, stream: 'stdout' | 'stderr'): Promise<string> {
  const { home, options } = state;
  if (home === undefined) return '';
  const path =
    typeof options.redirect === 'string'
      ? resolve(home.project, options.redirect)
      : join(home.directoryOf(state), stream === 'stdout' ? STDOUT_FILE : STDERR_FILE);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
