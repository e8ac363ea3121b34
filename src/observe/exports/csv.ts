import { describeOutcome } from '../../model/index.ts';
import type { JobRecord } from '../record.ts';
import { asItIs, type Redact } from '../redact.ts';

/** The columns, in their order: a name, and the text of a job. Columns may be added at the end, none goes. */
const COLUMNS: readonly (readonly [name: string, text: (job: JobRecord) => string])[] = [
  ['job', (job) => job.name],
  ['index', (job) => String(job.index)],
  ['task', (job) => job.definition?.name ?? ''],
  ['status', (job) => job.status],
  ['reason', (job) => job.detail],
  ['attempt', (job) => String(job.fence)],
  ['backend', (job) => job.backend],
  ['granted_at', (job) => isoTime(job.grantedAt)],
  ['started_at', (job) => isoTime(job.startedAt)],
  ['ended_at', (job) => isoTime(job.endedAt)],
  ['seconds', (job) => (job.startedAt > 0 && job.endedAt > 0 ? fixed((job.endedAt - job.startedAt) / 1000) : '')],
  ['exit_code', (job) => (job.outcome?.kind === 'exit' ? String(job.outcome.code) : '')],
  ['end', (job) => (job.outcome === undefined ? '' : describeOutcome(job.outcome))],
  ['max_rss_bytes', (job) => numberText(job.usage.maxRssBytes)],
  ['cpu_seconds', (job) => (job.usage.cpuSeconds === undefined ? '' : fixed(job.usage.cpuSeconds))],
  ['read_bytes', (job) => numberText(job.usage.readBytes)],
  ['written_bytes', (job) => numberText(job.usage.writtenBytes)],
];

/** Writes jobs as CSV by RFC 4180, a row a job, below a header. Times are ISO 8601, in UTC; what is not known is empty. */
export async function* exportCsv(
  jobs: AsyncIterable<JobRecord>,
  redact: Redact = asItIs,
): AsyncGenerator<string, void> {
  yield line(COLUMNS.map(([name]) => name));
  for await (const job of jobs) yield line(COLUMNS.map(([, text]) => redact(text(job))));
}

function line(fields: readonly string[]): string {
  return `${fields.map(quoted).join(',')}\r\n`;
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function isoTime(epochMs: number): string {
  return epochMs === 0 ? '' : new Date(epochMs).toISOString();
}

function fixed(seconds: number): string {
  return String(Math.round(seconds * 1000) / 1000);
}

function numberText(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}
