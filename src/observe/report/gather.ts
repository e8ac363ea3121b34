import { describeOutcome, type Json, STATUSES } from '../../model/index.ts';
import { type JobRecord, jobRecords, type RunSource } from '../record.ts';
import type { Redact } from '../redact.ts';
import { layOut } from './layout.ts';
import { lastLines } from './log-tail.ts';
import type { JobCurve, ReportData, ReportJobs, ReportLog, ReportRun, ReportSeries } from './report-data.ts';

export interface ReportOptions {
  readonly engineVersion: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Status and detail as they are to be shown. */
  readonly state: { readonly status: string; readonly detail: string };
  /** The file it was started from, where there was one. */
  readonly file?: string;
  /** Where an attempt worked. */
  readonly directoryOf: (job: { readonly index: number; readonly name: string; readonly fence: number }) => string;
  readonly redact: Redact;
}

/** Jobs whose last words are shown. */
const FAILED_LOGS = 40;
const SLOW_LOGS = 10;
const CURVES = 40;

/** Reads everything a report shows. */
export async function gatherReport(source: RunSource, options: ReportOptions): Promise<ReportData> {
  const { row, graph } = source;
  const origin = row.startedAt || row.createdAt;
  const columns = new Columns(origin);
  const failed: JobRecord[] = [];
  const slow: JobRecord[] = [];
  for await (const job of jobRecords(source)) {
    columns.add(job, job.backend);
    if (job.status === 'failed' && failed.length < FAILED_LOGS) failed.push(job);
    if (job.startedAt > 0 && job.endedAt > 0) keepSlowest(slow, job);
  }
  const jobs = columns.jobs();
  const data: ReportData = {
    run: runOf(source, options, jobs),
    jobs,
    graph: layOut(graph, (index) => (jobs.states[jobs.state[index] as number] ?? '').split(' ')[0] ?? ''),
    series: seriesOf(source, origin),
    curves: curvesOf(source, slow),
    logs: await logsOf({ failed, slow }, options),
  };
  return redacted(data as unknown as Json, options.redact) as unknown as ReportData;
}

/** Every text of a value, and every key, as it may be read outside. */
function redacted(value: Json, redact: Redact): Json {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => redacted(each, redact));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [redact(key), redacted(each as Json, redact)]));
}

function tookOf({ startedAt, endedAt }: JobRecord): number {
  return endedAt - startedAt;
}

function keepSlowest(slow: JobRecord[], job: JobRecord): void {
  const last = slow.at(-1);
  if (slow.length === CURVES && last !== undefined && tookOf(last) >= tookOf(job)) return;
  const at = slow.findIndex((other) => tookOf(other) < tookOf(job));
  slow.splice(at < 0 ? slow.length : at, 0, job);
  if (slow.length > CURVES) slow.pop();
}

/** Gathers jobs as columns. */
class Columns {
  readonly #origin: number;
  readonly #tasks = new Words();
  readonly #states = new Words();
  readonly #places = new Words();
  readonly #names: string[] = [];
  readonly #numbers: Record<
    'task' | 'state' | 'place' | 'start' | 'end' | 'attempts' | 'cpuSeconds' | 'rssKib',
    number[]
  > = {
    task: [],
    state: [],
    place: [],
    start: [],
    end: [],
    attempts: [],
    cpuSeconds: [],
    rssKib: [],
  };
  readonly #ends: Record<string, string> = {};

  constructor(origin: number) {
    this.#origin = origin;
  }

  add(job: JobRecord, place: string): void {
    const { usage, outcome } = job;
    this.#names.push(job.name);
    const detail = job.detail === '' || job.detail === 'active' ? '' : ` (${job.detail})`;
    this.#numbers.task.push(this.#tasks.of(job.definition?.name ?? ''));
    this.#numbers.state.push(this.#states.of(`${job.status}${detail}`));
    this.#numbers.place.push(place === '' ? -1 : this.#places.of(place));
    this.#numbers.start.push(this.#since(job.startedAt));
    this.#numbers.end.push(this.#since(job.endedAt));
    this.#numbers.attempts.push(job.fence);
    this.#numbers.cpuSeconds.push(usage.cpuSeconds === undefined ? -1 : Math.round(usage.cpuSeconds * 100) / 100);
    this.#numbers.rssKib.push(usage.maxRssBytes === undefined ? -1 : Math.round(usage.maxRssBytes / 1024));
    if (outcome !== undefined && job.status !== 'done') this.#ends[job.index] = describeOutcome(outcome).slice(0, 500);
  }

