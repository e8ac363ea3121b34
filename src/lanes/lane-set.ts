import type { Call } from './call.ts';
import type { Lane } from './lane.ts';
import type { LaneShape } from './transport.ts';

export interface LaneSetOptions {
  /** Lanes that are kept. */
  readonly slots: number;
  /** Calls a lane may have in hand behind the one that runs. */
  readonly prefetch: number;
  /** A lane makes one call in its life. */
  readonly isolate: boolean;
  /** Starts one; undefined when none can be had. */
  start(shape: LaneShape): Lane | undefined;
}

/** Lanes for each slot, at most, when attempts hold less than a cpu. */
const LANES_A_SLOT = 8;
const SLACK = 1e-9;

/** The lanes there are, and which of them a call goes to. */
export class LaneSet {
  readonly #options: LaneSetOptions;
  readonly #lanes = new Set<Lane>();
  /** Warm, with nothing in hand; the last was busy last. */
  readonly #idle: Lane[] = [];
  slots: number;

  constructor(options: LaneSetOptions) {
    this.#options = options;
    this.slots = options.slots;
  }

  get size(): number {
    return this.#lanes.size;
  }

  get hasIdle(): boolean {
    return this.#idle.length > 0;
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /**
   * Finds a lane for a call: an idle one, or one whose calls are short. Undefined when it has to wait; a lane that it
   * waits for is started, unless as many as `waiting` are on their way.
   */
  laneFor(call: Call, waiting: number): Lane | undefined {
    if (this.#lanes.size === 0) {
      this.#start(call);
      return undefined;
    }
    const fits = this.#idle.length > 0 || this.#lanes.size < this.slots || call.cpus < 1 ? this.#fits(call) : false;
    // What was granted has room by the engine's word, whatever we count.
    const idle = fits || !call.isAhead ? this.#takeIdle(call) : undefined;
    if (idle !== undefined) return idle;
    const behind = this.#behindShort(call);
    if (fits && this.#startingCount() < waiting && this.#makeRoom(behind !== undefined)) this.#start(call);
    return behind;
  }

  /** It is warm and has nothing in hand. */
  rest(lane: Lane): void {
    if (lane.state === 'warm' && !this.#isSurplus(lane) && !(this.#options.isolate && lane.given > 0))
      this.#idle.push(lane);
    else lane.retire();
  }

  remove(lane: Lane): void {
    this.#lanes.delete(lane);
    this.#leaveIdle(lane);
  }

  /** Ends the lanes with nothing in hand that are too many by now. */
  shrink(): void {
    for (const lane of [...this.#idle]) if (this.#isSurplus(lane)) this.#retire(lane);
  }

  /** Those that loaded older code take nothing more. Gives those that have something in hand. */
  retireOlder(epoch: number): readonly Lane[] {
    const busy: Lane[] = [];
    for (const lane of this.#lanes) {
      if (lane.epoch >= epoch || lane.state === 'retiring') continue;
      if (lane.inHand.length > 0) busy.push(lane);
      this.#retire(lane);
    }
    return busy;
  }

  /** The lane with most behind what it runs. */
  fullest(): Lane | undefined {
    let fullest: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.inHand.length > (fullest?.inHand.length ?? 1)) fullest = lane;
    }
    return fullest;
  }

  /** Whether there is room for one more beside those that run. */
  #fits(call: Call): boolean {
    let cpus = call.cpus;
    for (const lane of this.#lanes) cpus += lane.inHand[0]?.cpus ?? 0;
    return cpus <= this.slots + SLACK;
  }

  #takeIdle(call: Call): Lane | undefined {
    for (let i = this.#idle.length - 1; i >= 0; i -= 1) {
      const lane = this.#idle[i] as Lane;
      if (lane.shape.memoryBytes !== call.memoryBytes) continue;
      this.#idle.splice(i, 1);
      return lane;
    }
    return undefined;
  }

  #startingCount(): number {
    let count = 0;
    for (const lane of this.#lanes) if (lane.state === 'starting') count += 1;
    return count;
  }

  /** Says whether one more may be started. An idle one that is of no use to the call makes room for it. */
  #makeRoom(canWait: boolean): boolean {
    if (this.#lanes.size < this.slots) return true;
    const idle = this.#idle[0];
    if (idle !== undefined) {
      this.#retire(idle);
      return true;
    }
    // Attempts that hold less than a cpu: there is room for more of them than there are slots.
    return !canWait && this.#lanes.size < this.slots * LANES_A_SLOT;
  }

  #start(call: Call): void {
    const lane = this.#options.start({ memoryBytes: call.memoryBytes });
    if (lane !== undefined) this.#lanes.add(lane);
  }

  /** The lane with the least in hand among those where everything in hand is short. */
  #behindShort(call: Call): Lane | undefined {
    let best: Lane | undefined;
    let least = this.#options.prefetch + 1;
    for (const lane of this.#lanes) {
      const { length } = lane.inHand;
      if (length === 0 || length >= least || lane.state !== 'warm') continue;
      if (lane.shape.memoryBytes !== call.memoryBytes || lane.inHand[0]?.cpus !== call.cpus || !lane.isShort) continue;
      best = lane;
      least = length;
    }
    return best;
  }

  #isSurplus(lane: Lane): boolean {
    return this.#lanes.size > this.slots && lane.inHand.length === 0;
  }

  #retire(lane: Lane): void {
    this.#leaveIdle(lane);
    lane.retire();
  }

  #leaveIdle(lane: Lane): void {
    const at = this.#idle.indexOf(lane);
    if (at !== -1) this.#idle.splice(at, 1);
  }
}
