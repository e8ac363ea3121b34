import type { AttemptId, CallManner, CallReference, Outcome, SerializedError, StreamRequest } from '../model/index.ts';

/**
 * What an engine and a worker say to each other, whatever carries it: a message port, fork IPC or framed stdio. What is sent at
 * a time is a list of messages, in order. Fields may be added, never renamed.
 */

/** Raised when a word changes its meaning: a worker of another protocol is refused. */
export const LANE_PROTOCOL = 1;

/** What a worker is to call. */
export interface LaneCall extends CallManner {
  readonly reference: CallReference;
  readonly args: readonly unknown[];
  readonly run: string;
  readonly job: string;
  /** The attempt's own directory, absolute; made by whoever needs it first. */
  readonly directory: string;
  /** Declared environment; in a child process it is `process.env` while the call runs, in a thread a copy of its own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Indices of the devices it was granted. */
  readonly gpus?: readonly number[];
}

export interface LaneLimits {
  readonly graceMs: number;
  /** Captured output a stream, then truncated with a mark. */
  readonly outputBytes: number;
  /** A result larger than this is an error. */
  readonly valueBytes: number;
}

/** Engine to worker. */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly attempt: AttemptId;
      readonly fence: number;
      readonly call: LaneCall;
      readonly limits: LaneLimits;
      /** Its place in the shared words of the lane; what is not marked `claimed` there can be taken back. */
      readonly slot: number;
      /** Calls of this function have been short: `started` may wait for its end. */
      readonly short?: true;
    }
  /** Asks the call's signal; after the grace the lane itself is ended by its host. */
  | { readonly kind: 'cancel'; readonly attempt: AttemptId; readonly graceMs: number }
  | { readonly kind: 'next'; readonly attempt: AttemptId; readonly request: StreamRequest }
  /** Ends what it does, takes no more, says `bye`. */
  | { readonly kind: 'stop' };

/** Worker to engine. Output precedes the end of its attempt. */
export type FromWorker =
  | {
      readonly kind: 'hello';
      readonly protocol: number;
      readonly node: string;
      readonly pid: number;
      /** Calls it takes at a time. */
      readonly slots: number;
    }
  | { readonly kind: 'started'; readonly attempt: AttemptId; readonly at: number }
  | {
      readonly kind: 'output';
      readonly attempt: AttemptId;
      readonly stream: 'stdout' | 'stderr';
      readonly chunk: Uint8Array;
    }
  | { readonly kind: 'progress'; readonly attempt: AttemptId; readonly fraction?: number; readonly note?: string }
  /** The generator exists and waits for `next`. */
  | { readonly kind: 'streaming'; readonly attempt: AttemptId }
  | { readonly kind: 'yielded'; readonly attempt: AttemptId; readonly value: unknown; readonly done: boolean }
  | { readonly kind: 'heartbeat'; readonly attempt: AttemptId }
  | { readonly kind: 'ended'; readonly attempt: AttemptId; readonly fence: number; readonly outcome: LaneOutcome }
  | { readonly kind: 'bye' };

/** How a call ended in its worker. `value` is encoded there, so that the engine's loop copies bytes and nothing more. */
export type LaneOutcome = (
  | Extract<Outcome, { kind: 'ok' | 'cancelled' }>
  | { readonly kind: 'error'; readonly error: SerializedError }
) & {
  readonly startedAt: number;
  readonly endedAt: number;
};

/** States of a slot in a lane's shared words (an Int32 each): sent by the host, claimed and ended by the worker, or taken back by the host. */
export const SLOT_FREE = 0;
export const SLOT_SENT = 1;
export const SLOT_CLAIMED = 2;
export const SLOT_RECALLED = 3;
/** Ended by the worker, whatever becomes of the word of it. */
export const SLOT_ENDED = 4;

/** Two words a thread shares with its host: how many lists were sent to it, and 1 while it sleeps until the next one. */
export const SENT = 0;
export const IS_ASLEEP = 1;
