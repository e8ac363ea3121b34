import { fileURLToPath } from 'node:url';
import type { Explanation } from '../../engine/index.ts';
import { type CacheExplanation, connectControl, explainCache, mayReuse } from '../../jobs/index.ts';
import {
  acceptBit,
  DATA_EDGE,
  describeOutcome,
  type Detail,
  isFinal,
  type JobRow,
  type Outcome,
  type Status,
  type Store,
} from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import {
  type FoundRun,
  findRun,
  openForReading,
  orLatest,
  RunJobs,
  splitJobTarget,
  storeDirectory,
  storeFlag,
} from '../find-run.ts';
import { directoryOf, lastLines, outcomeOf, stateOf, workplaceAt } from '../job-record.ts';
import type { Context } from '../main.ts';
import { printable } from '../output.ts';
import { formatBytes, formatDuration, formatTime } from '../units.ts';

/** Upstream jobs that are named. */
const NAMED = 5;

/** What is known of a job's state, from its owner or, when nobody runs it, from the store. */
interface Known {
  readonly name: string;
  readonly status: Status;
  readonly detail: Detail;
  readonly fence: number;
  readonly explanation?: Explanation;
  readonly waitsFor: Explanation['waitsFor'];
  readonly waitsForCount: number;
  readonly becauseOf?: string;
  readonly lastOutcome?: Outcome;
}

/** Says why a job is where it is. */
export async function why(context: Context, [target = '']: readonly string[]): Promise<number> {
  const { run, job: name } = splitJobTarget(target, 'why');
  await using store = await openForReading(context);
  const found = await findRun(store, orLatest(run));
  const jobs = await RunJobs.read(store, found.row);
  const index = jobs.indexOf(name);
  const known =
    found.owner === undefined ? await fromStore({ store, found, jobs }, index) : await fromOwner(found, name);
  const cache = await cacheOf(store, { found, jobs }, index);
  const place = workplaceAt(
    known.fence === 0 ? '' : directoryOf(storeDirectory(context), found.row, { index, name }, known.fence),
  );
  if (context.json) {
    const { explanation, name: _, ...facts } = known;
    await context.output.json({
      run: found.row.id,
      job: name,
      ...facts,
      ...explanation,
      ...(cache === undefined ? {} : { cache }),
      directory: place?.directory ?? null,
    });
    return 0;
  }
  const lines = [headline(known), ...reasons(known, found, context), ...cacheLines(known, cache)];
  if (known.status === 'failed' && place !== undefined) lines.push(...(await evidence(place)));
  await context.output.data(lines.map(printable).join('\n'));
  return 0;
}

/** Why it ran, or took an earlier result; undefined where nothing of its run may be reused. */
async function cacheOf(
  store: Store,
  { found, jobs }: Omit<Stored, 'store'>,
  index: number,
): Promise<CacheExplanation | undefined> {
  const explained = await explainCache(store, found.row.id, index);
  if (explained !== undefined || !jobs.graphs.some(mayReuse)) return explained;
  const graph = jobs.segmentOf(index);
  const { cache, kind } = graph.definitions[graph.definitionOf[index - graph.base] as number] ?? {};
  return cache === true || kind === 'control' ? undefined : { because: 'cache is off for it' };
}

function cacheLines({ status, fence }: Known, cache: CacheExplanation | undefined): readonly string[] {
  if (cache === undefined) return [];
  if (cache.from !== undefined) return status === 'done' ? [cache.because] : [];
  return [fence > 0 ? `it ran: ${cache.because}` : `it will run: ${cache.because}`];
}

async function fromOwner(found: FoundRun, name: string): Promise<Known> {
  const owner = found.owner as NonNullable<FoundRun['owner']>;
  await using control = await connectControl(owner.socket, found.row.id, owner);
  const explanation = await control.why(name);
  const { job, waitsFor, waitsForCount, becauseOf, lastOutcome } = explanation;
  return {
    name,
    status: job.status,
    detail: job.detail,
    fence: job.fence,
    explanation,
    waitsFor,
    waitsForCount,
    ...(becauseOf === undefined ? {} : { becauseOf }),
    ...(lastOutcome === undefined ? {} : { lastOutcome }),
  };
}

interface Stored {
  readonly store: Store;
  readonly found: FoundRun;
  readonly jobs: RunJobs;
}

