import { type ExecutedTask, exportWfFormat } from '../../importers/index.ts';
import { joinSegments, type Store } from '../../model/index.ts';
import { type FoundRun, findRun, openForReading } from '../find-run.ts';
import { outcomeOf } from '../job-record.ts';
import type { Context } from '../main.ts';
import { writeTo } from '../write-to.ts';

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
  await writeTo(context.output, pieces, flags.output);
  if (flags.output !== undefined) context.output.say(`${found.row.id} is written to ${flags.output}`);
  return 0;
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
