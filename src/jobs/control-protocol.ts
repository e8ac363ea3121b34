import type { RetryChanges } from '../engine/index.ts';
import { asRunId, ERROR_CODES, type ErrorCode, type EngineEvent, HeddleError, type RunId } from '../model/index.ts';

/** What may be asked of an owner. */
export const CONTROL_OPS = [
  'view',
  'job',
  'why',
  'running',
  'stuck',
  'cancel',
  'pause',
  'unpause',
  'hold',
  'release',
  'retry',
  'rerun',
  'events',
  'read',
] as const;
export type ControlOp = (typeof CONTROL_OPS)[number];

/** A line longer than this ends the conversation: nothing that is meant needs it. */
export const MAX_LINE_CHARS: number = 1024 * 1024;
/** A client that has left so much unread is cut off, so that it cannot fill the owner's memory. */
export const MAX_BACKLOG_BYTES: number = 8 * 1024 * 1024;

/** One line from a client. */
export interface ControlRequest {
  /** Chosen by the client; comes back with every answer. */
  readonly id: number;
  readonly op: ControlOp;
  readonly run: RunId;
  readonly jobs?: readonly string[];
  readonly changes?: RetryChanges;
  /** Of `events`: only those after this sequence number. */
  readonly after?: number;
  /** Of `read`: a reading method of the store, and its arguments. */
  readonly method?: string;
  readonly args?: readonly unknown[];
}

/**
 * One line from the owner. `events` is answered by any number of `events` and one `end`; `read` by pieces of what v8
 * makes of the value, in base64, and one `end`.
 */
export type ControlReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly events: readonly EngineEvent[] }
  | { readonly id: number; readonly piece: string }
  | { readonly id: number; readonly end: true }
  | { readonly id: number; readonly error: WireError };

/** A `HeddleError` as data. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** Reads one line. @throws {HeddleError} INPUT_INVALID */
export function parseRequest(line: string): ControlRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new HeddleError('INPUT_INVALID', 'a request is one line of JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw new HeddleError('INPUT_INVALID', 'a request is a JSON object');
  const { id, op, run, jobs, changes, after, method, args } = value as Record<string, unknown>;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) throw invalid('id', 'an integer');
  const known = CONTROL_OPS.find((name) => name === op);
  if (known === undefined) throw invalid('op', `one of ${CONTROL_OPS.join(', ')}`);
  if (typeof run !== 'string') throw invalid('run', 'a run id');
  if (jobs !== undefined && !isTexts(jobs)) throw invalid('jobs', 'a list of job ids');
  if (changes !== undefined && (typeof changes !== 'object' || changes === null)) throw invalid('changes', 'an object');
  if (method !== undefined && typeof method !== 'string') throw invalid('method', 'a name');
  if (args !== undefined && !Array.isArray(args)) throw invalid('args', 'a list');
  if (after !== undefined && typeof after !== 'number') throw invalid('after', 'a number');
  return {
    id,
    op: known,
    run: asRunId(run),
    ...(jobs === undefined ? {} : { jobs }),
    ...(changes === undefined ? {} : { changes: changes as RetryChanges }),
    ...(after === undefined ? {} : { after }),
    ...(method === undefined ? {} : { method }),
    ...(args === undefined ? {} : { args: args as readonly unknown[] }),
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function invalid(field: string, wanted: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `'${field}' of a request is ${wanted}`);
}

/** Turns what was thrown into data. What is no `HeddleError` is a fault of the owner's. */
export function toWireError(thrown: unknown): WireError {
  if (HeddleError.is(thrown)) {
    const { code, message, hint } = thrown;
    return hint === undefined ? { code, message } : { code, message, hint };
  }
  return { code: 'ENGINE_BROKEN', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** Turns it back. An unknown code comes from a newer owner and counts as its fault. */
export function fromWireError(error: WireError): HeddleError {
  const code = Object.hasOwn(ERROR_CODES, error.code) ? error.code : 'ENGINE_BROKEN';
  return new HeddleError(code, error.message, error.hint === undefined ? {} : { hint: error.hint });
}
