import { HeddleError, formatBytes, type StreamRequest } from '../model/lane-face.ts';
import type { CallContext } from './context.ts';
import { encodeValue } from './encode-value.ts';
import { reviveError } from './error-data.ts';

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** Whether something is walked through only once, step by step: what generator functions return, not a list or a map. */
export function isGenerator(value: unknown): value is AnyIterator {
  if (typeof value !== 'object' || value === null) return false;
  const { next } = value as { readonly next?: unknown };
  return typeof next === 'function' && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/**
 * What is asked of a generator, in order. It ends with the call's cancellation: what was asked and not begun by then is
 * never answered.
 */
export class RequestQueue {
  readonly #context: CallContext;
  readonly #waiting: StreamRequest[] = [];
  #wake: (() => void) | undefined;

  constructor(context: CallContext) {
    this.#context = context;
    context.signal.addEventListener('abort', () => this.#wake?.());
  }

  push(request: StreamRequest): void {
    this.#waiting.push(request);
    this.#wake?.();
  }

  /** The next request; undefined when the call is cancelled. */
  async next(): Promise<StreamRequest | undefined> {
    while (!this.#context.isAborted) {
      const request = this.#waiting.shift();
      if (request !== undefined) return request;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    return undefined;
  }
}

interface Served {
  readonly requests: RequestQueue;
  /** Takes what was yielded; throws when it can't be passed on. */
  readonly stepped: (value: unknown) => void;
}

/**
 * Drives a generator by requests, one step each and nothing ahead, and gives what it returns. It is closed when it is
 * cancelled, or when what it yields can't be passed on; whatever it throws is thrown.
 */
export async function serve(generator: AnyIterator, { requests, stepped }: Served): Promise<unknown> {
  for (;;) {
    const request = await requests.next();
    if (request === undefined) {
      await close(generator);
      return undefined;
    }
    const step = await answer(generator, request);
    if (step.done === true) return step.value;
    try {
      stepped(step.value);
    } catch (error) {
      await close(generator);
      throw error;
    }
  }
}

function answer(
  generator: AnyIterator,
  request: StreamRequest,
): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
  switch (request.kind) {
    case 'next':
      return generator.next(request.value);
    case 'return':
      // What has no `return` of its own, as an iterator by hand may, is just not asked any more.
      return generator.return?.(request.value) ?? { done: true, value: request.value };
    case 'throw': {
      const error = reviveError(request.error);
      if (generator.throw === undefined) throw error;
      return generator.throw(error);
    }
  }
}

/** Lets its `finally` blocks run. What they throw is of no more interest: another end has been decided. */
async function close(generator: AnyIterator): Promise<void> {
  try {
    await generator.return?.(undefined);
  } catch {
    // See above.
  }
}

interface Gathered {
  readonly context: CallContext;
  readonly valueBytes: number;
}

/** How long a generator that is not asynchronous is gathered before others get a turn. */
const SLICE_MS = 5;

/**
 * Gives all that a generator yields. One that yields more than a value may hold is closed and an error, long before
 * the memory is full.
 *
 * @throws {HeddleError} VALUE_TOO_LARGE, VALUE_INVALID
 */
export async function gather(generator: AnyIterator, { context, valueBytes }: Gathered): Promise<readonly unknown[]> {
  const { clock } = context.facts;
  const values: unknown[] = [];
  let bytes = 0;
  let sliceEnd = clock.now().mono + SLICE_MS;
  for (;;) {
    const stepping = generator.next();
    const step = isPromise(stepping) ? await stepping : stepping;
    if (step.done === true) return values;
    try {
      bytes += leastBytes(step.value, values.length);
      if (bytes > valueBytes) throw tooMany(values.length + 1, valueBytes);
    } catch (error) {
      await close(generator);
      throw error;
    }
    values.push(step.value);
    if (clock.now().mono >= sliceEnd) {
      await new Promise<void>((resolve) => {
        clock.soon(resolve);
      });
      sliceEnd = clock.now().mono + SLICE_MS;
    }
    if (context.isAborted) {
      await close(generator);
      return values;
    }
  }
}

function isPromise<Step extends object>(step: Step | Promise<Step>): step is Promise<Step> {
  return 'then' in step;
}

/** What a value takes at the least when it is written down. */
function leastBytes(value: unknown, index: number): number {
  if (typeof value === 'string') return value.length + 3;
  if (typeof value !== 'object' || value === null) return 2;
  const encoded = encodeValue(value, `result[${index}]`);
  return encoded.codec === 'json' ? encoded.json.length + 1 : encoded.bytes.length;
}

function tooMany(count: number, valueBytes: number): HeddleError {
  const message = `what it yields is above the limit of ${formatBytes(valueBytes)} after ${count} values`;
  return new HeddleError('VALUE_TOO_LARGE', message, {
    hint: 'take its values one by one with a generator job, or write them to a file',
  });
}
