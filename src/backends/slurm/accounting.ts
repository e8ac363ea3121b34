import type { NativeJob, StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import { elementsOf } from './queue.ts';
import { outcomeOf, STATES } from './states.ts';

/** The name is last: it may hold bars. */
const FIELDS = 'JobID,State,NodeList,JobName';

/** Asks for jobs and none of their steps, all their runs. Put the ids behind it. */
export const HISTORY_QUERY: readonly string[] = [
  'sacct',
  '--allocations',
  '--duplicates',
  '--parsable2',
  '--noheader',
  `--format=${FIELDS}`,
  '--jobs',
];

/**
 * What accounting has of jobs. Exit codes are not asked for: 22.05 takes 128 off those above it and gives 0 for others. So of
 * what failed only that it ended is known, and its record says how.
 * Accounting lags by seconds and knows nothing of a job that has just been submitted, so it never is all there is.
 */
export function readHistory({ code, stdout, stderr }: ToolOutput): StatusAnswer {
  if (code !== 0) return { kind: 'unknown', why: `sacct exited with ${code}: ${stderr.trim()}` };
  const jobs = new Map<string, NativeJob>();
  // A job that was begun again has a row for each run, the last one last.
  for (const line of stdout.split('\n')) {
    for (const job of jobsOf(line)) {
      const before = jobs.get(job.id);
      jobs.set(job.id, before === undefined ? job : { ...job, restarts: (before.restarts ?? 0) + 1 });
    }
  }
  return { kind: 'known', jobs: [...jobs.values()], isWhole: false };
}

function jobsOf(line: string): readonly NativeJob[] {
  const [id = '', words = '', host = '', ...name] = line.split('|');
  const parts = /^(\d+)(?:_(\[[^\]]*\]|\d+))?$/.exec(id);
  const marker = name.join('|');
  if (parts === null || marker === '') return [];
  // `CANCELLED by 1000`: a user's number.
  const [state = '', , by] = words.split(' ');
  const meaning = STATES[state];
  const outcome = meaning?.outcome === 'exit' ? undefined : outcomeOf(state, '', undefined);
  return (elementsOf(parts[2] ?? 'N/A') ?? []).map((element) => ({
    marker,
    id: parts[2] === undefined ? `${parts[1]}` : `${parts[1]}_${element}`,
    element,
    state,
    reason: by === undefined ? '' : `by user ${by}`,
    // A run that was taken back is followed by another: the row after it says.
    standing: meaning?.standing ?? 'running',
    ...(outcome === undefined ? {} : { outcome }),
    ...(host === '' || host === 'None assigned' ? {} : { host }),
  }));
}
