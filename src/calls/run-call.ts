import {
  type CallManner,
  type CallReference,
  formatBytes,
  HeddleError,
  isLargerThan,
  type Outcome,
  type StreamRequest,
  type StreamStep,
  type Value,
} from '../model/lane-face.ts';
import { type CallContext, withinCall } from './context.ts';
import { encodeValue } from './encode-value.ts';
import { serializeError } from './error-data.ts';
import { gather, isGenerator, RequestQueue, serve } from './generators.ts';
import { type Callable, type LoadOptions, loadFunction } from './load.ts';

/** A function and what it is called with. */
export interface Call extends Pick<CallManner, 'stream'> {
  readonly reference: CallReference;
  readonly args: readonly unknown[];
}

export interface CallOptions extends LoadOptions {
  /** Where the call finds itself; aborting it cancels the call. */
  readonly context: CallContext;
  /** A value larger than this is an error. */
  readonly valueBytes: number;
  /** A generator is there and waits for requests, which are answered in order by `stepped`; for calls with `stream`. */
  streaming?(request: (request: StreamRequest) => void): void;
  /** What the generator answered. After `done` the call ends. */
  stepped?(step: StreamStep): void;
}

/** How a call ends where it runs. */
export type CallOutcome = Extract<Outcome, { kind: 'ok' | 'error' | 'cancelled' }>;

const OK: CallOutcome = { kind: 'ok' };
const CANCELLED: CallOutcome = { kind: 'cancelled', by: 'user' };

/**
 * Makes a call and says how it ended: at once for functions that are known and not asynchronous, else by a promise,
 * which never rejects. A generator is driven by requests with `stream`, else what it yields is gathered into a list. One
 * that is cancelled is closed, so that its `finally` blocks run. Whoever was asked to end, and ended, was cancelled:
 * whatever it returned proves no work done.
 */
export function runCall(call: Call, options: CallOptions): CallOutcome | Promise<CallOutcome> {
  return withinCall(options.context, () => {
    try {
      const loaded = loadFunction(call.reference, options);
      return typeof loaded === 'function' ? invoke(loaded, call, options) : invokeLater(loaded, call, options);
    } catch (error) {
      return failed(error, options.context);
    }
  });
}

async function invokeLater(loading: Promise<Callable>, call: Call, options: CallOptions): Promise<CallOutcome> {
  try {
    return await invoke(await loading, call, options);
  } catch (error) {
    return failed(error, options.context);
  }
}

/** Throws what the function throws. */
function invoke(callable: Callable, call: Call, options: CallOptions): CallOutcome | Promise<CallOutcome> {
  if (options.context.isAborted) return CANCELLED;
  const returned = callable(...call.args);
  if (isThenable(returned)) return settleLater(returned, call, options);
  return isGenerator(returned) ? drive(returned, call, options) : succeeded(returned, options);
}

async function settleLater(promise: PromiseLike<unknown>, call: Call, options: CallOptions): Promise<CallOutcome> {
  try {
    const value = await promise;
    return isGenerator(value) ? await drive(value, call, options) : succeeded(value, options);
  } catch (error) {
    return failed(error, options.context);
  }
}

/** Never throws, so that a promise of it never rejects. */
async function drive(
  generator: Iterator<unknown> | AsyncIterator<unknown>,
  call: Call,
  options: CallOptions,
): Promise<CallOutcome> {
  const { context, valueBytes } = options;
  try {
    if (call.stream !== true) return succeeded(await gather(generator, { context, valueBytes }), options);
    const requests = new RequestQueue(context);
    options.streaming?.((request) => requests.push(request));
    const last = await serve(generator, {
      requests,
      stepped: (value) => {
        encodeBounded(value, 'a yielded value', valueBytes);
        options.stepped?.({ done: false, value });
      },
    });
    const outcome = succeeded(last, options);
    if (outcome.kind === 'ok') options.stepped?.({ done: true, value: last });
    return outcome;
  } catch (error) {
    return failed(error, context);
  }
}

/** Throws when the value can't be carried. */
function succeeded(value: unknown, { context, valueBytes }: CallOptions): CallOutcome {
  if (context.isAborted) return CANCELLED;
  return value === undefined ? OK : { kind: 'ok', value: encodeBounded(value, 'result', valueBytes) };
}

function encodeBounded(value: unknown, what: string, valueBytes: number): Value {
  // What is plainly too large is not copied first to find out.
  const least = ArrayBuffer.isView(value) ? value.byteLength : typeof value === 'string' ? value.length : 0;
  if (least > valueBytes) throw tooLarge(what, least, valueBytes);
  const encoded = encodeValue(value, what);
  if (isLargerThan(encoded, valueBytes)) throw tooLarge(what, bytesOf(encoded), valueBytes);
  return encoded;
}

function bytesOf(value: Value): number {
  return value.codec === 'json' ? Buffer.byteLength(value.json) : value.bytes.length;
}

function tooLarge(what: string, bytes: number, valueBytes: number): HeddleError {
  const message = `${what} is ${formatBytes(bytes)}, above the limit of ${formatBytes(valueBytes)}`;
  return new HeddleError('VALUE_TOO_LARGE', message, { hint: 'write it to a file, and return where it is' });
}

function failed(error: unknown, context: CallContext): CallOutcome {
  return context.isAborted ? CANCELLED : { kind: 'error', error: serializeError(error) };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
