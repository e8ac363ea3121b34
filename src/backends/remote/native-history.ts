import type { NativeJob, Scheduler } from '../scheduler/index.ts';
import type { Transport } from '../transport/index.ts';
import { type NativeAttempt, standingKey } from './native-attempt.ts';

/** What accounting says of those the system doesn't list any more. */
export interface History {
  find(attempt: NativeAttempt): NativeJob | undefined;
  /** It could not be asked, or says that it runs: accounting is late. Nothing follows from that yet. */
  isOpen(attempt: NativeAttempt): boolean;
}

/** So many ids a command line holds. */
const IDS = 200;
/** An end that accounting has not heard of for so many looks it will not hear of. */
const PATIENCE = 10;

/** Asks accounting, in as few commands as can be, where there is any. */
export async function askHistory(
  attempts: readonly NativeAttempt[],
  { scheduler, transport }: { readonly scheduler: Scheduler; readonly transport: Transport },
): Promise<History> {
  const jobs = new Map<string, NativeJob>();
  const unasked = new Set<string>();
  const ids = [...new Set(attempts.flatMap(({ jobId }) => jobId ?? []))];
  for (let start = 0; start < ids.length && scheduler.history !== undefined; start += IDS) {
    const part = ids.slice(start, start + IDS);
    const answer = await transport.run(scheduler.history(part));
    const status =
      answer.kind === 'ended'
        ? scheduler.readHistory?.({
            code: answer.code,
            stdout: Buffer.from(answer.stdout).toString('utf8'),
            stderr: answer.stderr,
          })
        : undefined;
    if (status?.kind === 'known') for (const job of status.jobs) jobs.set(standingKey(job, job.element), job);
    else for (const id of part) unasked.add(id);
  }
  const find = (attempt: NativeAttempt): NativeJob | undefined => jobs.get(standingKey(attempt, attempt.native));
  return {
    find,
    isOpen: (attempt) => {
      const standing = find(attempt)?.standing;
      const isLate = (standing !== undefined && standing !== 'ended') || unasked.has(attempt.jobId ?? '');
      return isLate && attempt.doubts < PATIENCE;
    },
  };
}
