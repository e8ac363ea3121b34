import {
  asError,
  type AttemptId,
  type AttemptOrder,
  type AttemptProcess,
  type BackendEvent,
  type Clock,
  type LaunchAnswer,
  type Logger,
  type Outcome,
  type StreamRequest,
  type StreamStep,
  type Timer,
} from '../model/index.ts';
import { Call, nextMessage, streamEnded } from './call.ts';
import { ACCEPTED, CANCELLED, never, outcomeOf, outcomeOfDeath, outcomeOfUnsent } from './call-ends.ts';
import { CallSpeeds, measure, SHORT_MS } from './call-speeds.ts';
import { CodeWatch } from './code-watch.ts';
import { Distribution } from './distribution.ts';
import { Lane, type LaneOwner } from './lane.ts';
import type { Linger } from './linger.ts';
import { MemoryWatch } from './memory-watch.ts';
import { Pressure } from './pressure.ts';
import type { FromWorker } from './protocol.ts';
import type { LaneEnd, LaneShape, OpenTransport } from './transport.ts';

/** How lanes are kept. */
export interface LanePoolOptions {
  readonly open: OpenTransport;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where relative paths of redirections start. */
  readonly project: string;
  /** Lanes that are kept. More are started only for attempts that hold less than a cpu each. */
  readonly slots: number;
  /** Calls sent to a lane behind a short one. @default 8 */
  readonly prefetch?: number | undefined;
  /** A worker for each call, never used again. @default false */
  readonly isolate?: boolean | undefined;
  /** How long a worker may take until it listens. @default 30000: a busy machine starts slowly */
  readonly helloMs?: number | undefined;
  /** Where a worker's word is awaited awake. */
  readonly linger?: Linger | undefined;
  report(event: BackendEvent): void;
  /** Around what one event of the loop brought. */
  together(reports: () => void): void;
  /** Calls have become so short that more should be at hand than there is room for, or are no longer so. */
  hurried(isHurried: boolean): void;
}

/** Calls sent to a lane behind a short one. */
export const PREFETCH = 8;
const HELLO_MS = 30_000;
/** After so long without a call the workers hold nobody up. */
const LET_GO_MS = 50;
/** How long a worker may take to leave when it is asked to. */
const LEAVE_MS = 1000;
/** A call that should be ended by force, and after which another has begun, has ended: its word is on its way. */
const ON_ITS_WAY_MS = 20;

/**
 * Warm workers and the calls they are given. A call is in `#calls` from its launch until its end is reported; it waits
 * in a queue, or is in the hand of one lane.
 */
export class LanePool implements LaneOwner {
  readonly #options: LanePoolOptions;
  readonly #calls = new Map<AttemptId, Call>();
  readonly #distribution: Distribution;
  readonly #speeds = new CallSpeeds();
  readonly #code: CodeWatch;
  readonly #memory: MemoryWatch;
  readonly #pressure: Pressure | undefined;
  /** Runs while there is nothing to do, until lanes hold this process alive no more. */
  #letGo: Timer | undefined;
  #isHeld = true;
  #closed: (() => void) | undefined;

