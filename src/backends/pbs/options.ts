/** What differs between sites of PBS. */
export interface PbsOptions {
  /** Where the commands are, when they are not in PATH over there: `/opt/pbs/bin`. */
  readonly bin?: string;
  /** Shell text before each command over there: `. /etc/pbs.sh`. */
  readonly setup?: string;
  /** The resource of devices. @default 'ngpus' */
  readonly gpuResource?: string;
  /** What `account` is: the text of the accounting (`-A`) or the project (`-P`). @default 'account' */
  readonly accountAs?: 'account' | 'project';
  /**
   * How long an attempt that is told to end may take: what is left then is killed. Less than the server's `kill_delay`, after
   * which PBS does that itself and nothing can be written down any more. @default 8
   */
  readonly graceSeconds?: number;
  /** The server's or the queue's `max_array_size`. @default 10000, PBS's own */
  readonly maxArraySize?: number;
}
