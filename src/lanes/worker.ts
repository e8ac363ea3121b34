import {
  becomeLane,
  CallContext,
  type CallOutcome,
  type CallSurroundings,
  currentCall,
  enterSurroundings,
  runCall,
  serializeError,
} from '../calls/lane-face.ts';
import type { AttemptId, Clock, StreamRequest } from '../model/index.ts';
import { captureOutput } from './capture.ts';
import { LANE_PROTOCOL, type LaneOutcome, type ToWorker } from './protocol.ts';
import { BRISK_MS, Outbox, type PostMessages } from './worker-outbox.ts';
import type { Slots } from './worker-slots.ts';

type Start = Extract<ToWorker, { kind: 'start' }>;

export interface LaneWorkerOptions {
  readonly post: PostMessages;
  readonly slots: Slots;
  readonly clock: Clock;
  /** Where packages are looked for, absolute. */
  readonly project: string;
  /** The store's directory, absolute; absent or empty where it can't be reached. */
  readonly store?: string | undefined;
  /** What it has for itself: a child process has a working directory and an environment that its children see. */
  readonly kind: 'thread' | 'process';
  /** Ends this thread or process, after what was posted has left it. */
  leave(): void;
  /** It has nothing to do, and everything is said. */
  rested?(): void;
}

/** A call that runs. */
interface Running {
  readonly start: Start;
  readonly context: CallContext;
  readonly startedAt: number;
  /** The same on the monotonic clock. */
  readonly startedMono: number;
  surroundings: CallSurroundings | undefined;
  request: ((request: StreamRequest) => void) | undefined;
  /** Bytes of each stream that may still be sent. */
  readonly room: { stdout: number; stderr: number };
}

/**
 * Makes calls for a host, one at a time, in the order in which they come; whatever carries the messages.
 *
 * States: idle, running a call, leaving (takes nothing more: it was told to stop, or something was thrown that nobody
 * caught) and left.
 */
export class LaneWorker {
  readonly #options: LaneWorkerOptions;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #queue: Start[] = [];
  readonly #cancelled = new Set<AttemptId>();
  #running: Running | undefined;
  #isPumping = false;
  #wasBrisk = false;
  #isLeaving = false;
  #hasLeft = false;

  constructor(options: LaneWorkerOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#outbox = new Outbox(options.post, options.clock);
  }

