import { isFinal, type JobRow, type Store, type Value } from '../../model/index.ts';
import { type FoundRun, findRun, openForReading, RunJobs, splitTarget, storeDirectory } from '../find-run.ts';
import { directoryOf, outcomeOf, outcomeText, rowsWhere, stateOf } from '../job-record.ts';
import type { Context } from '../main.ts';
import { printable, renderTable } from '../output.ts';
import { countsText } from '../progress.ts';
import { formatBytes, formatDuration, formatTime } from '../units.ts';
import { countsOf, isoTime, runJson, statusText } from './runs.ts';

const LISTED = 20;
const VALUE_SHOWN = 2000;

/** Shows a run, or one job of it. */
export async function show(
  context: Context,
  [target]: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { run, job } = target === undefined ? { run: undefined, job: undefined } : splitTarget(target);
  await using store = await openForReading(context);
  const found = await findRun(store, run);
  const view = { context, store, found, jobs: await RunJobs.read(store, found.row) };
  if (job === undefined || job === '') await showRun(view, flags['all'] === true);
  else await showJob(view, job);
  return 0;
}

interface View {
  readonly context: Context;
  readonly store: Store;
  readonly found: FoundRun;
  readonly jobs: RunJobs;
}

async function showRun(view: View, all: boolean): Promise<void> {
  const { context, store, found, jobs } = view;
  const { row, owner } = found;
  const counts = await countsOf(store, row);
  if (context.json) {
    const document = runJson(found, counts);
    const listed = all ? { ...document, jobs: (await everyJob(view)).map((entry) => jobJson(entry, jobs)) } : document;
    await context.output.json(listed);
    return;
  }
  const settings = JSON.parse(row.settings || '{}') as {
    parameters?: unknown;
    backend?: string;
    origin?: { file?: string };
  };
  const facts: [string, string][] = [
    ['run', row.id],
    ['name', row.name],
    ['status', statusText(found)],
    ['jobs', countsText(counts)],
    ['started', row.startedAt === 0 ? 'not yet' : formatTime(row.startedAt)],
    ...(row.endedAt === 0
      ? []
      : [
          ['ended', `${formatTime(row.endedAt)}, after ${formatDuration(row.endedAt - row.startedAt)}`] as [
            string,
            string,
          ],
        ]),
    ...(settings.origin?.file === undefined ? [] : [['file', settings.origin.file] as [string, string]]),
    ...(hasParameters(settings.parameters)
      ? [['parameters', JSON.stringify(settings.parameters)] as [string, string]]
      : []),
    ...(settings.backend === undefined ? [] : [['backend', settings.backend] as [string, string]]),
    ...(owner === undefined ? [] : [['process', `${owner.pid} on ${owner.host}`] as [string, string]]),
  ];
  await context.output.data(factsText(facts));
  const entries = all
    ? await everyJob(view)
    : (
        await rowsWhere(store, row, {
          test: (each) => each.status === 'failed' || each.status === 'running',
          limit: LISTED,
        })
      ).map((each) => ({ index: each.job, row: each }));
  if (entries.length === 0) return;
  const table = renderTable(
    [
      { title: 'JOB' },
      { title: 'STATUS' },
      { title: 'ATTEMPT', align: 'right' },
      { title: 'TOOK', align: 'right' },
      { title: 'END' },
    ],
    entries.map((entry) => jobCells(entry, jobs)),
  );
  await context.output.data(`\n${table}`);
  const more = counts.failed + counts.running - entries.length;
  if (!all && more > 0) context.output.say(`and ${more} more: heddle show ${row.id} --all`);
}

function hasParameters(parameters: unknown): boolean {
  return typeof parameters === 'object' && parameters !== null && Object.keys(parameters).length > 0;
}

interface Entry {
  readonly index: number;
  readonly row: JobRow | undefined;
}

/** Jobs in order, those without a row too. */
async function everyJob({ store, found }: View): Promise<readonly Entry[]> {
  const entries: Entry[] = Array.from({ length: found.row.size }, (_, index) => ({ index, row: undefined }));
  for await (const rows of store.jobs(found.row.id)) for (const row of rows) entries[row.job] = { index: row.job, row };
  return entries;
}

function jobCells({ index, row }: Entry, jobs: RunJobs): readonly string[] {
  const name = jobs.nameOf(index);
  if (row === undefined) return [name, 'pending', '', '', ''];
  const end = row.status === 'failed' || (row.status === 'pending' && row.outcome !== '') ? outcomeText(row) : '';
  return [name, rowStatus(row), row.fence === 0 ? '' : String(row.fence), tookOf(row), end];
}

