import { CallContext, type CallOutcome, heldLocal, runCall } from '../../calls/index.ts';
import { CallOutput } from '../../lanes/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type BackendContext,
  HeddleError,
  MAX_VALUE_BYTES,
  type Outcome,
  type ResolvedCall,
  type StreamRequest,
  type StreamStep,
  type Timer,
} from '../../model/index.ts';
import { redirectOutput } from './redirected-output.ts';

/** Signs of life of one call are told at most this often. */
const HEARTBEAT_MS = 50;

const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };

/** How a call came to its end. */
export interface CallEnd {
  readonly attempt: AttemptId;
  readonly outcome: Outcome;
  readonly startedAt?: number;
  readonly endedAt?: number;
}

/** Makes a call its own way: `make` is how it is made otherwise. */
export type MakeCall = (
  order: AttemptOrder,
  make: () => CallOutcome | Promise<CallOutcome>,
  signal: AbortSignal,
) => Promise<CallOutcome>;

export interface InProcessCallsOptions {
  readonly context: BackendContext;
  /** @default as the call says */
  readonly make?: MakeCall;
  readonly ended: (end: CallEnd) => void;
}

interface Pull {
  readonly resolve: (step: StreamStep) => void;
  readonly reject: (error: HeddleError) => void;
}

/** A call from when it is launched: it waits for its turn, runs, and ends once. */
interface LiveCall {
  readonly order: AttemptOrder;
  readonly work: ResolvedCall;
  readonly context: CallContext;
  readonly pulls: Pull[];
  startedAt: number | undefined;
  restore: (() => void) | undefined;
  request: ((request: StreamRequest) => void) | undefined;
  grace: Timer | undefined;
}

/** It was submitted by a program that has ended, and its function with it. */
const FORGOTTEN: Outcome = { kind: 'lost', why: 'its function was held in the memory of a process that has ended' };

/**
 * Calls made in this very process, on its one thread. A call that computes keeps everybody waiting; one that awaits
 * keeps nobody. Nothing can be done to a call against its will: one that ignores its signal is given up after its grace.
 */
export class InProcessCalls {
  readonly #backend: BackendContext;
  readonly #ended: InProcessCallsOptions['ended'];
  readonly #make: MakeCall | undefined;
  readonly #live = new Map<AttemptId, LiveCall>();
  readonly #closing = new Map<LiveCall, () => void>();
  #waiting: LiveCall[] = [];

  constructor({ context, ended, make }: InProcessCallsOptions) {
    this.#backend = context;
    this.#ended = ended;
    this.#make = make;
  }

  /** Accepts a call: it is made by `runSlice`. */
  add(order: AttemptOrder, work: ResolvedCall): void {
    const live: LiveCall = {
      order,
      work,
      context: this.#contextOf(order),
      pulls: [],
      startedAt: undefined,
      restore: undefined,
      request: undefined,
      grace: undefined,
    };
    this.#live.set(order.attempt, live);
    this.#waiting.push(live);
  }

  has(attempt: AttemptId): boolean {
    return this.#live.has(attempt);
  }

  /** Makes calls that wait for their turn until the time is up; says whether some are left. */
  runSlice(sliceMs: number): boolean {
    const { clock } = this.#backend;
    const until = clock.now().mono + sliceMs;
    let next = 0;
    do {
      const live = this.#waiting[next];
      if (live === undefined) break;
      next += 1;
      if (this.#live.has(live.order.attempt)) this.#run(live);
    } while (clock.now().mono < until);
    this.#waiting = next >= this.#waiting.length ? [] : this.#waiting.slice(next);
    return this.#waiting.length > 0;
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const live = this.#live.get(attempt);
    if (live === undefined || live.context.isAborted) return;
    live.context.abort();
    if (live.startedAt === undefined) {
      this.#end(live, CANCELLED);
      return;
    }
    live.grace = this.#backend.clock.after(graceMs, () => this.#giveUp(live, graceMs));
  }

  pull(attempt: AttemptId, request: StreamRequest): Promise<StreamStep> {
    const live = this.#live.get(attempt);
    if (live?.request === undefined) return Promise.reject(streamEnded());
    const { promise, resolve, reject } = Promise.withResolvers<StreamStep>();
    live.pulls.push({ resolve, reject });
    live.request(request);
    return promise;
  }

  /** Cancels everything and waits until it has ended or was given up; its ends are told as any others. */
  async close(): Promise<void> {
    const over = [...this.#live.values()].map((live) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#closing.set(live, resolve);
      this.cancel(live.order.attempt, live.order.limits.graceMs);
      return promise;
    });
    await Promise.all(over);
  }

