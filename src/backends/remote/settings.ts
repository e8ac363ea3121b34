import type { SchedulingOptions } from '../../model/index.ts';

/** What is known of a target beside how it is reached. */
export interface RemoteSettings {
  /** Jobs of ours that it has at a time, waiting ones too; each element of an array counts. @default no limit */
  readonly maxJobs?: number;
  /** @default no limit */
  readonly submitPerSecond?: number;
  /** The most elements of one array, where that is less than the system allows. */
  readonly maxArray?: number;
  /**
   * Between two questions to the system, in milliseconds: the shortest there may be, and the longest while nothing changes.
   * @default { floor: 2000, ceiling: 15000 }
   */
  readonly pollMs?: PollInterval;
  /** Holds where a task is silent; options are added up. */
  readonly scheduling?: SchedulingOptions;
  /** Variables of every command; a command's own go before them. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long a task that says nothing may run, in milliseconds. */
  readonly timeMs?: number;
  /** The most cpus and GPUs that are asked for at a time, over all jobs. @default a million cpus, 64 GPUs */
  readonly cpus?: number;
  readonly gpus?: number;
  /**
   * The project's directory over there. @default the same as here where files are shared; else a directory of ours, into which
   * the project's `bin/` is brought.
   */
  readonly project?: string;
  /** Work directories over there stay when their results are here. @default false */
  readonly keep?: boolean;
  /** So long a submission whose answer was lost may still arrive, in milliseconds. @default 10000 */
  readonly settleMs?: number;
  /** Between two tries to log in, while the target wants its user, in milliseconds. @default 30000 */
  readonly loginRetryMs?: number;
}

export interface PollInterval {
  readonly floor: number;
  readonly ceiling: number;
}

export const DEFAULT_POLL: PollInterval = { floor: 2000, ceiling: 15_000 };
/** A machine is asked by one process of its own shell. */
export const DEFAULT_HOST_POLL: PollInterval = { floor: 500, ceiling: 5000 };
export const DEFAULT_SETTLE_MS = 10_000;
export const DEFAULT_LOGIN_RETRY_MS = 30_000;
/** A batch system counts for itself; the engine needs a number. */
export const DEFAULT_CPUS = 1_000_000;
export const DEFAULT_GPUS = 64;