async function fromStore(stored: Stored, index: number): Promise<Known> {
  const { store, found, jobs } = stored;
  const row = await store.job(found.row.id, index);
  const status = row?.status ?? 'pending';
  const waiting: { job: string; status: Status; edge: 'data' | 'order' }[] = [];
  let waitsForCount = 0;
  let becauseOf: string | undefined;
  for (const { from, accept } of upstreamOf(jobs, index)) {
    const upstream = await store.job(found.row.id, from);
    const state = upstream?.status ?? 'pending';
    if (accept === DATA_EDGE && (state === 'failed' || state === 'cancelled')) becauseOf ??= await rootOf(stored, from);
    if (isSatisfied(accept, state)) continue;
    waitsForCount += 1;
    if (waiting.length < NAMED)
      waiting.push({ job: jobs.nameOf(from), status: state, edge: accept === DATA_EDGE ? 'data' : 'order' });
  }
  const lastOutcome = row === undefined ? undefined : outcomeOf(row);
  return {
    name: jobs.nameOf(index),
    status,
    detail:
      (row === undefined ? '' : stateOf(row).detail) ||
      (isFinal(status) ? '' : waitsForCount > 0 ? 'blocked' : 'queued'),
    fence: row?.fence ?? 0,
    waitsFor: isFinal(status) ? [] : (waiting as unknown as Explanation['waitsFor']),
    waitsForCount: isFinal(status) ? 0 : waitsForCount,
    ...(becauseOf === undefined || status !== 'cancelled' ? {} : { becauseOf }),
    ...(lastOutcome === undefined ? {} : { lastOutcome }),
  };
}

function isSatisfied(accept: number, status: Status): boolean {
  // What is skipped stands as created, and keeps nobody waiting.
  if (status === 'created') return accept !== DATA_EDGE;
  return accept === DATA_EDGE ? status === 'done' : (accept & acceptBit(status)) !== 0;
}

function* upstreamOf(jobs: RunJobs, index: number): Generator<{ readonly from: number; readonly accept: number }> {
  const graph = jobs.segmentOf(index);
  const at = index - graph.base;
  for (let edge = graph.edgeOffsets[at] as number; edge < (graph.edgeOffsets[at + 1] as number); edge += 1) {
    yield { from: graph.edgeFrom[edge] as number, accept: graph.edgeAccept[edge] as number };
  }
  for (const { late } of jobs.graphs) {
    if (late === undefined) continue;
    for (let edge = late.to.indexOf(index); edge !== -1; edge = late.to.indexOf(index, edge + 1))
      yield { from: late.from[edge] as number, accept: late.accept[edge] as number };
  }
}

/** The failed job at the beginning of a chain of cancelled ones. */
async function rootOf({ store, found, jobs }: Stored, index: number): Promise<string> {
  let at = index;
  for (;;) {
    const row: JobRow | undefined = await store.job(found.row.id, at);
    if (row?.status !== 'cancelled' || row.detail !== 'upstream') return jobs.nameOf(at);
    let next: number | undefined;
    for (const { from, accept } of upstreamOf(jobs, at)) {
      const upstream = await store.job(found.row.id, from);
      if (accept === DATA_EDGE && (upstream?.status === 'failed' || upstream?.status === 'cancelled')) next ??= from;
    }
    if (next === undefined) return jobs.nameOf(at);
    at = next;
  }
}

function headline({ name, status, detail, fence }: Known): string {
  if (status === 'created') return `${name} is skipped`;
  const state = detail === '' ? status : `${status} (${detail})`;
  return fence > 1 ? `${name} is ${state}, attempt ${fence}` : `${name} is ${state}`;
}

function reasons(known: Known, found: FoundRun, context: Context): readonly string[] {
  const lines: string[] = [];
  const resume = `heddle resume ${found.row.id}${storeFlag(context)}`;
  const retry = `heddle retry ${found.row.id}${storeFlag(context)}`;
  // It never was a job, and will not be one.
  if (known.status === 'created')
    return [
      known.becauseOf === undefined
        ? 'no branch chose it, or what it needs'
        : `it needs the value of '${known.becauseOf}', which no branch chose`,
    ];
  if (!isFinal(known.status)) {
    if (found.owner === undefined) lines.push(`nobody runs this run: ${resume} continues it`);
    lines.push(...pendingReasons(known, found, context));
  }
  if (known.status === 'failed' && known.lastOutcome !== undefined) {
    lines.push(`it ended by ${describeOutcome(known.lastOutcome)}`, ...outcomeDetails(known.lastOutcome));
  }
  if (known.status === 'failed' && known.lastOutcome === undefined) lines.push(causeText(known.detail));
  if (known.status === 'cancelled') {
    if (known.detail === 'user') lines.push('somebody cancelled it');
    if (known.detail === 'run-abort') lines.push('its run stopped when another job failed');
    if (known.becauseOf !== undefined) lines.push(`it needs the value of '${known.becauseOf}', which did not end well`);
  }
  if ((known.status === 'failed' || known.status === 'cancelled') && isFinal(found.row.status))
    lines.push(`to run it again: ${retry}`);
  return lines;
}

function causeText(detail: Detail): string {
  if (detail === 'unsatisfiable') return 'what it waits for can never come true';
  if (detail === 'timeout') return 'its deadline passed before it started';
  return `its cause is '${detail}'`;
}

