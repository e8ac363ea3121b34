import type { FailedCause } from './status.ts';
import type { Value } from './value.ts';

/** An error as data: what is left of it when it has crossed a process or a disk. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  /** What to do about it, where the error says so. */
  readonly hint?: string;
  readonly stack?: string;
  readonly cause?: SerializedError;
  /** Of an `AggregateError`: those it gathers. */
  readonly errors?: readonly SerializedError[];
}

/** What an attempt used, where the operating system or the scheduler said it. */
export interface Usage {
  readonly maxRssBytes?: number;
  readonly userSeconds?: number;
  readonly systemSeconds?: number;
}

/** Which deadline passed. `queue` ends a job that never had an attempt. */
export type TimeoutKind = 'queue' | 'start' | 'run' | 'heartbeat';

/** Who or what ended an attempt that was cancelled. `shutdown` charges nothing and is no end of the job. */
export type CancelCause = 'user' | 'upstream' | 'run-abort' | 'shutdown';

/** How an attempt ended. A failing task is a value here; only a broken backend throws. */
export type Outcome =
  | { readonly kind: 'ok'; readonly value?: Value; readonly usage?: Usage }
  | { readonly kind: 'error'; readonly error: SerializedError; readonly usage?: Usage }
  | { readonly kind: 'exit'; readonly code: number; readonly stderr?: string; readonly usage?: Usage }
  | { readonly kind: 'signal'; readonly signal: string; readonly stderr?: string; readonly usage?: Usage }
  | { readonly kind: 'timeout'; readonly timeout: TimeoutKind; readonly usage?: Usage }
  | { readonly kind: 'memory'; readonly note?: string; readonly usage?: Usage }
  | { readonly kind: 'cancelled'; readonly by: CancelCause; readonly usage?: Usage }
  /** `placeDied`: it took its place down with it; a body that does so on two places is quarantined. */
  | { readonly kind: 'lost'; readonly why: string; readonly placeDied?: true; readonly usage?: Usage }
  | { readonly kind: 'preempted'; readonly why?: string; readonly usage?: Usage }
  | {
      readonly kind: 'output-missing';
      readonly missing: readonly string[];
      readonly note?: string;
      readonly usage?: Usage;
    };

export type OutcomeKind = Outcome['kind'];

/** The cause a job carries when it fails by this outcome; undefined for `ok` and `cancelled`. */
export function causeOf(outcome: Outcome): FailedCause | undefined {
  return outcome.kind === 'ok' || outcome.kind === 'cancelled' ? undefined : outcome.kind;
}

/** What went wrong with an attempt, in the words people sort failures by. */
export type FailureClass =
  | 'user error'
  | 'exit'
  | 'signal'
  | 'out of memory'
  | 'time limit'
  | 'lost infrastructure'
  | 'preempted'
  | 'missing output';

/** Codes of errors that are not the work's own: what it was to run on did not do. */
const NOT_ITS_OWN: ReadonlySet<string> = new Set(['BACKEND_UNAVAILABLE', 'BACKEND_BROKEN', 'IMAGE_UNAVAILABLE']);

/** The class of a failure; undefined for what ended well or was cancelled. */
export function classOf(outcome: Outcome): FailureClass | undefined {
  switch (outcome.kind) {
    case 'ok':
    case 'cancelled':
      return undefined;
    case 'error':
      return NOT_ITS_OWN.has(outcome.error.code ?? '') ? 'lost infrastructure' : 'user error';
    case 'memory':
      return 'out of memory';
    case 'timeout':
      return 'time limit';
    case 'lost':
      return 'lost infrastructure';
    case 'output-missing':
      return 'missing output';
    case 'exit':
    case 'signal':
    case 'preempted':
      return outcome.kind;
  }
}

/** What a shell means by the two it gives itself (POSIX, exit status for commands). */
const SHELLS_OWN: Readonly<Record<number, string>> = {
  126: ' (a program that is not executable)',
  127: ' (a program that is not there: commands work in a directory of their own)',
};

/** Says in one line how an attempt ended, for people. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'ok':
      return 'ended well';
    case 'error':
      return `${outcome.error.name}: ${outcome.error.message}`;
    case 'exit':
      return `exit code ${outcome.code}${SHELLS_OWN[outcome.code] ?? ''}`;
    case 'signal':
      return `killed by ${outcome.signal}`;
    case 'timeout':
      return `${outcome.timeout} timeout passed`;
    case 'memory':
      return outcome.note ?? 'out of memory';
    case 'cancelled':
      return `cancelled (${outcome.by})`;
    case 'lost':
      return `lost: ${outcome.why}`;
    case 'preempted':
      return outcome.why ?? 'preempted';
    case 'output-missing':
      return `declared output missing: ${outcome.missing.join(', ')}`;
  }
}
