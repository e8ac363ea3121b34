import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { attemptDirectories } from '../jobs/index.ts';
import {
  type AttemptRow,
  asJobId,
  describeOutcome,
  type Detail,
  JOB_HELD,
  type JobRow,
  type Outcome,
  type RunRow,
  type Status,
  type Store,
} from '../model/index.ts';
import { printable } from './output.ts';

/** How much of an output is read for a quotation. */
const QUOTED_BYTES = 16 * 1024;
const QUOTED_LINES = 8;

/** The outcome that a row keeps; undefined while there is none. */
export function outcomeOf(row: JobRow | AttemptRow): Outcome | undefined {
  return row.outcome === '' ? undefined : (JSON.parse(row.outcome) as Outcome);
}

/** Status and detail as people are told them: a hold stands in a row's flags, not in its detail. */
export function stateOf(row: JobRow): { readonly status: Status; readonly detail: Detail } {
  const isHeld = row.status === 'pending' && (row.flags & JOB_HELD) !== 0;
  return { status: row.status, detail: isHeld ? 'held' : row.detail };
}

/** Says how an attempt ended, on one line. */
export function outcomeText(row: JobRow | AttemptRow): string {
  const outcome = outcomeOf(row);
  return outcome === undefined ? 'has not ended' : printable(describeOutcome(outcome));
}

/** Where an attempt of a job works when it needs a directory. */
export function directoryOf(
  store: string,
  run: Pick<RunRow, 'id'>,
  job: { readonly index: number; readonly name: string },
  fence: number,
): string {
  return attemptDirectories(store)(run.id, job.index, asJobId(job.name), fence);
}

/**
 * What there is of an attempt's directory, and whether `sh command.sh` there repeats it. Undefined for none: a call that wrote
 * nothing never had one, and what was cleaned has none any more.
 */
export function workplaceAt(
  directory: string,
): { readonly directory: string; readonly isRepeatable: boolean } | undefined {
  if (directory === '' || !existsSync(directory)) return undefined;
  return { directory, isRepeatable: existsSync(join(directory, 'command.sh')) };
}

/** The last lines an attempt wrote to a stream, without control characters; none when it wrote nothing. */
export async function lastLines(directory: string, stream: 'stdout' | 'stderr'): Promise<readonly string[]> {
  try {
    await using file = await open(join(directory, stream));
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(Math.min(size, QUOTED_BYTES)),
      position: Math.max(0, size - QUOTED_BYTES),
    });
    const lines = buffer.toString('utf8', 0, bytesRead).replace(/\n+$/, '').split('\n');
    return lines
      .slice(-QUOTED_LINES)
      .filter((line, _, all) => all.length > 1 || line !== '')
      .map(printable);
  } catch {
    return [];
  }
}

/** All rows of a run that satisfy a test, read batch by batch, at most so many. */
export async function rowsWhere(
  store: Store,
  run: RunRow,
  { test, limit }: { readonly test: (row: JobRow) => boolean; readonly limit: number },
): Promise<readonly JobRow[]> {
  const found: JobRow[] = [];
  for await (const rows of store.jobs(run.id)) {
    for (const row of rows) {
      if (!test(row)) continue;
      found.push(row);
      if (found.length === limit) return found;
    }
  }
  return found;
}
