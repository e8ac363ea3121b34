import { exportWfFormat, type ExecutedTask } from '../../importers/index.ts';
import { exportCsv, jobRecords, type JobRecord, type RunSource } from '../../observe/index.ts';
import { type FoundRun, findRun, openForReading, RunJobs, storeDirectory } from '../find-run.ts';
import type { Context } from '../main.ts';
import { readRunSource } from '../run-source.ts';
import { writeTo } from '../write-to.ts';
import { type CrateFlags, exportCrate } from './export-crate.ts';
import { countsOf } from './runs.ts';
import { everyJob, jobJson, runHead } from './show.ts';

interface ExportFlags extends CrateFlags {
  /** The command line asks for one. */
  readonly to?: 'rocrate' | 'wfformat' | 'csv' | 'json';
}

/** Writes the record of a run in a format that others read. */
export async function exportRun(context: Context, [target]: readonly string[], flags: ExportFlags): Promise<number> {
  await using store = await openForReading(context);
  const found = await findRun(store, target);
  const source = await readRunSource(store, found.row, storeDirectory(context));
  const { output, to = 'json' } = flags;
  switch (to) {
    case 'rocrate':
      await exportCrate(context, source, flags);
      break;
    case 'wfformat':
      await writeTo(context.output, exportWfFormat(source.graph, await wfFormatResults(source)), output);
      break;
    case 'csv':
      await writeTo(context.output, exportCsv(jobRecords(source)), output);
      break;
    case 'json':
      await writeTo(context.output, runDocument(source, found), output);
      break;
  }
  if (output !== undefined) context.output.say(`${found.row.id} is written to ${output}`);
  return 0;
}

async function wfFormatResults(source: RunSource): Promise<Parameters<typeof exportWfFormat>[1]> {
  const { startedAt, endedAt } = source.row;
  const tasks = new Map<number, ExecutedTask>();
  for await (const job of jobRecords(source)) {
    const task = executedTask(job);
    if (task !== undefined) tasks.set(job.index, task);
  }
  return {
    task: (i) => tasks.get(i),
    ...(startedAt === 0 ? {} : { startedAt }),
    ...(endedAt === 0 ? {} : { makespanSeconds: (endedAt - startedAt) / 1000 }),
  };
}

function executedTask({ startedAt, endedAt, usage: { maxRssBytes } }: JobRecord): ExecutedTask | undefined {
  if (startedAt === 0 || endedAt === 0) return undefined;
  return {
    runtimeSeconds: (endedAt - startedAt) / 1000,
    startedAt,
    ...(maxRssBytes === undefined ? {} : { maxRssBytes }),
  };
}

/** The document of `heddle show --all --json`, job by job, with what each used. */
async function* runDocument(source: RunSource, found: FoundRun): AsyncGenerator<string, void> {
  const { store, row, graph } = source;
  const jobs = new RunJobs(row, [graph]);
  const head = JSON.stringify(await runHead({ store, found }, await countsOf(store, row)));
  yield `${head.slice(0, -1)},"jobs":[\n`;
  const usages = jobRecords(source);
  let isFirst = true;
  for await (const entry of everyJob({ store, found })) {
    const record = await usages.next();
    const usage = record.done === true ? {} : record.value.usage;
    yield `${isFirst ? '' : ',\n'}${JSON.stringify({ ...jobJson(entry, jobs), usage })}`;
    isFirst = false;
  }
  yield '\n]}\n';
}
