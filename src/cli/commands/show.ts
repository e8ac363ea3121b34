import { inspect } from 'node:util';
import { decodeValue } from '../../calls/index.ts';
import type { Counts } from '../../engine/index.ts';
import { reusedFrom } from '../../jobs/index.ts';
import { type AttemptRow, isFinal, type JobRow, type Store, type Value } from '../../model/index.ts';
import { joinUsage, type JobUsage, usageOf } from '../../observe/index.ts';
import { originOf } from '../code-origin.ts';
import { containerJson, containerText } from '../container-fact.ts';
import { type Fact, factsText } from '../facts.ts';
import { type FoundRun, findRun, openForReading, orLatest, RunJobs, splitTarget, storeDirectory } from '../find-run.ts';
import { directoryOf, outcomeOf, outcomeText, rowsWhere, stateOf, workplaceAt } from '../job-record.ts';
import type { Context } from '../main.ts';
import { type Column, printable, renderTable } from '../output.ts';
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
  const experiment = target === undefined ? undefined : await store.experiment(target);
  if (experiment !== undefined) {
    const { showExperiment } = await import('./show-experiment.ts');
    await showExperiment({ context, store }, experiment, flags);
    return 0;
  }
  const found = await findRun(store, orLatest(run));
  const view = { context, store, found };
  if (job === undefined || job === '') await showRun(view, flags['all'] === true);
  else await showJob(view, job);
  return 0;
}

/** What `show --json` says of a run, its jobs apart. */
export async function runHead(
  { store, found }: Pick<View, 'store' | 'found'>,
  counts: Counts,
): Promise<Readonly<Record<string, unknown>>> {
  return { ...runJson(found, counts), cached: await countCached(store, found) };
}

interface View {
  readonly context: Context;
  readonly store: Store;
  readonly found: FoundRun;
}

async function showRun(view: View, all: boolean): Promise<void> {
  const { context, store, found } = view;
  const counts = await countsOf(store, found.row);
  if (context.json) {
    const document = await runHead(view, counts);
    if (!all) return context.output.json(document);
    const jobs = await RunJobs.read(store, found.row);
    return context.output.json({ ...document, jobs: (await allOf(view)).map((entry) => jobJson(entry, jobs)) });
  }
  const cached = await countCached(store, found);
  await context.output.data(factsText(runFacts(found, { counts, cached, store: storeDirectory(context) })));
  const entries = all ? await allOf(view) : await notableJobs(view);
  if (entries.length === 0) return;
  // A graph can be large, and is read only when a job is to be named.
  const jobs = await RunJobs.read(store, found.row);
  await context.output.data(
    `\n${renderTable(
      JOB_COLUMNS,
      entries.map((entry) => jobCells(entry, jobs)),
    )}`,
  );
  const more = counts.failed + counts.running - entries.length;
  if (!all && more > 0) context.output.say(`and ${more} more: heddle show ${found.row.id} --all`);
}

const JOB_COLUMNS: readonly Column[] = [
  { title: 'JOB' },
  { title: 'STATUS' },
  { title: 'ATTEMPT', align: 'right' },
  { title: 'TOOK', align: 'right' },
  { title: 'END' },
];

interface RunPlace {
  readonly cached: number;
  readonly counts: Counts;
  readonly store: string;
}

/** How many of its jobs are done by an earlier result. */
async function countCached(store: Store, { row }: FoundRun): Promise<number> {
  return (await store.fingerprints?.countReused(row.id)) ?? 0;
}

function runFacts(found: FoundRun, { counts, cached, store }: RunPlace): readonly Fact[] {
  const { row, owner } = found;
  const settings = JSON.parse(row.settings || '{}') as { readonly parameters?: object; readonly backend?: string };
  const parameters = settings.parameters ?? {};
  return [
    ['run', row.id],
    ['name', row.name],
    ['status', statusText(found)],
    ['jobs', `${countsText(counts)}${cached === 0 ? '' : ` (${cached} cached)`}`],
    ['started', row.startedAt === 0 ? 'not yet' : formatTime(row.startedAt)],
    [
      'ended',
      row.endedAt === 0 ? '' : `${formatTime(row.endedAt)}, after ${formatDuration(row.endedAt - row.startedAt)}`,
    ],
    ['file', originOf(row, store)?.file],
    ['parameters', Object.keys(parameters).length === 0 ? '' : JSON.stringify(parameters)],
    ['backend', settings.backend],
    ['process', owner === undefined ? '' : `${owner.pid} on ${owner.host}`],
  ];
}

/** What one looks for first: jobs that failed, and those that run. */
async function notableJobs({ store, found }: View): Promise<readonly Entry[]> {
  const test = (row: JobRow): boolean => row.status === 'failed' || row.status === 'running';
  const rows = await rowsWhere(store, found.row, { test, limit: LISTED });
  return rows.map((row) => ({ index: row.job, row }));
}

/** A job by its index, and its row where it has one. */
export interface Entry {
  readonly index: number;
  readonly row: JobRow | undefined;
}

/** Jobs in order, those without a row too. */
export async function* everyJob({ store, found }: Pick<View, 'store' | 'found'>): AsyncGenerator<Entry, void> {
  let next = 0;
  for await (const rows of store.jobs(found.row.id)) {
    for (const row of rows) {
      for (; next < row.job; next += 1) yield { index: next, row: undefined };
      yield { index: row.job, row };
      next = row.job + 1;
    }
  }
  for (; next < found.row.size; next += 1) yield { index: next, row: undefined };
}

