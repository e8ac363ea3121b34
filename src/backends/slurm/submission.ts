import type { SubmitAnswer, ToolOutput } from '../scheduler/index.ts';

/**
 * No word about the job: the question or the answer was lost on its way, and the job may be there. What sbatch says when it
 * could not even connect is not among these: nobody has heard of the job then.
 */
const LOST =
  /Socket timed out|Zero Bytes were transmitted|Connection (?:reset|timed out)|Transport endpoint|Insane message|Unexpected message|Message receive failure|receive error|Broken pipe|Header lengths|Incomplete|Invalid job id/i;

/**
 * Doors that open again: limits on how many jobs a user, an account or the cluster has at a time, a controller that is busy,
 * starts or is not there, a partition that is closed for now, a munge that is being restarted, a full disk of the controller's.
 */
const WAITS: readonly RegExp[] = [
  /(?:QOS|Assoc)(?:Grp|Max)\w*(?:Submit|Jobs)\w*/i,
  /Resource temporarily unavailable|temporarily unable to accept job/i,
  /Unable to contact slurm controller|Connection refused|No route to host|in standby mode|connect failure/i,
  /controller (?:is )?(?:busy|not responding|down|initializing)|slurmctld (?:is )?(?:busy|down)/i,
  /rate limit|too many (?:requests|pending|jobs)|try again|job (?:count|queue) (?:limit|is full)/i,
  /Required partition not available|Required node not available|partition (?:is )?(?:down|inactive|drain)/i,
  /submission.*(?:disabled|closed)|maintenance/i,
  /Munge (?:encode|decode)|munged|credential|Protocol authentication/i,
  /writing job script|I\/O error writing|No space left on device|Disk quota exceeded/i,
];

/** Says nothing but that some limit of accounting's holds; a line before it may name the limit. */
const SOME_LIMIT = /Job violates accounting\/QOS policy|Job violates accounting policy/i;
const A_JOB_S_OWN_LIMIT =
  /\b(?:QOS|Assoc)\w*(?:PerJob|PerNode|WallDuration|TimeLimit|Min)\w*|\b(?:QOS|Association)TimeLimit\b/i;

/** The program itself was not there, or was not to be run. */
const NO_PROGRAM = new Set([126, 127]);

export function readSubmission({ code, stdout, stderr }: ToolOutput): SubmitAnswer {
  // The cluster's name stands behind the id where there are several.
  const id = /^(\d+)(?:;[^\n]*)?$/m.exec(stdout.trim())?.[1];
  const why = toldBy(stderr) || `sbatch exited with ${code}`;
  if (code === 0)
    return id === undefined ? { kind: 'unknown', why: `sbatch told no id: ${why}` } : { kind: 'accepted', id };
  if (NO_PROGRAM.has(code)) return { kind: 'refused', why, wait: false };
  // Ended from outside, by a signal (128 and more) or by a wrapper's own limit (124 by timeout), it may have asked already.
  if (code === 124 || (code > 128 && code < 255) || LOST.test(stderr)) return { kind: 'unknown', why };
  if (WAITS.some((door) => door.test(stderr))) return { kind: 'refused', why, wait: true };
  if (SOME_LIMIT.test(stderr)) return { kind: 'refused', why, wait: !A_JOB_S_OWN_LIMIT.test(stderr) };
  return stderr.trim() === '' ? { kind: 'unknown', why } : { kind: 'refused', why, wait: false };
}

/** What sbatch said, in one line and without its own name. */
function toldBy(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.replace(/^sbatch: (?:error: |fatal: )?/, '').trim());
  return lines
    .filter((line) => line !== '')
    .join('; ')
    .slice(0, 500);
}
