import type { Clock } from './clock.ts';
import type { ContainerSpec, NoContainer } from './container.ts';
import type { AttemptId, JobId, RunId, SubmissionId } from './ids.ts';
import type { Logger } from './logger.ts';
import type { Outcome, SerializedError } from './outcome.ts';
import type { Grant, Place, ResourceRequest } from './resources.ts';
import type { SchedulingOptions } from './scheduling.ts';
import type { Phase } from './status.ts';
import type { Redactor } from './redactor.ts';
import type { ResolvedWork } from './task.ts';

/** Everything a backend needs to make one attempt. */
export interface AttemptOrder {
  readonly attempt: AttemptId;
  /** Ordinal of the attempt in its job, from 1. */
  readonly fence: number;
  readonly run: RunId;
  readonly job: JobId;
  /** Index of the job in its run. */
  readonly index: number;
  readonly work: ResolvedWork;
  readonly grant: Grant;
  /** What was asked for, where that says more than the grant, which also has what was raised since (`timeMs`, `memoryBytes`). */
  readonly request?: ResourceRequest;
  readonly scheduling?: SchedulingOptions;
  readonly container?: ContainerSpec | NoContainer;
  readonly limits: AttemptLimits;
  /** The attempt's own directory, absolute; the backend makes it when it needs one. Empty when the engine has none. */
  readonly directory: string;
  /** Which submission it travels in, and at which index. */
  readonly submission: SubmissionId;
  readonly element: number;
  /**
   * Variables of a command whose values are secret: to be handed to its process, in no argument and no file that stays.
   * Only for a backend that says it can (`BackendCapabilities.secrets`).
   */
  readonly secretEnvironment?: Readonly<Record<string, string>>;
  /** Takes secrets out of what is captured; absent: there are none. What is reported is redacted by whoever hears of it. */
  readonly redactor?: Redactor;
}

export interface AttemptLimits {
  readonly graceMs: number;
  /** The core watches the time too; a backend that can enforce it where the work is does so. */
  readonly runMs?: number;
  /** Captured output a stream, then truncated with a mark. */
  readonly outputBytes: number;
}

/** Why an attempt was not started. */
export interface Refusal {
  /** Another try may help. */
  readonly retryable: boolean;
  readonly why: string;
  /** What the attempt's error says, where that is more than `why`. */
  readonly error?: SerializedError;
}

/** What became of the wish to start an attempt. */
export type LaunchAnswer =
  /** The handle finds it again (a pid and start time, a native job id); empty where none is needed. */
  | { readonly kind: 'accepted'; readonly handle: string }
  /** It has not started and never will under this order. */
  | ({ readonly kind: 'refused' } & Refusal)
  /** Nobody knows: `recover` will be asked until it does. */
  | { readonly kind: 'unknown'; readonly why: string };

/** What the outside world was given earlier, read back from the store. */
export interface RecoverQuery {
  readonly attempt: AttemptId;
  readonly fence: number;
  readonly run: RunId;
  readonly job: JobId;
  readonly index: number;
  readonly submission: SubmissionId;
  readonly element: number;
  /** Empty when the answer to `launch` was never recorded. */
  readonly handle: string;
  readonly grant: Grant;
  readonly limits: AttemptLimits;
  readonly directory: string;
  /** The order's work, so that outputs can be checked. */
  readonly work: ResolvedWork;
  readonly container?: ContainerSpec | NoContainer;
  /** As in the order. */
  readonly redactor?: Redactor;
}

/** What a backend knows of an attempt it was asked about after a restart or a silence. */
export type RecoverAnswer =
  /** It lives; its end will be reported. */
  | {
      readonly kind: 'running';
      readonly handle?: string;
      readonly phase?: Phase;
      /** Epoch milliseconds at which the body began: deadlines count from there. */
      readonly startedAt?: number;
    }
  | { readonly kind: 'ended'; readonly outcome: Outcome; readonly startedAt?: number; readonly endedAt?: number }
  /** Fenced: it never ran, or it ran and left no record, and will not run or be published any more. */
  | {
      readonly kind: 'gone';
      readonly why: string;
      /** It is known that the body never began: nothing is charged. */
      readonly neverStarted?: boolean;
    }
  /** Its place doesn't answer. Ask again later. */
  | { readonly kind: 'unknown'; readonly why: string };

/** What whoever takes the values of a generator asks of it: those of JavaScript's own generators. */
export type StreamRequest =
  | { readonly kind: 'next'; readonly value?: unknown }
  | { readonly kind: 'return'; readonly value?: unknown }
  | { readonly kind: 'throw'; readonly error: SerializedError };

/** What a generator answers. After `done` its attempt ends, with the same value. */
export interface StreamStep {
  readonly done: boolean;
  readonly value?: unknown;
}