  /** Takes over the streams and the uncaught errors of this thread or process, and says hello. */
  open(): void {
    becomeLane();
    captureOutput((stream, bytes) => this.#write(stream, bytes));
    process.on('uncaughtException', (error: unknown) => this.#crash(error));
    process.on('unhandledRejection', (error: unknown) => this.#crash(error));
    process.on('exit', () => this.#outbox.flush());
    if (this.#options.kind === 'process') this.#flushBeforeAbort();
    const { pid, version } = process;
    this.#outbox.hold({ kind: 'hello', protocol: LANE_PROTOCOL, node: version, pid, slots: 1 });
    this.#outbox.flush();
  }

  /** Of an end by native code nobody hears; what was said in its last milliseconds is lost. */
  #flushBeforeAbort(): void {
    const abort = process.abort.bind(process);
    process.abort = () => {
      this.#outbox.flush();
      return abort();
    };
  }

  /** It makes no call, and takes one. */
  get isIdle(): boolean {
    return this.#running === undefined && !this.#isLeaving;
  }

  /** Its last call took hardly longer than the way to its host and back. */
  get wasBrisk(): boolean {
    return this.#wasBrisk;
  }

  /** Takes what the host says. */
  hear(messages: readonly ToWorker[]): void {
    for (const message of messages) this.#take(message);
    this.#pump();
  }

  #take(message: ToWorker): void {
    const running = this.#running;
    switch (message.kind) {
      case 'start':
        this.#queue.push(message);
        break;
      case 'cancel':
        if (running?.start.attempt === message.attempt) running.context.abort();
        else this.#cancelled.add(message.attempt);
        break;
      case 'next':
        if (running?.start.attempt === message.attempt) running.request?.(message.request);
        break;
      case 'stop':
        this.#isLeaving = true;
        running?.context.abort();
        break;
    }
  }

  #pump(): void {
    // Messages may be taken inside of a call: by one that waits for its port in its own way.
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#running === undefined && !this.#isLeaving) {
      const start = this.#queue.shift();
      if (start === undefined) break;
      if (this.#options.slots.claim(start.slot)) this.#begin(start);
    }
    this.#isPumping = false;
    if (this.#running !== undefined) return;
    this.#cancelled.clear();
    if (this.#isLeaving) {
      this.#leave();
      return;
    }
    this.#outbox.flush();
    this.#options.rested?.();
  }

  #begin(start: Start): void {
    const running = this.#prepare(start);
    this.#running = running;
    const { attempt, short } = start;
    const started = { kind: 'started', attempt, at: running.startedAt } as const;
    if (short !== true) {
      this.#outbox.hold(started);
      // A body that never lets go of its thread would keep this back.
      this.#outbox.flush();
    }
    if (this.#cancelled.delete(attempt)) running.context.abort();
    const outcome = this.#call(running);
    if (!(outcome instanceof Promise)) {
      this.#end(running, outcome);
      return;
    }
    if (short === true && this.#running === running) this.#outbox.push(started);
    void outcome.then((settled) => {
      this.#end(running, settled);
      this.#pump();
    });
  }

  #prepare(start: Start): Running {
    const { attempt, fence, call, limits } = start;
    const context = new CallContext({
      attempt,
      fence,
      run: call.run,
      job: call.job,
      directory: call.directory,
      store: this.#options.store,
      gpus: call.gpus,
      clock: this.#clock,
      heartbeat: () => this.#outbox.sign({ kind: 'heartbeat', attempt }),
      progress: (fraction, note) =>
        this.#outbox.sign({
          kind: 'progress',
          attempt,
          ...(fraction === undefined ? {} : { fraction }),
          ...(note === undefined ? {} : { note }),
        }),
    });
    const room = { stdout: limits.outputBytes, stderr: limits.outputBytes };
    const { wall: startedAt, mono: startedMono } = this.#clock.now();
    return { start, context, startedAt, startedMono, surroundings: undefined, request: undefined, room };
  }

  #call(running: Running): CallOutcome | Promise<CallOutcome> {
    const { call, limits, attempt } = running.start;
    const { context } = running;
    try {
      running.surroundings = enterSurroundings({ context, kind: this.#options.kind, manner: call });
    } catch (error) {
      return { kind: 'error', error: serializeError(error) };
    }
    return runCall(call, {
      context,
      project: this.#options.project,
      valueBytes: limits.valueBytes,
      streaming: (request) => {
        running.request = request;
        this.#outbox.push({ kind: 'streaming', attempt });
      },
      stepped: ({ done, value }) => this.#outbox.push({ kind: 'yielded', attempt, value, done }),
    });
  }

  /** Tells of an end, unless it has been told: a call that failed by an error nobody caught may go on for a while. */
  #end(running: Running, outcome: CallOutcome): void {
    if (running.context.isOver) return;
    running.context.finish();
    running.surroundings?.leave();
    this.#running = undefined;
    const { attempt, fence, slot } = running.start;
    const now = this.#clock.now();
    const tookMs = now.mono - running.startedMono;
    this.#wasBrisk = tookMs < BRISK_MS;
    const ended: LaneOutcome = { ...outcome, startedAt: running.startedAt, endedAt: now.wall };
    // Sent when what follows has begun: by whoever takes the next call, or leaves.
    this.#outbox.hold({ kind: 'ended', attempt, fence, outcome: ended });
    this.#options.slots.ended(slot);
    if (this.#queue.length > 0) this.#outbox.refill(tookMs);
  }

  #write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const running = this.#running;
    const writer = currentCall();
    // What a timer says that an earlier call left behind is nobody's, and least of all the next call's.
    if (running === undefined || (writer !== undefined && writer !== running.context)) return;
    const { room, start } = running;
    const left = room[stream];
    if (left < 0) return;
    room[stream] = left - bytes.length;
    if (bytes.length <= left) {
      this.#outbox.output(start.attempt, stream, bytes);
      return;
    }
    this.#outbox.output(start.attempt, stream, bytes.subarray(0, left));
    this.#outbox.output(start.attempt, stream, Buffer.from(truncationMark(start.limits.outputBytes)));
    room[stream] = -1;
  }

  /**
   * Something was thrown that nobody caught. The call that did it fails with it; one that runs by chance while an earlier
   * one's remains throw goes on to its end. Then the worker leaves: nobody knows what state is left here.
   */
  #crash(error: unknown): void {
    const running = this.#running;
    const thrower = currentCall();
    this.#isLeaving = true;
    if (running !== undefined && thrower !== undefined && thrower !== running.context) return;
    if (running !== undefined) this.#end(running, { kind: 'error', error: serializeError(error) });
    this.#leave();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#outbox.hold({ kind: 'bye' });
    this.#outbox.flush();
    this.#options.leave();
  }
}

/** What stands at the end of a stream that said too much. */
function truncationMark(limit: number): string {
  return `\n[heddle: output above ${limit} bytes is cut off here]\n`;
}