  #contextOf({ attempt, fence, run, job, directory, grant: { gpus } }: AttemptOrder): CallContext {
    const { clock, directory: store } = this.#backend;
    let toldAt = Number.NEGATIVE_INFINITY;
    const beat = (): void => {
      const now = clock.now().mono;
      if (now - toldAt < HEARTBEAT_MS) return;
      toldAt = now;
      this.#backend.report({ kind: 'heartbeat', attempt });
    };
    const facts = { attempt, fence, run, job, directory, store, gpus, clock };
    return new CallContext({ ...facts, heartbeat: beat, progress: beat });
  }

  #run(live: LiveCall): void {
    const { attempt } = live.order;
    live.startedAt = this.#backend.clock.now().wall;
    this.#redirect(live);
    const { call } = live.work;
    if (call.kind === 'local' && heldLocal(call.id) === undefined) {
      this.#end(live, FORGOTTEN);
      return;
    }
    const outcome = this.#call(live);
    if (!(outcome instanceof Promise)) {
      this.#end(live, outcome);
      return;
    }
    // A generator may be waiting already.
    if (live.request === undefined) {
      this.#backend.report({ kind: 'phase', attempt, phase: 'active', at: live.startedAt });
    }
    void outcome.then((settled) => this.#end(live, settled));
  }

  #call(live: LiveCall): CallOutcome | Promise<CallOutcome> {
    const { work, context } = live;
    const { attempt } = live.order;
    const { call: reference, args, stream } = work;
    const make = (): CallOutcome | Promise<CallOutcome> =>
      runCall(stream === true ? { reference, args, stream } : { reference, args }, {
        context,
        project: this.#backend.project,
        local: true,
        valueBytes: MAX_VALUE_BYTES,
        streaming: (request) => {
          live.request = request;
          this.#backend.report({ kind: 'phase', attempt, phase: 'streaming' });
        },
        stepped: (step) => live.pulls.shift()?.resolve(step),
      });
    return this.#make === undefined ? make() : this.#make(live.order, make, context.signal);
  }

  #redirect(live: LiveCall): void {
    const { redirect } = live.work;
    if (redirect === undefined) return;
    const { directory, limits, redactor } = live.order;
    const { project } = this.#backend;
    const output = new CallOutput({ directory, redirect, project, limit: limits.outputBytes, redactor });
    live.restore = redirectOutput(live.context, output);
  }

  #end(live: LiveCall, outcome: Outcome): void {
    const { attempt } = live.order;
    live.restore?.();
    live.restore = undefined;
    this.#closing.get(live)?.();
    // It was given up, and has come to its end after all.
    if (!this.#live.delete(attempt)) return;
    live.context.finish();
    live.grace?.cancel();
    for (const { reject } of live.pulls) reject(streamEnded());
    const { startedAt } = live;
    this.#ended(
      startedAt === undefined
        ? { attempt, outcome }
        : { attempt, outcome, startedAt, endedAt: this.#backend.clock.now().wall },
    );
  }

  #giveUp(live: LiveCall, graceMs: number): void {
    const { run, job, attempt } = live.order;
    this.#backend.logger.warn(
      { run, job, attempt },
      `the call was cancelled ${graceMs} ms ago and goes on: nothing can end it in this process, its result is dropped`,
    );
    this.#end(live, CANCELLED);
  }
}

function streamEnded(): HeddleError {
  return new HeddleError('STREAM_ENDED', 'there is no generator to be asked: it has ended, or never was one');
}