  jobs(): ReportJobs {
    const texts = { tasks: this.#tasks.texts, states: this.#states.texts, places: this.#places.texts };
    return { names: this.#names, ...texts, ...this.#numbers, ends: this.#ends };
  }

  #since(epochMs: number): number {
    return epochMs === 0 ? -1 : Math.max(0, Math.round(epochMs - this.#origin));
  }
}

/** Texts, each once. */
class Words {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}

function runOf({ row, graph }: RunSource, options: ReportOptions, jobs: ReportJobs): ReportRun {
  const settings = JSON.parse(row.settings || '{}') as {
    readonly parameters?: Readonly<Record<string, Json>>;
    readonly backend?: string;
    readonly onFailure?: string;
  };
  const counts: Record<string, number> = {};
  for (const state of jobs.state) {
    const status = (jobs.states[state] ?? '').split(' ')[0] ?? '';
    counts[status] = (counts[status] ?? 0) + 1;
  }
  const last = jobs.end.reduce((most, end) => Math.max(most, end), 0);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['file', options.file],
    ['backend', settings.backend],
    ['on failure', settings.onFailure],
    ['fingerprint', row.fingerprint],
    ['edges', String(graph.edgeFrom.length)],
  ];
  const { status, detail } = options.state;
  return {
    id: row.id,
    name: row.name,
    status,
    detail,
    startedAt: row.startedAt || row.createdAt,
    wallMs: row.endedAt > 0 ? Math.max(row.endedAt - (row.startedAt || row.createdAt), 0) : last,
    counts: Object.fromEntries(STATUSES.filter((word) => counts[word]).map((word) => [word, counts[word] as number])),
    facts: facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined && fact[1] !== ''),
    parameters: Object.entries(settings.parameters ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
    engineVersion: options.engineVersion,
    writtenAt: options.now,
  };
}

function seriesOf({ measures }: RunSource, origin: number): readonly ReportSeries[] {
  return measures.runs.map(({ attempts, engine }) => ({
    start: Math.round(attempts.startedAt - origin),
    stepMs: attempts.stepMs,
    cpu: attempts.cpu,
    engineCpu: engine.cpu,
    rss: attempts.rss,
    engineRss: engine.rss,
  }));
}

function curvesOf({ measures }: RunSource, slow: readonly JobRecord[]): Readonly<Record<string, JobCurve>> {
  const curves: Record<string, JobCurve> = {};
  for (const { index, fence } of slow) {
    const series = measures.attempts.get(`${index}/${fence}`)?.series;
    if (series !== undefined) curves[index] = { stepMs: series.stepMs, cpu: series.cpu, rss: series.rss };
  }
  return curves;
}

async function logsOf(
  { failed, slow }: { readonly failed: readonly JobRecord[]; readonly slow: readonly JobRecord[] },
  { directoryOf }: ReportOptions,
): Promise<readonly ReportLog[]> {
  const logs: ReportLog[] = [];
  const seen = new Set<number>();
  const add = async (job: JobRecord, why: ReportLog['why']): Promise<void> => {
    if (seen.has(job.index) || job.fence === 0) return;
    seen.add(job.index);
    const directory = directoryOf(job);
    const [stderr, stdout] = await Promise.all([lastLines(directory, 'stderr'), lastLines(directory, 'stdout')]);
    if (why === 'failed' || stderr.length + stdout.length > 0)
      logs.push({ job: job.index, why, directory, stderr, stdout });
  };
  for (const job of failed) await add(job, 'failed');
  for (const job of slow.slice(0, SLOW_LOGS)) await add(job, 'slow');
  return logs;
}