function rowStatus(row: JobRow): string {
  const { status, detail } = stateOf(row);
  return detail === '' || detail === 'active' ? status : `${status} (${detail})`;
}

function tookOf(row: Pick<JobRow, 'startedAt' | 'endedAt'>): string {
  return row.startedAt === 0 || row.endedAt === 0 ? '' : formatDuration(row.endedAt - row.startedAt);
}

function jobJson({ index, row }: Entry, jobs: RunJobs): Readonly<Record<string, unknown>> {
  const job = jobs.nameOf(index);
  if (row === undefined) return { job, index, status: 'pending', reason: '', attempt: 0 };
  return {
    job,
    index,
    status: row.status,
    reason: stateOf(row).detail,
    attempt: row.fence,
    backend: row.backend,
    grantedAt: isoTime(row.grantedAt),
    startedAt: isoTime(row.startedAt),
    endedAt: isoTime(row.endedAt),
    outcome: outcomeOf(row) ?? null,
  };
}

async function showJob(view: View, name: string): Promise<void> {
  const { context, store, found, jobs } = view;
  const index = jobs.indexOf(name);
  const [row, earlier, [value]] = await Promise.all([
    store.job(found.row.id, index),
    store.attempts(found.row.id, index),
    store.values(found.row.id, [index]),
  ]);
  const directory =
    row === undefined || row.fence === 0
      ? ''
      : directoryOf(storeDirectory(context), found.row, { index, name }, row.fence);
  if (context.json) {
    await context.output.json({
      ...jobJson({ index, row }, jobs),
      run: found.row.id,
      directory: directory === '' ? null : directory,
      value: value?.codec === 'json' ? (JSON.parse(value.json) as unknown) : null,
      attempts: earlier.map((each) => ({
        attempt: each.fence,
        backend: each.backend,
        startedAt: isoTime(each.startedAt),
        endedAt: isoTime(each.endedAt),
        outcome: outcomeOf(each) ?? null,
      })),
    });
    return;
  }
  const graph = jobs.segmentOf(index);
  const definition = graph.definitions[graph.definitionOf[index - graph.base] as number];
  const ended = row !== undefined && (isFinal(row.status) || row.outcome !== '');
  const facts: [string, string][] = [
    ['job', name],
    ['task', definition?.name ?? ''],
    ['status', row === undefined ? 'pending' : rowStatus(row)],
    ...(row === undefined || row.fence === 0
      ? []
      : [['attempt', `${row.fence} on '${row.backend}'`] as [string, string]]),
    ...(row === undefined || row.startedAt === 0 ? [] : [['started', formatTime(row.startedAt)] as [string, string]]),
    ...(row === undefined || tookOf(row) === '' ? [] : [['took', tookOf(row)] as [string, string]]),
    ...(ended ? [['end', outcomeText(row)] as [string, string]] : []),
    ...(row === undefined || usageText(row) === '' ? [] : [['used', usageText(row)] as [string, string]]),
    ...(directory === '' ? [] : [['directory', directory] as [string, string]]),
    ...(value === undefined ? [] : [['value', valueText(value)] as [string, string]]),
    ...earlier.map(
      (each) =>
        [`attempt ${each.fence}`, `${outcomeText(each)}${tookOf(each) === '' ? '' : `, after ${tookOf(each)}`}`] as [
          string,
          string,
        ],
    ),
  ];
  await context.output.data(factsText(facts));
}

function usageText(row: JobRow): string {
  const usage = outcomeOf(row)?.usage;
  if (usage === undefined) return '';
  const cpu = (usage.userSeconds ?? 0) + (usage.systemSeconds ?? 0);
  return [
    ...(usage.maxRssBytes === undefined ? [] : [`${formatBytes(usage.maxRssBytes)} memory`]),
    ...(usage.userSeconds === undefined ? [] : [`${cpu.toFixed(2)} s CPU`]),
  ].join(', ');
}

function valueText(value: Value): string {
  if (value.codec === 'file') return `${formatBytes(value.size)}, sha256 ${value.sha256}`;
  if (value.codec === 'v8') return `${formatBytes(value.bytes.length)} of structured data`;
  return value.json.length <= VALUE_SHOWN ? value.json : `${value.json.slice(0, VALUE_SHOWN)}…`;
}

function factsText(facts: readonly (readonly [string, string])[]): string {
  const width = facts.reduce((most, [name]) => Math.max(most, name.length), 0);
  return facts.map(([name, text]) => `${name.padEnd(width)}  ${printable(text)}`).join('\n');
}
