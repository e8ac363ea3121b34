import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asError, type DurationInput, type Logger, parseDuration, type Store } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { clean } from './clean.ts';
import { DEFAULT_RULES, type KeepRules } from './rules.ts';

/** When it was last looked through is this file's time. */
const MARK_FILE = 'retention';
const DAY_MS = 24 * 3600_000;

/** What an engine keeps of runs that have ended; false: everything. Records and results are kept in any case. */
export type Retention = false | { readonly olderThan?: DurationInput; readonly keep?: number };

/** Looks after a store as long as an engine has it open. */
export function retain(
  { store, directory, socket }: { readonly store: Store; readonly directory: string; readonly socket: string },
  { logger, retention = {} }: { readonly logger: Logger; readonly retention: Retention | undefined },
): AsyncDisposable {
  const stop = new AbortController();
  // A store that nobody else could look into is gone with its engine.
  const isOff = retention === false || socket === '' || !store.keepsJobs;
  const work = isOff
    ? undefined
    : cleanDaily(store, { directory, logger, rules: rulesOf(retention), signal: stop.signal });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await work;
    },
  };
}

/** @throws {HeddleError} INPUT_INVALID */
function rulesOf({ olderThan, keep }: Exclude<Retention, false>): KeepRules {
  return {
    olderThanMs: olderThan === undefined ? DEFAULT_RULES.olderThanMs : parseDuration(olderThan, 'retention: olderThan'),
    keep: keep ?? DEFAULT_RULES.keep,
  };
}

interface DailyOptions {
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly rules: KeepRules;
}

/**
 * Removes logs and scratch files that the rules do not keep, once a day for each store, beside whatever else goes on. A
 * store with no more runs than are kept is left alone. What fails is said, and nobody's run suffers. Never rejects.
 */
async function cleanDaily(store: Store, options: DailyOptions): Promise<void> {
  const { directory, logger, rules, signal } = options;
  try {
    const works = await readdir(join(directory, 'work')).catch(() => []);
    if (works.length <= rules.keep) return;
    const now = systemClock.now().wall;
    const mark = join(directory, MARK_FILE);
    const last = await stat(mark).catch(() => undefined);
    if (last !== undefined && Math.abs(now - last.mtimeMs) < DAY_MS) return;
    await writeFile(mark, '');
    const { cleaned, bytes } = await clean(store, directory, { ...rules, what: 'logs', dry: false, now, signal });
    if (cleaned.length > 0)
      logger.info(
        { runs: cleaned.length, bytes },
        `retention: logs and scratch files of ${cleaned.length} old runs were removed`,
      );
  } catch (error) {
    logger.warn({ error }, `retention: old logs could not be removed: ${asError(error).message}`);
  }
}
