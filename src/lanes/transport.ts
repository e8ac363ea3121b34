import type { Outcome } from '../model/index.ts';
import type { ProcessIdentity, ProcessTable } from '../process/index.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

/** How a worker came to its end, and what that means for the call it was in. */
export interface LaneEnd {
  /** For people: `thread ended by itself (exit code 3)`. */
  readonly why: string;
  /** What its call is told to have ended by, when nobody asked for the lane's end. */
  readonly outcome: Outcome;
}

/**
 * How far a call had come when its worker ended: `sent`: it had not begun; `begun`: it was in the midst of it; `ended`:
 * it was over, and word of how was lost.
 */
export type CallFate = 'sent' | 'begun' | 'ended';

/** What a transport tells of its worker. Nothing is told after `ended`, which comes once, when nothing of it lives. */
export interface TransportListener {
  heard(messages: readonly FromWorker[]): void;
  /** What was written past the protocol: by native code, or by processes that a body started. */
  wrote(stream: 'stdout' | 'stderr', chunk: Uint8Array): void;
  ended(end: LaneEnd): void;
}

/** The way to one worker. It begins to start when it is made; what is sent before it listens waits for it. */
export interface Transport {
  /** The process it has for itself; undefined for threads, and for what runs elsewhere. */
  readonly identity: ProcessIdentity | undefined;
  send(messages: readonly ToWorker[]): void;
  /** A slot for one more call, to be sent under it; -1 while none is to be had: what was taken back is still in the way. */
  takeSlot(): number;
  /** The call under this slot has ended. */
  free(slot: number): void;
  /**
   * Takes back calls that have not been claimed. Answers once, possibly at once: true for each that will never
   * start, false for one that has, or of which nobody can say. When the worker ends, before `ended`.
   */
  recall(slots: readonly number[], answer: (taken: readonly boolean[]) => void): void;
  /** After the worker's end: what became of the call under this slot. */
  fateOf(slot: number): CallFate;
  /**
   * Memory it holds now, in bytes; undefined when nobody can say. Of a process: what it and its children have resident,
   * less what it had when it was given its first call.
   */
  heldBytes(table: () => ProcessTable): Promise<number | undefined>;
  /** Ends it by force, children of its calls too; `ended` follows. */
  terminate(): void;
  /** Whether it holds this process alive. */
  hold(isHeld: boolean): void;
}

/** What a worker is to be like. Lanes that differ in it do not stand in for each other. */
export interface LaneShape {
  /** Limit of its JavaScript heap, and of all that it holds. */
  readonly memoryBytes?: number | undefined;
}

/** Starts a worker. Throws when none can be had. */
export type OpenTransport = (shape: LaneShape, listener: TransportListener) => Transport;
