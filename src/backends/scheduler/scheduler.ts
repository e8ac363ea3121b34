import type { Outcome, Phase, ResourceRequest, SchedulingOptions } from '../../model/index.ts';

/** One native job, or one array, as it is asked for: elements that are alike. */
export interface NativeRequest {
  /**
   * Name of the native job, unique: by it a submission is found whose answer was lost. Letters, digits, `-` and `_`, a letter
   * first, at most 15 characters (what PBS takes).
   */
  readonly marker: string;
  /** Indices of the array, ascending; one that is [0] is a single job. */
  readonly elements: readonly number[];
  /** What each element takes: cpus, memory, gpus, time, nodes, ranks. */
  readonly resources: ResourceRequest;
  readonly scheduling: SchedulingOptions;
  /** Absolute there: where the native script, its output and its log are kept. */
  readonly home: string;
  /**
   * Shell text that is run by each element; it is given `$element` (its index, set by the adapter's own lines before it from
   * SLURM_ARRAY_TASK_ID and the like) and runs in whatever directory the scheduler chose.
   */
  readonly body: string;
}

/** What a scheduler said to a submission. */
export type SubmitAnswer =
  | { readonly kind: 'accepted'; readonly id: string }
  /** `wait`: a limit or a closed door that opens again (user, QOS, array, controller): try later, charge nothing. */
  | { readonly kind: 'refused'; readonly why: string; readonly wait: boolean }
  /** Nobody knows whether it was taken: look for its marker. */
  | { readonly kind: 'unknown'; readonly why: string };

/** One native job or array element, as the scheduler tells it. */
export interface NativeJob {
  readonly marker: string;
  /** What cancels this element alone: `23_4`, `5.4`, `6[4].server`. */
  readonly id: string;
  /** Its index; 0 for a single job. */
  readonly element: number;
  /** The scheduler's own words, for people: `PENDING`, `Eqw`, `H`. */
  readonly state: string;
  readonly reason: string;
  /**
   * `waiting`: it has not begun, or will begin again (requeued); `running`: also while it is being ended; `suspended`;
   * `held`: by a user or an admin, so that it does not begin; `never`: it can never begin; `ended`: nothing of it lives.
   */
  readonly standing: 'waiting' | 'held' | 'never' | 'running' | 'suspended' | 'ended';
  /** Of what has ended or never begins, where the scheduler's word says how; undefined: only its record can say. */
  readonly outcome?: Outcome;
  /** How often the scheduler itself began it anew. */
  readonly restarts?: number;
  readonly phase?: Phase;
  readonly host?: string;
}

/** One answer to a status query: all that the scheduler knows of this user's jobs. */
export type StatusAnswer =
  /**
   * `isWhole`: who is not listed is not known to the scheduler any more. False: the answer may be partial (warnings on
   * stderr, a controller that is just starting).
   */
  | { readonly kind: 'known'; readonly jobs: readonly NativeJob[]; readonly isWhole: boolean }
  | { readonly kind: 'unknown'; readonly why: string };

/** What a tool said. */
export interface ToolOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * One kind of batch system, as text in and text out: it runs nothing, so that any transport can carry it, and so that it can be
 * tested by recorded answers. Everything it hands out is text for /bin/sh on the machine where the system's commands are.
 */
export interface Scheduler {
  /** `slurm`, `gridengine`, `pbs`. */
  readonly name: string;
  /** The most elements of one array, and the largest index of one, where the site has not said otherwise. */
  readonly maxArraySize: number;
  readonly maxArrayIndex: number;
  /** The first index an array may have: 0, or 1 where the system counts from 1. */
  readonly firstElement: number;
  /** The whole native script: directives, then the lines that set `element`, then the body. Also what people are shown. */
  script(request: NativeRequest): string;
  /** Submits the script that lies at `path`. */
  submit(request: NativeRequest, path: string): string;
  readSubmit(output: ToolOutput): SubmitAnswer;
  /** Asks for everything this user has, in one command, however many there are; ended ones too where the system keeps them. */
  status(): string;
  readStatus(output: ToolOutput): StatusAnswer;
  /**
   * Asks the accounting for jobs that `status` doesn't list any more; undefined where it has none. `ids` are native ids of
   * arrays or jobs, so many at a time that a command line holds them.
   */
  history?(ids: readonly string[]): string;
  readHistory?(output: ToolOutput): StatusAnswer;
  /** Ends these (ids of `NativeJob`): politely first, as the system does it. */
  cancel(ids: readonly string[]): string;
  hold?(ids: readonly string[]): string;
  release?(ids: readonly string[]): string;
  /** Prints what the target is (version, limits, partitions), for people: `heddle doctor`. */
  describe(): string;
  readDescribe(output: ToolOutput): SchedulerFacts;
}

/** What a scheduler says of itself and its site. */
export interface SchedulerFacts {
  readonly version: string;
  readonly maxArraySize?: number;
  /** Lines for people: partitions or queues with their state and limits; whether accounting answers. */
  readonly notes: readonly string[];
  /** What is missing or wrong, each with its mend. */
  readonly problems: readonly string[];
}