function pendingReasons(known: Known, found: FoundRun, context: Context): readonly string[] {
  const lines: string[] = [];
  const { explanation } = known;
  if (known.waitsForCount > 0) {
    const names = known.waitsFor
      .slice(0, NAMED)
      .map((each) => `${each.job} (${each.status})`)
      .join(', ');
    const more = known.waitsForCount > NAMED ? `, and ${known.waitsForCount - NAMED} more` : '';
    lines.push(`it waits for ${names}${more}`);
  }
  if (explanation?.request !== undefined) lines.push(requestText(explanation));
  if (explanation?.exceeds === true)
    lines.push('no place has as much now, not even empty: it waits for what was there when it was submitted');
  if (explanation?.login !== undefined)
    lines.push(`its target needs login: ${explanation.login.why}`, `in a terminal: ${explanation.login.mend}`);
  if (explanation?.first !== undefined && explanation.request !== undefined)
    lines.push(`before attempts ran out of it, it asked for ${firstText(explanation.first)}`);
  if (explanation?.limit !== undefined)
    lines.push(`as many attempts run as may at a time, over all backends: ${explanation.limit}`);
  if (explanation?.cap !== undefined)
    lines.push(`as many jobs of '${explanation.cap.name}' run as may at a time: ${explanation.cap.limit}`);
  if (explanation?.reservedFor !== undefined)
    lines.push(`what is free is kept for '${explanation.reservedFor}', which has waited longer`);
  if (explanation?.wakeAt !== undefined && explanation.wakeAt > 0) {
    lines.push(
      `it will be looked at again at ${formatTime(explanation.wakeAt)}, in ${formatDuration(explanation.wakeAt - systemClock.now().wall)}`,
    );
  }
  if (known.detail === 'held')
    lines.push(`it is held: heddle release ${found.row.id}/${known.name}${storeFlag(context)} lets it start`);
  if (known.detail === 'paused')
    lines.push(`its run is paused: heddle resume ${found.row.id}${storeFlag(context)} goes on`);
  if (known.detail === 'unreachable') lines.push('its place does not answer; it is asked again and again');
  if (known.lastOutcome !== undefined && known.fence > 0 && known.status === 'pending') {
    lines.push(`attempt ${known.fence} ended by ${describeOutcome(known.lastOutcome)}`);
  }
  return lines;
}

function firstText({ memoryBytes, timeMs }: NonNullable<Explanation['first']>): string {
  const parts = [
    ...(memoryBytes === undefined ? [] : [`${formatBytes(memoryBytes)} memory`]),
    ...(timeMs === undefined ? [] : [formatDuration(timeMs)]),
  ];
  return parts.join(', ');
}

function requestText({ request, free }: Explanation): string {
  const wanted = [
    `${request?.cpus ?? 1} cpus`,
    ...(request?.memoryBytes === undefined ? [] : [`${formatBytes(request.memoryBytes)} memory`]),
    ...(request?.gpus === undefined ? [] : [`${request.gpus} gpus`]),
  ].join(', ');
  const there = (free ?? []).map((place) => {
    const memory = place.memoryBytes === undefined ? '' : `, ${formatBytes(place.memoryBytes)} memory`;
    return `${place.place}: ${place.cpus} cpus${memory}`;
  });
  return there.length === 0 ? `it asks for ${wanted}` : `it asks for ${wanted}; free are ${there.join('; ')}`;
}

function outcomeDetails(outcome: Outcome): readonly string[] {
  if (outcome.kind === 'error') {
    const { cause, hint } = outcome.error;
    const place = placeOf(cause?.stack ?? '') ?? placeOf(outcome.error.stack ?? '');
    return [
      ...(cause === undefined ? [] : [`caused by ${cause.name}: ${cause.message}`]),
      ...(hint === undefined ? [] : hint.split('\n').map((line) => `  ${line}`)),
      ...(place === undefined ? [] : [`it was thrown at ${place}`]),
    ];
  }
  return outcome.kind === 'output-missing' && outcome.note !== undefined ? [outcome.note] : [];
}

/** Where a stack has its first line in a file that is neither Node's, nor a package's. */
function placeOf(stack: string): string | undefined {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  const own = frames.find((line) => line.includes('file://') && !line.includes('/node_modules/'));
  const at = own === undefined ? null : /(file:\/\/\S+?):(\d+):\d+\)?$/.exec(own.trim());
  return at === null ? undefined : `${fileURLToPath(at[1] as string)}:${at[2] as string}`;
}

async function evidence({
  directory,
  isRepeatable,
}: NonNullable<ReturnType<typeof workplaceAt>>): Promise<readonly string[]> {
  const stderr = await lastLines(directory, 'stderr');
  return [
    ...(stderr.length === 0 ? [] : ['the last it wrote to stderr:', ...stderr.map((line) => `  ${line}`)]),
    `it ran in ${directory}`,
    ...(isRepeatable ? ['  sh command.sh there repeats it by hand'] : []),
  ];
}
