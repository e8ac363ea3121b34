import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ExecutedTask, exportWfFormat } from '../../importers/index.ts';
import { HeddleError, joinSegments, type Store } from '../../model/index.ts';
import { type FoundRun, findRun, openForReading } from '../find-run.ts';
import { outcomeOf } from '../job-record.ts';
import type { Context } from '../main.ts';

/** Writes the record of a run as a WfFormat trace: its graph, and of the jobs that ran what they took. */
export async function exportRun(
  context: Context,
  [target]: readonly string[],
  flags: { readonly output?: string },
): Promise<number> {
  await using store = await openForReading(context);
  const found = await findRun(store, target);
  const graph = joinSegments(await store.graph(found.row.id));
  const tasks = await executedTasks(store, found);
  const { startedAt, endedAt } = found.row;
  const pieces = exportWfFormat(graph, {
    task: (i) => tasks.get(i),
    ...(startedAt === 0 ? {} : { startedAt }),
    ...(endedAt === 0 ? {} : { makespanSeconds: (endedAt - startedAt) / 1000 }),
  });
  if (flags.output === undefined) {
    for (const piece of pieces) {
      if (context.output.readerGone) break;
      await context.output.data(piece);
    }
    return 0;
  }
  await writePieces(flags.output, pieces);
  context.output.say(`${found.row.id} is written to ${flags.output}`);
  return 0;
}

/** Writes text to a file piece by piece. @throws {HeddleError} INPUT_INVALID when it can't be written */
export async function writePieces(path: string, pieces: Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), createWriteStream(path));
  } catch (error) {
    if (HeddleError.is(error)) throw error;
    throw new HeddleError('INPUT_INVALID', `'${path}' can't be written (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}

async function executedTasks(store: Store, { row }: FoundRun): Promise<ReadonlyMap<number, ExecutedTask>> {
  const tasks = new Map<number, ExecutedTask>();
  for await (const rows of store.jobs(row.id)) {
    for (const job of rows) {
      if (job.startedAt === 0 || job.endedAt === 0) continue;
      const maxRssBytes = outcomeOf(job)?.usage?.maxRssBytes;
      tasks.set(job.job, {
        runtimeSeconds: (job.endedAt - job.startedAt) / 1000,
        startedAt: job.startedAt,
        ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
      });
    }
  }
  return tasks;
}
