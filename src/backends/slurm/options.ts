/** What a site's Slurm wants otherwise. */
export interface SlurmOptions {
  /** Where Slurm's commands are, when they are not in PATH over there: `/opt/slurm/bin`. */
  readonly bin?: string;
  /** Shell text before each of our commands over there: `module load slurm`. What it prints is not read. */
  readonly setup?: string;
  /**
   * What a job finds in its environment beside Slurm's own. `clean`: HOME, USER, LOGNAME, SHELL and a plain PATH, nothing of
   * whoever submits it. `login`: what the user's login shell makes of it, which Slurm asks for on the node for each job and
   * holds the job when it gets no answer. @default 'clean'
   */
  readonly environment?: 'clean' | 'login';
  /** How GPUs are called in `--gres`: `gpu:a100`. @default 'gpu' */
  readonly gres?: string;
  /** How long a job may run that doesn't say it, in milliseconds: one without a limit blocks those behind it. @default 1 hour */
  readonly timeMs?: number;
  /** The site's MaxArraySize. @default 1001, Slurm's own */
  readonly maxArraySize?: number;
  /**
   * Where jobs are in no cgroups: so long work may take that is told to end, then all of it is killed. Less than the site's
   * KillWait, after which Slurm kills whom it finds and nothing can be written down any more. @default 20
   */
  readonly graceSeconds?: number;
  /** False: there is no accounting, so nobody asks it. @default true: it is asked, and believed when it answers */
  readonly accounting?: boolean;
}

export const DEFAULT_TIME_MS = 3_600_000;
/** Slurm's own KillWait is 30. */
export const DEFAULT_GRACE_SECONDS = 20;
/** Slurm's default of MaxArraySize: indices go up to one less. */
export const DEFAULT_MAX_ARRAY_SIZE = 1001;
