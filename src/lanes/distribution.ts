import { asError, type Clock, type Timer } from '../model/index.ts';
import type { Call } from './call.ts';
import { CallQueue } from './call-queue.ts';
import { SHORT_MS } from './call-speeds.ts';
import type { Lane } from './lane.ts';
import { LaneSet } from './lane-set.ts';
import type { ToWorker } from './protocol.ts';
import type { LaneShape } from './transport.ts';

export interface DistributionOptions {
  readonly clock: Clock;
  /** Lanes that are kept. */
  readonly slots: number;
  /** Calls sent to a lane behind a short one. */
  readonly prefetch: number;
  /** A worker for each call. */
  readonly isolate: boolean;
  /** Starts a lane; throws when none can be had. */
  start(shape: LaneShape): Lane;
  /** The arguments of a call could not be sent: it is in nobody's hand. */
  notSent(call: Call, error: unknown): void;
  /** No worker can be had: what waits is to go back. */
  giveUp(call: Call, why: string): void;
}

/** Between two looks at lanes behind whose call others wait, and looks at which nothing was heard: then these go elsewhere. */
const TICK_MS = 10;
const STILL_LOOKS = 2;
/** Workers that ended before they said hello, in a row, after which what waits is given back. */
const MAX_FAILED_STARTS = 3;
/** What waits behind others is worth moving to an idle lane when it takes this long. */
const WORTH_MOVING_MS = 0.5;

/**
 * Who gets what: calls wait in queues, and are given to lanes: one that idles, else one whose calls are short. What waits
 * behind a call that turns out long, or while another lane idles, is taken back and given out again.
 */
export class Distribution {
  readonly lanes: LaneSet;
  readonly #options: DistributionOptions;
  /** What has been granted room, and what takes room when there is some. */
  readonly #granted = new CallQueue();
  readonly #ahead = new CallQueue();
  /** Lanes that something is to be sent to. */
  #dirty: Lane[] = [];
  #failedStarts = 0;
  #isSettling = false;
  #isUnsettled = false;
  #isClosed = false;
  #tick: Timer | undefined;

