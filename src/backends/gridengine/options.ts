/** What differs between sites of Grid Engine. */
export interface GridEngineOptions {
  /** Where the commands are, when they are not in PATH over there: `/opt/sge/bin/lx-amd64`. */
  readonly bin?: string;
  /**
   * Shell text that makes the commands known over there, where the shell that is met does not know them:
   * `. /opt/sge/default/common/settings.sh`.
   */
  readonly setup?: string;
  /** The parallel environment that gives several slots on one machine. @default 'smp' */
  readonly parallelEnvironment?: string;
  /** The one for several machines; its allocation rule says how many. @default 'mpi' */
  readonly mpiEnvironment?: string;
  /**
   * The resource that memory is asked of: `mem_free`, `h_rss`, `h_vmem`. The last one limits the address space, not what is
   * used: some programs can't start below 1 GB of it, Node among them. @default none: nothing is asked for
   */
  readonly memoryResource?: string;
  /** Whether that resource is booked for each slot, as consumables are; else it is asked for as a whole. @default true */
  readonly memoryPerSlot?: boolean;
  /** The resource of devices. @default 'gpu' */
  readonly gpuResource?: string;
  /** What `account` is: the project (`-P`) or the text of the accounting (`-A`). @default 'project' */
  readonly accountAs?: 'project' | 'account';
  /**
   * How long an attempt that is told to end may take, where the queue's `notify` gives it as long: what is left then is killed.
   * @default 10
   */
  readonly graceSeconds?: number;
}