async function allOf(view: View): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of everyJob(view)) entries.push(entry);
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
  if (isSkipped(row)) return 'skipped';
  return detail === '' || detail === 'active' ? status : `${status} (${detail})`;
}

/** No branch chose it, or what it needs: it has a row, and never left its first status. */
function isSkipped({ status }: JobRow): boolean {
  return status === 'created';
}

function tookOf(row: Pick<JobRow, 'startedAt' | 'endedAt'>): string {
  return row.startedAt === 0 || row.endedAt === 0 ? '' : formatDuration(row.endedAt - row.startedAt);
}

/** A job as `show --json` gives it. */
export function jobJson({ index, row }: Entry, jobs: RunJobs): Readonly<Record<string, unknown>> {
  const job = jobs.nameOf(index);
  if (row === undefined) return { job, index, status: 'pending', reason: '', attempt: 0 };
  return {
    job,
    index,
    status: row.status,
    ...(isSkipped(row) ? { skipped: true } : {}),
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
  const { context, store, found } = view;
  const jobs = await RunJobs.read(store, found.row);
  const index = jobs.indexOf(name);
  const [row, earlier, [value]] = await Promise.all([
    store.job(found.row.id, index),
    store.attempts(found.row.id, index),
    store.values(found.row.id, [index]),
  ]);
  const measured =
    row === undefined || row.fence === 0
      ? undefined
      : await usageOf(storeDirectory(context), found.row.id, { job: index, fence: row.fence });
  const usage = row === undefined ? {} : joinUsage(outcomeOf(row)?.usage, measured);
  const place =
    row === undefined || row.fence === 0
      ? ''
      : directoryOf(storeDirectory(context), found.row, { index, name }, row.fence);
  const directory = workplaceAt(place)?.directory ?? '';
  const graph = jobs.segmentOf(index);
  const definition = graph.definitions[graph.definitionOf[index - graph.base] as number];
  if (context.json) {
    await context.output.json({
      ...jobJson({ index, row }, jobs),
      run: found.row.id,
      cached: row?.status === 'done' ? ((await reusedFrom(store, found.row.id, index)) ?? null) : null,
      grant: grantOf(row),
      directory: directory === '' ? null : directory,
      container: containerJson(definition, directory),
      usage,
      value: value?.codec === 'json' ? (JSON.parse(value.json) as unknown) : null,
      attempts: earlier.map((each) => ({
        attempt: each.fence,
        backend: each.backend,
        startedAt: isoTime(each.startedAt),
        endedAt: isoTime(each.endedAt),
        grant: grantOf(each),
        outcome: outcomeOf(each) ?? null,
      })),
    });
    return;
  }
  await context.output.data(
    factsText([
      ['job', name],
      ['task', definition?.name],
      ['status', row === undefined ? 'pending' : rowStatus(row)],
      ...(row === undefined ? [] : rowFacts(row)),
      ['cached', row?.status === 'done' ? cachedText(await reusedFrom(store, found.row.id, index)) : ''],
      ['container', printable(containerText(definition, directory))],
      ['used', usageText(usage)],
      ['directory', directory],
      ['value', value === undefined ? '' : valueText(value)],
      ...earlier.map((each): Fact => [`attempt ${each.fence}`, `${outcomeText(each)}${afterText(each)}`]),
    ]),
  );
}

/** What an attempt was granted; null where there was none. */
function grantOf(row: JobRow | AttemptRow | undefined): unknown {
  return row === undefined || row.grant === '' ? null : JSON.parse(row.grant);
}

function cachedText(source: Awaited<ReturnType<typeof reusedFrom>>): string {
  return source === undefined ? '' : `the result of ${source.run}/${source.job}`;
}

function rowFacts(row: JobRow): readonly Fact[] {
  return [
    ['attempt', row.fence === 0 ? '' : `${row.fence} on '${row.backend}'`],
    ['started', row.startedAt === 0 ? '' : formatTime(row.startedAt)],
    ['took', tookOf(row)],
    ['end', isFinal(row.status) || row.outcome !== '' ? outcomeText(row) : ''],
  ];
}

function afterText(row: AttemptRow): string {
  const took = tookOf(row);
  return took === '' ? '' : `, after ${took}`;
}

function usageText({ maxRssBytes, cpuSeconds, readBytes = 0, writtenBytes = 0 }: JobUsage): string {
  return [
    ...(maxRssBytes === undefined ? [] : [`${formatBytes(maxRssBytes)} memory`]),
    ...(cpuSeconds === undefined ? [] : [`${cpuSeconds.toFixed(2)} s CPU`]),
    ...(readBytes === 0 ? [] : [`${formatBytes(readBytes)} read`]),
    ...(writtenBytes === 0 ? [] : [`${formatBytes(writtenBytes)} written`]),
  ].join(', ');
}

function valueText(value: Value): string {
  const text = value.codec === 'json' ? value.json : inspect(decodeValue(value), { depth: 4, breakLength: Infinity });
  return text.length <= VALUE_SHOWN ? text : `${text.slice(0, VALUE_SHOWN)}…`;
}