  constructor(options: DistributionOptions) {
    const { slots, isolate, prefetch } = options;
    this.#options = options;
    this.lanes = new LaneSet({ slots, isolate, prefetch, start: (shape) => this.#start(shape) });
  }

  /** It waits from now on. */
  add(call: Call): void {
    (call.isAhead ? this.#ahead : this.#granted).push(call);
  }

  /** It waits no more. */
  remove(call: Call): void {
    (call.isAhead ? this.#ahead : this.#granted).remove(call);
  }

  /** Puts calls that were in hand back in front of what waits. */
  putBack(calls: readonly Call[]): void {
    if (calls.length === 0) return;
    this.#granted.putBack(calls.filter((call) => !call.isAhead));
    this.#ahead.putBack(calls.filter((call) => call.isAhead));
  }

  /** Says something to a lane, with the next `settle`. */
  say(lane: Lane, message: ToWorker): void {
    lane.say(message);
    this.#mark(lane);
  }

  /** A lane listens. */
  warm(lane: Lane): void {
    this.#failedStarts = 0;
    this.lanes.rest(lane);
  }

  /** A lane has ended; what it had in hand has been taken out of it. */
  ended(lane: Lane, why: string): void {
    this.lanes.remove(lane);
    if (this.#dirty.includes(lane)) this.#dirty = this.#dirty.filter((each) => each !== lane);
    if (lane.hasFailedToStart) this.#startFailed(why);
  }

  /** Gives out nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
  }

  /** Gives out what waits, and sends what is to be sent. What it brings about by itself it sees to as well. */
  settle(): void {
    this.#isUnsettled = true;
    if (this.#isSettling || this.#isClosed) return;
    this.#isSettling = true;
    while (this.#isUnsettled) {
      this.#isUnsettled = false;
      this.#giveOut(this.#granted);
      this.#giveOut(this.#ahead);
      if (this.lanes.hasIdle && this.#granted.size + this.#ahead.size === 0) this.#share();
      this.#flush();
    }
    this.#isSettling = false;
  }

  #mark(lane: Lane): void {
    if (!this.#dirty.includes(lane)) this.#dirty.push(lane);
  }

  #flush(): void {
    if (this.#dirty.length === 0) return;
    const lanes = this.#dirty;
    this.#dirty = [];
    for (const lane of lanes) {
      for (const { call, error } of lane.flush()) this.#options.notSent(call, error);
    }
  }

  /** Takes back what of these has not begun, to be given to other lanes. */
  moveAway(lane: Lane, calls: readonly Call[], then: () => void = nothing): void {
    if (calls.length === 0) {
      then();
      return;
    }
    let left = calls.length;
    const back: Call[] = [];
    lane.takeBack(calls, (call, taken) => {
      // One whose end is wanted is ended by whoever wants it.
      if (taken && !call.isOver && call.cancelling === undefined) back.push(call);
      left -= 1;
      if (left > 0) return;
      this.putBack(back);
      then();
      this.settle();
    });
  }

  /** What loaded older code takes nothing more. */
  retireOlder(epoch: number): void {
    for (const lane of this.lanes.retireOlder(epoch)) this.moveAway(lane, lane.inHand.slice(1));
  }

  #giveOut(queue: CallQueue): void {
    for (let call = queue.peek(); call !== undefined; call = queue.peek()) {
      const lane = this.lanes.laneFor(call, queue.size);
      const slot = lane?.takeSlot() ?? -1;
      if (lane === undefined || slot === -1) return;
      queue.shift();
      lane.give(call, slot);
      this.#mark(lane);
      if (lane.inHand.length > 1) this.#watch();
    }
  }

  /** A lane idles while calls wait behind others elsewhere: it gets half of them, if that is worth the way. */
  #share(): void {
    const fullest = this.lanes.fullest();
    if (fullest === undefined || fullest.wasAsked) return;
    const behind = fullest.inHand.slice(1);
    const waitMs = (fullest.inHand[0]?.callee.averageMs ?? 0) * behind.length;
    if (waitMs < WORTH_MOVING_MS || behind.some(({ recalling }) => recalling !== undefined)) return;
    fullest.wasAsked = true;
    this.moveAway(fullest, behind.slice(behind.length >> 1));
  }

  /** While anything waits behind a call that was taken for short, it is looked whether the lane gets on. */
  #watch(): void {
    this.#tick ??= this.#options.clock.after(TICK_MS, () => {
      this.#tick = undefined;
      for (const lane of this.lanes) {
        if (lane.inHand.length < 2) continue;
        this.#watch();
        if (lane.looksStill() >= STILL_LOOKS) this.#freeFrom(lane);
      }
      this.settle();
    });
  }

  /** The call it runs is not as short as it was taken for: what waits behind it goes elsewhere. */
  #freeFrom(lane: Lane): void {
    const [first, ...behind] = lane.inHand;
    if (first === undefined) return;
    first.callee.averageMs = Math.max(first.callee.averageMs, SHORT_MS);
    this.moveAway(
      lane,
      behind.filter(({ recalling }) => recalling === undefined),
    );
  }

  #start(shape: LaneShape): Lane | undefined {
    try {
      return this.#options.start(shape);
    } catch (error) {
      // Not now: whoever asked for it is still counting on what waits.
      this.#options.clock.soon(() => this.#startFailed(asError(error).message, MAX_FAILED_STARTS));
      return undefined;
    }
  }

  #startFailed(why: string, times = 1): void {
    this.#failedStarts += times;
    if (this.#failedStarts < MAX_FAILED_STARTS || this.#isClosed) return;
    this.#failedStarts = 0;
    for (const queue of [this.#granted, this.#ahead]) {
      for (let call = queue.peek(); call !== undefined; call = queue.peek()) {
        this.#options.giveUp(call, `no worker could be started: ${why}`);
      }
    }
  }
}

function nothing(): void {
  // Nothing follows.
}
