import {
  type AttemptOrder,
  gpuEnvironment,
  HeddleError,
  type ResolvedCall,
  type StreamRequest,
  type StreamStep,
  type Timer,
} from '../model/index.ts';
import { gpuVendor } from '../process/index.ts';
import { CallOutput } from './call-output.ts';
import { type Callee, isShort } from './call-speeds.ts';
import type { Lane } from './lane.ts';
import type { LaneCall, LaneLimits, ToWorker } from './protocol.ts';

/** What is still to be answered of a generator. */
interface Pull {
  readonly resolve: (step: StreamStep) => void;
  readonly reject: (error: Error) => void;
}

/** Somebody wants a call ended. */
export interface Cancelling {
  /** On the monotonic clock: by force from then on. */
  killAt: number;
  timer: Timer | undefined;
}

/**
 * One attempt that is a call: waiting in the queue (`lane` undefined), or in the hand of a lane from when it is sent
 * until it ends, its lane ends, or it is taken back.
 */
export class Call {
  readonly order: AttemptOrder;
  readonly work: ResolvedCall;
  readonly callee: Callee;
  lane: Lane | undefined;
  /** Its word in the lane's. */
  slot = -1;
  isQueued = false;
  /** The worker said that it has begun, and when. */
  startedAt: number | undefined;
  /** Its start has been reported. */
  isTold = false;
  cancelling: Cancelling | undefined;
  /** Its end has been told. */
  isOver = false;
  /** Who waits for the answer to its recall. */
  recalling: ((taken: boolean) => void)[] | undefined;
  output: CallOutput | undefined;
  /** Some of its output could not be written, and that has been told. */
  isPartlyLost = false;
  #pulls: Pull[] | undefined;

  constructor(order: AttemptOrder, work: ResolvedCall, callee: Callee) {
    this.order = order;
    this.work = work;
    this.callee = callee;
  }

  get memoryBytes(): number | undefined {
    return this.order.grant.memoryBytes;
  }

  get cpus(): number {
    return this.order.grant.cpus;
  }

  /** Has room only when another ends. */
  get isAhead(): boolean {
    return this.order.grant.ahead === true;
  }

  /** Writes down what it says. */
  write(stream: 'stdout' | 'stderr', chunk: Uint8Array, project: string): void {
    const { order, work } = this;
    this.output ??= new CallOutput({
      directory: order.directory,
      redirect: work.redirect,
      project,
      limit: order.limits.outputBytes,
      redactor: order.redactor,
    });
    this.output.write(stream, chunk);
  }

  /** Waits for the answer to a request; they come in order. */
  pull(): Promise<StreamStep> {
    const { promise, resolve, reject } = Promise.withResolvers<StreamStep>();
    this.#pulls ??= [];
    this.#pulls.push({ resolve, reject });
    return promise;
  }

  answerPull(step: StreamStep): void {
    this.#pulls?.shift()?.resolve(step);
  }

  /** It has ended: nothing more is written, nothing more is answered. */
  close(): void {
    this.isOver = true;
    this.cancelling?.timer?.cancel();
    this.output?.close();
    for (const pull of this.#pulls ?? []) pull.reject(streamEnded());
    this.#pulls = undefined;
  }
}

export function streamEnded(): HeddleError {
  return new HeddleError('STREAM_ENDED', 'the generator has ended');
}

/** The message that starts a call. */
export function startMessage({ order, work, callee, slot }: Call, limits: LaneLimits): ToWorker {
  const { stream, enterDirectory } = work;
  const environment = environmentOf(order, work);
  const call: LaneCall = {
    // Alike references are one object: cloned once a list.
    reference: callee.reference,
    args: work.args,
    run: order.run,
    job: order.job,
    directory: order.directory,
    ...(stream === undefined ? undefined : { stream }),
    ...(enterDirectory === undefined ? undefined : { enterDirectory }),
    ...(environment === undefined ? undefined : { environment }),
    ...(order.grant.gpus === undefined ? undefined : { gpus: order.grant.gpus }),
  };
  const { attempt, fence } = order;
  return isShort(callee)
    ? { kind: 'start', attempt, fence, call, limits, slot, short: true }
    : { kind: 'start', attempt, fence, call, limits, slot };
}

function environmentOf({ grant }: AttemptOrder, work: ResolvedCall): Readonly<Record<string, string>> | undefined {
  if (grant.gpus === undefined) return work.environment;
  return { ...gpuEnvironment(grant.gpus, gpuVendor()), ...work.environment };
}

/** A request to a generator, as a message. */
export function nextMessage(call: Call, request: StreamRequest): ToWorker {
  return { kind: 'next', attempt: call.order.attempt, request };
}