  constructor(options: LanePoolOptions) {
    const { clock, slots, isolate = false, prefetch = PREFETCH } = options;
    this.#options = options;
    this.#code = new CodeWatch(clock);
    const behind = isolate ? 0 : prefetch;
    this.#distribution = new Distribution({
      clock,
      slots,
      isolate,
      prefetch: behind,
      start: (shape) => this.#start(shape),
      notSent: (call, error) => this.#end(call, outcomeOfUnsent(error)),
      giveUp: (call, why) => this.#giveUp(call, why),
    });
    const moveAway = this.#distribution.moveAway.bind(this.#distribution);
    this.#memory = new MemoryWatch({ clock, moveAway });
    if (behind > 0) this.#pressure = new Pressure((isHurried) => options.hurried(isHurried));
  }

  /** Whether an attempt waits or runs here. */
  has(attempt: AttemptId): boolean {
    return this.#calls.has(attempt);
  }

  /** Calls that run now, where their worker is a process. */
  *processes(): Generator<AttemptProcess, void> {
    for (const call of this.#calls.values()) {
      const { lane, order } = call;
      if (lane?.pid === undefined || lane.inHand[0] !== call) continue;
      const { run, index, fence, attempt } = order;
      yield { run, index, fence, attempt, pid: lane.pid, isMember: true };
    }
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] {
    const now = this.#now();
    const epoch = this.#code.epoch;
    const answers = orders.map((order) => this.#take(order, now));
    if (this.#code.epoch !== epoch) this.#distribution.retireOlder(this.#code.epoch);
    this.#distribution.settle();
    return answers;
  }

  /** Asks the call's signal; after the grace its worker is ended. */
  cancel(attempt: AttemptId, graceMs: number): void {
    const call = this.#calls.get(attempt);
    if (call === undefined) return;
    const { cancelling, lane } = call;
    const killAt = this.#now() + graceMs;
    if (cancelling === undefined) {
      call.cancelling = { killAt, timer: undefined };
      if (lane === undefined) this.#end(call, CANCELLED);
      else
        lane.takeBack([call], (_, taken) => {
          if (taken) this.#end(call, CANCELLED);
          else this.#askToEnd(call);
          this.#distribution.settle();
        });
    } else if (killAt < cancelling.killAt) {
      cancelling.killAt = killAt;
      if (cancelling.timer !== undefined) this.#armKill(call);
    }
    this.#distribution.settle();
  }

  /** Gives back what has not begun. */
  recall(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) {
      const call = this.#calls.get(attempt);
      if (call === undefined || call.cancelling !== undefined) continue;
      if (call.lane === undefined) this.#giveUp(call, 'it was taken back before it began');
      else
        call.lane.takeBack([call], (_, taken) => {
          if (taken && call.cancelling === undefined) this.#giveUp(call, 'it was taken back before it began');
        });
    }
    this.#distribution.settle();
  }

  /** Asks a generator for its next value. */
  pull(attempt: AttemptId, request: StreamRequest): Promise<StreamStep> {
    const call = this.#calls.get(attempt);
    if (call?.lane === undefined || call.work.stream !== true) return Promise.reject(streamEnded());
    const step = call.pull();
    this.#distribution.say(call.lane, nextMessage(call, request));
    this.#distribution.settle();
    return step;
  }

  resize(slots: number): void {
    this.#distribution.lanes.slots = slots;
    this.#distribution.lanes.shrink();
    this.#distribution.settle();
  }

  /** Ends all workers: those with nothing in hand leave by themselves. Nothing is reported any more. */
  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#distribution.close();
    this.#memory.close();
    this.#letGo?.cancel();
    this.#hold(true);
    for (const call of this.#calls.values()) call.close();
    this.#calls.clear();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    if (this.#distribution.lanes.size === 0) return;
    for (const lane of [...this.#distribution.lanes]) {
      if (lane.inHand.length > 0) lane.terminate();
      else lane.retire();
    }
    const force = this.#options.clock.after(LEAVE_MS, () => {
      for (const lane of this.#distribution.lanes) lane.terminate();
    });
    await promise;
    force.cancel();
  }

  // ---- what lanes tell ------------------------------------------------------------------------

  warm(lane: Lane): void {
    if (this.#closed !== undefined) return;
    this.#distribution.warm(lane);
    this.#distribution.settle();
  }

  heard(lane: Lane, messages: readonly FromWorker[]): void {
    if (this.#closed !== undefined) return;
    this.#options.linger?.heard();
    this.#options.together(() => this.#hear(lane, messages));
    this.#distribution.settle();
    if (lane.isBrisk) this.#options.linger?.begin();
  }

  #hear(lane: Lane, messages: readonly FromWorker[]): void {
    let begun: Call[] | undefined;
    for (const message of messages) {
      if (message.kind === 'ended') this.#heardEnd(lane, message);
      else {
        const call = this.#heardOf(lane, message);
        if (message.kind === 'started' && call !== undefined) (begun ??= []).push(call);
      }
    }
    // Of what has ended in the same breath nobody needs to hear that it began.
    for (const call of begun ?? []) if (call.lane === lane) this.#tellStart(call);
  }

  ended(lane: Lane, end: LaneEnd): void {
    if (this.#closed !== undefined) {
      this.#distribution.ended(lane, end.why);
      if (this.#distribution.lanes.size === 0) this.#closed();
      return;
    }
    const waiting: Call[] = [];
    for (const call of lane.inHand.splice(0)) {
      call.lane = undefined;
      call.recalling = undefined;
      const fate = lane.fateOf(call);
      if (call.cancelling !== undefined) this.#end(call, CANCELLED);
      else if (fate === 'sent') waiting.push(call);
      else if (fate === 'ended') this.#giveUp(call, `its worker ended before it could tell of it: ${end.why}`, true);
      else if (lane.isTerminated && !lane.isEndedForCall)
        this.#giveUp(call, 'its worker was ended for another call', true);
      else this.#end(call, outcomeOfDeath(call, end));
    }
    this.#distribution.putBack(waiting);
    this.#distribution.ended(lane, end.why);
    this.#distribution.settle();
  }

  // ---- how calls go ---------------------------------------------------------------------------

  #take(order: AttemptOrder, now: number): LaunchAnswer {
    const { work } = order;
    if (work.kind !== 'call') return never('this backend makes calls only');
    if (work.call.kind === 'local') {
      return never(
        'the function is held in the memory of the program that submitted it: only the inline backend calls it',
      );
    }
    const call = new Call(order, work, this.#speeds.of(work.call));
    this.#code.look(work.call, now);
    this.#calls.set(order.attempt, call);
    this.#memory.add(call);
    if (!this.#isHeld) this.#hold(true);
    this.#distribution.add(call);
    return ACCEPTED;
  }

  #heardEnd(lane: Lane, { attempt, outcome }: Extract<FromWorker, { kind: 'ended' }>): void {
    const call = lane.callOf(attempt);
    if (call === undefined) return;
    lane.drop(call);
    lane.free(call.slot);
    const { startedAt, endedAt } = outcome;
    measure(call.callee, endedAt - startedAt);
    this.#pressure?.note(endedAt - startedAt < SHORT_MS);
    this.#end(call, outcomeOf(outcome), startedAt, endedAt);
    if (lane.inHand.length === 0) this.#distribution.lanes.rest(lane);
  }

  /** Something is said of a call that goes on. */
  #heardOf(lane: Lane, message: Exclude<FromWorker, { kind: 'ended' }>): Call | undefined {
    if (message.kind === 'hello' || message.kind === 'bye') return undefined;
    const { attempt } = message;
    const call = lane.callOf(attempt);
    if (call === undefined) return undefined;
    switch (message.kind) {
      case 'started':
        call.startedAt = message.at;
        break;
      case 'output':
        this.#write(call, message.stream, message.chunk);
        break;
      case 'streaming':
        this.#tellStart(call);
        this.#options.report({ kind: 'phase', attempt, phase: 'streaming' });
        break;
      case 'yielded':
        call.answerPull(message.done ? { done: true, value: message.value } : { done: false, value: message.value });
        break;
      case 'progress':
      case 'heartbeat':
        this.#options.report({ kind: 'heartbeat', attempt });
        break;
    }
    return call;
  }

  #tellStart(call: Call): void {
    if (call.isTold || call.startedAt === undefined) return;
    call.isTold = true;
    this.#options.report({ kind: 'phase', attempt: call.order.attempt, phase: 'active', at: call.startedAt });
  }

  #write(call: Call, stream: 'stdout' | 'stderr', chunk: Uint8Array): void {
    try {
      call.write(stream, chunk, this.#options.project);
    } catch (error) {
      if (call.isPartlyLost) return;
      call.isPartlyLost = true;
      const { job } = call.order;
      this.#options.logger.warn({ job }, `some of what job '${job}' says is lost: ${asError(error).message}`);
    }
  }

  /** The one place where an attempt ends. */
  #end(call: Call, outcome: Outcome, startedAt: number | undefined = call.startedAt, endedAt?: number): void {
    this.#forget(call);
    const { attempt } = call.order;
    this.#options.report(
      startedAt === undefined
        ? { kind: 'ended', attempt, outcome }
        : { kind: 'ended', attempt, outcome, startedAt, endedAt: endedAt ?? this.#options.clock.now().wall },
    );
  }

  /** It will not be made here under this order. */
  #giveUp(call: Call, why: string, hadBegun = false): void {
    this.#forget(call);
    this.#options.report({ kind: 'gone', attempt: call.order.attempt, why, neverStarted: !hadBegun });
  }

  #forget(call: Call): void {
    this.#calls.delete(call.order.attempt);
    this.#memory.remove(call);
    if (this.#calls.size === 0) this.#letGo ??= this.#options.clock.after(LET_GO_MS, () => this.#rest());
    this.#distribution.remove(call);
    call.close();
  }

  // ---- cancelling -----------------------------------------------------------------------------

  #askToEnd(call: Call): void {
    const { lane, cancelling } = call;
    if (lane === undefined || cancelling === undefined) return;
    const graceMs = Math.max(0, cancelling.killAt - this.#now());
    this.#distribution.say(lane, { kind: 'cancel', attempt: call.order.attempt, graceMs });
    this.#armKill(call);
  }

  #armKill(call: Call): void {
    const { cancelling } = call;
    if (cancelling === undefined) return;
    cancelling.timer?.cancel();
    const left = cancelling.killAt - this.#now();
    if (left <= 0) this.#force(call);
    else cancelling.timer = this.#options.clock.after(left, () => this.#force(call));
  }

  /** Ends the worker of a call; first what waits behind it is taken to safety. */
  #force(call: Call, isLast = false): void {
    const { lane, cancelling } = call;
    if (lane === undefined || cancelling === undefined) return;
    const others = lane.inHand.filter((other) => other !== call);
    this.#distribution.moveAway(lane, others, () => {
      if (call.lane !== lane) return;
      if (isLast || lane.inHand.length === 1) lane.terminate();
      else cancelling.timer = this.#options.clock.after(ON_ITS_WAY_MS, () => this.#force(call, true));
    });
    this.#distribution.settle();
  }

  /** Lanes with nothing to do let a program end that has nothing else to do; not between two calls, which would cost more. */
  #rest(): void {
    this.#letGo = undefined;
    if (this.#calls.size === 0) this.#hold(false);
  }

  #hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    for (const lane of this.#distribution.lanes) lane.hold(isHeld);
  }

  #start(shape: LaneShape): Lane {
    const { open, clock, helloMs = HELLO_MS } = this.#options;
    return new Lane({ open, shape, clock, owner: this, helloMs, epoch: this.#code.epoch });
  }

  #now(): number {
    return this.#options.clock.now().mono;
  }
}
