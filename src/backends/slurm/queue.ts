import type { StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import { jobsOf, MARKER, type Row, waitStatusOf } from './rows.ts';

/**
 * Fields of a row, each ended by a bar, without padding (a width of 0). The name is the last but one that may hold anything:
 * names of ours are plain, and rows of other names are not looked at. `arraytaskid` of what pends in an array is all its
 * indices; Slurm cuts it after 64 characters unless SLURM_BITSTR_LEN says otherwise.
 */
const FIELDS = [
  'arrayjobid',
  'jobid',
  'arraytaskid',
  'state',
  'restartcnt',
  'exit_code',
  'batchhost',
  'name',
  'reason',
];

/** Asks for all jobs of this user, ended ones as long as Slurm keeps them (MinJobAge), arrays that pend in one row. */
export const QUEUE_QUERY: readonly string[] = [
  'squeue',
  '--all',
  '--states=all',
  '-O',
  FIELDS.map((field) => `${field}:0|`).join(','),
];

/** The heading proves that squeue itself answered: one that says nothing at all has not. */
const HEADING = /^ARRAY_JOB_ID\|JOBID\|/m;

/** What Slurm says there is about the answer; whoever carries it (ssh, a module system) may have a word of its own. */
const COMPLAINT = /^(?:squeue|slurm\w*)\b/m;

export function readQueue({ code, stdout, stderr }: ToolOutput): StatusAnswer {
  const said = stderr.trim();
  if (code !== 0) return { kind: 'unknown', why: `squeue exited with ${code}: ${said}` };
  const heading = HEADING.exec(stdout);
  if (heading === null) return { kind: 'unknown', why: `squeue answered nothing${said === '' ? '' : `: ${said}`}` };
  const lines = stdout.slice(heading.index).split('\n');
  const { jobs, isWhole } = jobsOf(lines.slice(1).flatMap((line) => rowOf(line) ?? []));
  // Without its end, it was cut off in the middle of a row.
  return { kind: 'known', jobs, isWhole: isWhole && lines.at(-1) === '' && !COMPLAINT.test(stderr) };
}

function rowOf(line: string): Row | undefined {
  const [array = '', job = '', tasks = '', state = '', restarts = '', exit = '', host = '', name = '', reason, end] =
    line.split('|');
  if (reason === undefined || end !== '' || !/^\d+$/.test(array) || !/^\d+$/.test(job) || !MARKER.test(name))
    return undefined;
  return { array, tasks, state, restarts: Number(restarts) || 0, wait: waitStatusOf(exit), host, name, reason };
}
