import type { BytesInput, ContainerInput, DurationInput } from '../model/index.ts';

/** A machine reached by the user's own OpenSSH: jump hosts, agents, keys and names are those of its configuration. */
export interface SshInput {
  /** As on the command line of ssh: a name of `~/.ssh/config`, or `user@host`. */
  readonly ssh: string;
  /** Another configuration file than `~/.ssh/config` (`ssh -F`); relative to the file that names it. */
  readonly config?: string;
}

/** One of several machines of a target without a batch system. */
export interface HostInput extends SshInput {
  /** Of these, attempts may take so many. @default what the machine has */
  readonly cpus?: number;
  readonly memory?: BytesInput;
  /** Attempts at a time there. @default as many as its cpus hold */
  readonly slots?: number;
}

/** How often a batch system is asked how its jobs are, all at once. */
export interface PollInput {
  /** Never oftener, however busy. The site's floor. @default '2s' */
  readonly min?: DurationInput;
  /** At least so often while anything is there. @default '30s' */
  readonly max?: DurationInput;
}

/** Resources held on a target, in which many attempts run: one native job a piece, and an agent of ours in each. */
export interface AllocationInput {
  /** Machines of one allocation. @default 1 */
  readonly nodes?: number;
  /** How long one is asked for. */
  readonly time: DurationInput;
  /** Cpus of each machine that attempts may take. @default what the machine gives the job */
  readonly workers?: number;
  /** So many are kept while there is work. @default 0 */
  readonly min?: number;
  /** Never more at a time. @default 1 */
  readonly max?: number;
  /** An agent without work leaves after this. @default '1m' */
  readonly idle?: DurationInput;
}

/** A target: a way to machines, and what hands them out there. */
export interface TargetInput {
  /** @default 'local' */
  readonly transport?: 'local' | SshInput;
  /** Several machines without a batch system, instead of `transport`; a text is the name ssh knows it by. */
  readonly hosts?: readonly (string | HostInput)[];
  /** Which of several machines is taken. @default 'least-loaded' */
  readonly balance?: 'least-loaded' | 'round-robin';
  /** @default 'none' */
  readonly scheduler?: 'none' | 'slurm' | 'gridengine' | 'pbs';
  /** Directory there for all of ours, where files are not shared. @default '~/.heddle' */
  readonly root?: string;
  /** Files here are files there, at the same paths: nothing is copied. @default true for 'local', false over ssh */
  readonly sharedFiles?: boolean;
  /** Where the project lies there, if it does: what `${project}` means, its `bin/` on PATH. */
  readonly project?: string;
  /** What commands run in that say nothing themselves. */
  readonly container?: ContainerInput;
  /** Variables of every command there, below what tasks declare. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Queue or partition. */
  readonly queue?: string;
  readonly account?: string;
  readonly qos?: string;
  /** Directives of the batch system's own, as they stand: `--constraint=gpu80`. */
  readonly options?: readonly string[];
  /** What a task without `resources.time` is given. @default '1h' */
  readonly time?: DurationInput;
  /** Native jobs of ours at a time, arrays counted by element. @default 1000 */
  readonly maxJobs?: number;
  /** Elements of one array. @default what the site says */
  readonly maxArray?: number;
  /** Submissions a second at most. @default 5 */
  readonly submitPerSecond?: number;
  readonly poll?: PollInput;
  /** Where the batch system's commands are, when they are not on PATH there: `/opt/slurm/bin`. */
  readonly bin?: string;
  /** Shell text before the batch system's commands, where these are known only after it: `. /opt/sge/default/common/settings.sh`. */
  readonly setup?: string;
  /** Of Slurm: how GPUs are called: `gpu:a100`. @default 'gpu' */
  readonly gres?: string;
  /** Of Grid Engine: the resource that memory is asked of: `h_vmem`, `mem_free`. @default none is asked */
  readonly memoryResource?: string;
  /** Of Grid Engine: the parallel environment for several cpus. @default 'smp' */
  readonly parallelEnvironment?: string;
  readonly allocation?: AllocationInput;
}

/** What a profile may say: all that a configuration may, but for profiles. */
export interface ProfileInput {
  /** Where tasks run that name no backend, and no `--backend` was given. */
  readonly backend?: string;
  /** Targets by the names that `--backend` and `backend:` take. */
  readonly backends?: Readonly<Record<string, TargetInput>>;
  /** Attempts at a time on this machine. */
  readonly jobs?: number;
}

export interface ConfigInput extends ProfileInput {
  /** By name: what `--profile NAME` lays over the rest, field by field. */
  readonly profiles?: Readonly<Record<string, ProfileInput>>;
  /** The profile that holds where none is named. */
  readonly profile?: string;
}

/**
 * The configuration of a project, in `heddle.config.ts` (or .js, .mjs, .yaml) beside its `package.json`.
 *
 * @example
 * export default defineConfig({
 *   backends: {
 *     cluster: { transport: { ssh: 'login.example.org' }, scheduler: 'slurm', queue: 'long', account: 'physics' },
 *   },
 *   profiles: { night: { backend: 'cluster' } },
 * });
 */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}