/** What a backend reports. Events of one attempt only move forward and end exactly once; the engine forgives repeats. */
export type BackendEvent =
  | {
      readonly kind: 'phase';
      readonly attempt: AttemptId;
      readonly phase: Phase;
      readonly at?: number;
      readonly handle?: string;
    }
  | {
      readonly kind: 'ended';
      readonly attempt: AttemptId;
      readonly outcome: Outcome;
      /** Epoch milliseconds, where the place said them. */
      readonly startedAt?: number;
      readonly endedAt?: number;
    }
  | { readonly kind: 'heartbeat'; readonly attempt: AttemptId }
  /** The attempt's place stopped answering. */
  | { readonly kind: 'unreachable'; readonly attempt: AttemptId; readonly why: string }
  /** Fenced and known dead without an end: may be given to a successor. */
  | {
      readonly kind: 'gone';
      readonly attempt: AttemptId;
      readonly why: string;
      readonly neverStarted?: boolean;
      /** Its place died under it: twice on different places, and the body is quarantined. */
      readonly placeDied?: boolean;
    }
  /**
   * The target wants its user (a password, a second factor, a host key that changed): nothing more is granted here, and who
   * waits for it is `pending (login)`, until `access` without `needs`. Attempts that are there are `unreachable` meanwhile.
   */
  | { readonly kind: 'access'; readonly needs?: LoginNeed }
  /** Capacity changed: the whole new set. */
  | { readonly kind: 'places'; readonly places: readonly Place[] };

/** Why a target can't be reached without its user, and the command that mends it. */
export interface LoginNeed {
  readonly why: string;
  /** A command line for a terminal: `ssh login.example.org`. */
  readonly mend: string;
}

/** What a backend is handed when it is opened. */
export interface BackendContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** May be called at any time, also from inside `launch`; never throws. */
  report(event: BackendEvent): void;
  /**
   * Takes what `reports` reports as one. Where nothing has to be written down first, what follows from it is decided and
   * launched before this returns, not when the event loop has turned: so it is for what an event of the loop brought
   * alone, not for promises, nor from inside `launch`. Absent: they are taken one by one.
   */
  together?(reports: () => void): void;
  /** The store's directory, absolute; empty when there is none. */
  readonly directory: string;
  /** The project's directory, absolute: where relative paths of the user's start. */
  readonly project: string;
  /** How many attempts at a time the user allows here; absent: the backend decides from the machine. */
  readonly slots?: number;
  /** GPU indices of this machine that the user names, instead of what the backend finds. */
  readonly gpus?: readonly number[];
}

export interface BackendCapabilities {
  readonly commands: boolean;
  readonly calls: boolean;
  /** Attempts outlive the engine and can be found again. */
  readonly recoverable: boolean;
  /** A batch travels as one submission (an array); else each attempt is its own. */
  readonly batches: boolean;
  /** Nothing leaves the process, so there is nothing to look for after a crash. */
  readonly local: boolean;
  /** What it accepts runs from then on: the clocks of a body start at once, and the phase `active` may be told later. */
  readonly immediate?: boolean;
  /**
   * Which of its places with room is granted first: the one with the largest part free, or the one granted least often.
   * @default the fullest that has room
   */
  readonly spread?: 'least-loaded' | 'round-robin';
  /**
   * It can be trusted with secrets: `AttemptOrder.secretEnvironment` reaches the process and nothing else, the arguments and
   * environment of a call are written to no file. `commands`: with those of commands only. @default false: work with secrets is refused
   */
  readonly secrets?: boolean | 'commands';
}

/** A live attempt and the process from which everything that belongs to it can be found. */
export interface AttemptProcess {
  readonly run: RunId;
  /** Index of the job in its run. */
  readonly index: number;
  readonly fence: number;
  readonly attempt: AttemptId;
  /** Leads the session (or is the parent) of all the attempt's processes. */
  readonly pid: number;
  /** Whether that process itself does the attempt's work; false for a launcher, which only waits. */
  readonly isMember: boolean;
}

/**
 * A place and a way to run attempts. A failing task is an outcome; a backend throws only when
 * it is itself broken. After `cancel` the end is reported as any other end, once nothing of the attempt lives.
 */
export interface Backend extends AsyncDisposable {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  /** Called once, before anything else. */
  open(context: BackendContext): Promise<readonly Place[]>;
  /** One answer an order, in order. All are of one submission when `batches`. */
  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] | Promise<readonly LaunchAnswer[]>;
  /** Asks politely, then after `graceMs` by force. Of an attempt that is not there: nothing. */
  cancel(attempt: AttemptId, graceMs: number): void;
  /**
   * One answer a query, in order. `running` adopts: the end will be reported. After a minute without an answer its
   * attempts count as unknown and are asked after again; one that comes later is taken all the same.
   */
  recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]>;
  /** The ends of these are committed: records kept for them may go. */
  release(attempts: readonly AttemptId[]): void;
  /**
   * Asks the generator of a live attempt (phase `streaming`) for its next value; requests are answered in order.
   * Rejects with a `HeddleError` STREAM_ENDED when the attempt ends, has ended or never was a generator's.
   */
  pull?(attempt: AttemptId, request: StreamRequest): Promise<StreamStep>;
  /**
   * Takes back what was sent ahead (`Grant.ahead`) and has not started: such an attempt is reported `gone`,
   * `neverStarted`. Of one that has started, or could not be taken back: nothing.
   */
  recall?(attempts: readonly AttemptId[]): void;
  /** Changes how many attempts it takes at a time; reports its new `places`. What runs goes on. */
  resize?(slots: number): void;
  /** Live attempts that have a process on this machine, for whoever measures what they use. */
  processes?(): Iterable<AttemptProcess>;
}
