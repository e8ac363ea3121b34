import type { NativeJob, StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import { elementsOf, jobsOf, MARKER, type Row } from './rows.ts';
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

/** What comes before the answers of the controller, where accounting has none. */
export const RECORDS_FOLLOW = '--- records';

/**
 * What is known of jobs that squeue did not list: by accounting, else by the controller's own records, which are asked for one
 * by one, so that no squeue that was cut short or answered nothing makes anybody believe that a job is gone.
 */
export function readHistory({ code, stdout, stderr }: ToolOutput): StatusAnswer {
  const [accounted = '', records] = stdout.split(`${RECORDS_FOLLOW}\n`);
  if (records !== undefined) return readRecords(records, stderr);
  if (code !== 0) return { kind: 'unknown', why: `sacct exited with ${code}: ${stderr.trim()}` };
  return { kind: 'known', jobs: readAccounts(accounted), isWhole: false };
}

/**
 * Exit codes are not asked for: sacct 22.05 takes 128 off those above it and gives 0 for others. So of what failed only that it
 * ended is known, and its record says how.
 * Accounting lags by seconds and knows nothing of a job that has just been submitted, so it never is all there is.
 */
function readAccounts(stdout: string): readonly NativeJob[] {
  const jobs = new Map<string, NativeJob>();
  // A job that was begun again has a row for each run, the last one last.
  for (const line of stdout.split('\n')) {
    for (const job of accountsOf(line)) {
      const before = jobs.get(job.id);
      jobs.set(job.id, before === undefined ? job : { ...job, restarts: (before.restarts ?? 0) + 1 });
    }
  }
  return [...jobs.values()];
}

function accountsOf(line: string): readonly NativeJob[] {
  const [id = '', words = '', host = '', ...name] = line.split('|');
  const parts = /^(\d+)(?:_(\[[^\]]*\]|\d+))?$/.exec(id);
  const marker = name.join('|');
  if (parts === null || !MARKER.test(marker)) return [];
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

const RECORD =
  /^JobId=(?<job>\d+) (?:ArrayJobId=(?<array>\d+) ArrayTaskId=(?<tasks>\S+) (?:ArrayTaskThrottle=\d+ )?)?JobName=(?<name>\S+) UserId=.*? JobState=(?<state>\w+) Reason=(?<reason>.*?) Dependency=.*? Restarts=(?<restarts>\d+) .*? ExitCode=(?<code>\d+):(?<signal>\d+) /;

/** What `scontrol -o show job` prints: a line an element; of an id it doesn't know only a word on standard error. */
function readRecords(stdout: string, stderr: string): StatusAnswer {
  const trouble = stderr.split('\n').find((line) => /^(?:slurm|scontrol)/.test(line) && !/Invalid job id/.test(line));
  if (trouble !== undefined) return { kind: 'unknown', why: trouble };
  const rows = stdout.split('\n').flatMap((line) => recordOf(line) ?? []);
  return { kind: 'known', jobs: jobsOf(rows).jobs, isWhole: false };
}

function recordOf(line: string): Row | undefined {
  const fields = RECORD.exec(line)?.groups;
  if (fields === undefined) return undefined;
  const { job = '', array = job, tasks = 'N/A', name = '', state = '', reason = '', restarts, code, signal } = fields;
  if (!MARKER.test(name)) return undefined;
  const host = / BatchHost=(\S+) /.exec(line)?.[1] ?? '';
  const wait = { code: Number(code), signal: Number(signal) };
  return { array, tasks, state, restarts: Number(restarts), wait, host, name, reason };
}
