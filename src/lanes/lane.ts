import { type AttemptId, type Clock, MAX_VALUE_BYTES, type Timer } from '../model/index.ts';
import type { ProcessTable } from '../process/index.ts';
import { type Call, startMessage } from './call.ts';
import { isBrisk, isShort } from './call-speeds.ts';
import { type FromWorker, LANE_PROTOCOL, type LaneLimits, type ToWorker } from './protocol.ts';
import type { CallFate, LaneEnd, LaneShape, OpenTransport, Transport } from './transport.ts';

/** What a lane tells whoever has it. */
export interface LaneOwner {
  /** It listens: calls may be given to it. */
  warm(lane: Lane): void;
  heard(lane: Lane, messages: readonly FromWorker[]): void;
  /** Nothing of it lives. What it had in hand is still in its hand. */
  ended(lane: Lane, end: LaneEnd): void;
}

export interface LaneOptions {
  readonly open: OpenTransport;
  readonly shape: LaneShape;
  readonly clock: Clock;
  readonly owner: LaneOwner;
  /** How long its worker may take until it says hello. */
  readonly helloMs: number;
  /** The state of the code its worker will load. */
  readonly epoch: number;
}

/**
 * One live worker and what it has been sent.
 *
 * starting -> (hello) warm -> (retire) retiring -> ended; any -> (terminate, or death) ended. A retiring lane finishes
 * what it has in hand and is given nothing more.
 */
export class Lane {
  readonly shape: LaneShape;
  readonly epoch: number;
  state: 'starting' | 'warm' | 'retiring' | 'ended' = 'starting';
  /** Sent and not ended, in order: the first runs, the others wait behind it. */
  readonly inHand: Call[] = [];
  /** Calls it was ever given. */
  given = 0;
  /** It has said hello. */
  wasWarm = false;
  /** Calls were asked back for an idle lane since it was last heard of. */
  wasAsked = false;
  /** Its end was brought about by us. */
  isTerminated = false;
  readonly #transport: Transport;
  readonly #owner: LaneOwner;
  #outbox: ToWorker[] = [];
  #limits: LaneLimits | undefined;
  #isHeld = true;
  #hello: Timer | undefined;
  #broken: LaneEnd | undefined;
  /** Something was heard since the last look, and at how many looks in a row nothing was. */
  #isMoving = true;
  #stillFor = 0;

  /** @throws what the transport throws when no worker can be had */
  constructor({ open, shape, clock, owner, helloMs, epoch }: LaneOptions) {
    this.shape = shape;
    this.epoch = epoch;
    this.#owner = owner;
    this.#transport = open(shape, {
      heard: (messages) => this.#hear(messages),
      wrote: (stream, chunk) => this.#hearRaw(stream, chunk),
      ended: (end) => this.#end(end),
    });
    this.#hello = clock.after(helloMs, () => this.#breakOff(`it did not say hello within ${helloMs / 1000} s`));
  }

  get pid(): number | undefined {
    return this.#transport.identity?.pid;
  }

  /** Its end was brought about by what a call in its hand did. */
  get isEndedForCall(): boolean {
    return this.wasWarm && this.#broken !== undefined;
  }

  /** It ended before it listened, and not because nobody wanted it any more. */
  get hasFailedToStart(): boolean {
    return !this.wasWarm && (this.#broken !== undefined || !this.isTerminated);
  }

  /** Others may be sent behind what it has in hand: all of it is short. */
  get isShort(): boolean {
    return this.inHand.every((call) => isShort(call.callee) && call.cancelling === undefined);
  }

  /** It will be heard of at once: what it has in hand takes no time. */
  get isBrisk(): boolean {
    const [first] = this.inHand;
    return first !== undefined && isBrisk(first.callee);
  }

  /** The call in its hand of this attempt. */
  callOf(attempt: AttemptId): Call | undefined {
    const [first] = this.inHand;
    return first?.order.attempt === attempt ? first : this.inHand.find((call) => call.order.attempt === attempt);
  }

  /** A slot for one more call; -1 when none is to be had. */
  takeSlot(): number {
    return this.#transport.takeSlot();
  }

  /** Puts a call into its hand; sent with the next `flush`. */
  give(call: Call, slot: number): void {
    call.lane = this;
    call.slot = slot;
    call.recalling = undefined;
    this.inHand.push(call);
    this.given += 1;
    this.#outbox.push(startMessage(call, this.#limitsOf(call)));
  }

  say(message: ToWorker): void {
    this.#outbox.push(message);
  }

  /**
   * Sends what has gathered, as one list. Gives the calls whose arguments could not be sent, with why: they are out of
   * its hand.
   */
  flush(): readonly { readonly call: Call; readonly error: unknown }[] {
    if (this.#outbox.length === 0) return [];
    const messages = this.#outbox;
    this.#outbox = [];
    try {
      this.#transport.send(messages);
      return [];
    } catch {
      return this.#sendEach(messages);
    }
  }

  /** Takes a call that has ended, or was taken back, out of its hand. */
  drop(call: Call): void {
    const at = this.inHand.indexOf(call);
    if (at === 0) this.inHand.shift();
    else if (at > 0) this.inHand.splice(at, 1);
    call.lane = undefined;
  }

  /** Its call under this slot has ended. */
  free(slot: number): void {
    this.#transport.free(slot);
  }

  /**
   * Takes back what has not begun. `answer` comes once for each, and says whether it was got back: it is out of the
   * lane's hand then. It was not when it has begun, or ended.
   */
  takeBack(calls: readonly Call[], answer: (call: Call, taken: boolean) => void): void {
    const asked = calls.filter((call) => {
      const isAsked = call.recalling !== undefined;
      call.recalling ??= [];
      call.recalling.push((taken) => answer(call, taken));
      return !isAsked;
    });
    if (asked.length === 0) return;
    this.#transport.recall(
      asked.map(({ slot }) => slot),
      (taken) => {
        for (const [i, call] of asked.entries()) this.#answerRecall(call, taken[i] === true);
      },
    );
  }

  /** Says at how many looks in a row nothing was heard of it; this is one. */
  looksStill(): number {
    this.#stillFor = this.#isMoving ? 0 : this.#stillFor + 1;
    this.#isMoving = false;
    return this.#stillFor;
  }

  /** How far a call in its hand had come when it ended. */
  fateOf(call: Call): CallFate {
    const fate = this.#transport.fateOf(call.slot);
    return fate === 'sent' && call.startedAt !== undefined ? 'begun' : fate;
  }

  /** Memory it holds now; undefined when nobody can say. */
  heldBytes(table: () => ProcessTable): Promise<number | undefined> {
    return this.#transport.heldBytes(table);
  }

  /** Whether it holds this process alive. */
  hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld || this.state === 'ended') return;
    this.#isHeld = isHeld;
    this.#transport.hold(isHeld);
  }

  /** Gives it nothing more; it ends when nothing is in its hand. */
  retire(): void {
    if (this.state === 'ended') return;
    if (this.state === 'starting') {
      this.terminate();
      return;
    }
    this.state = 'retiring';
    if (this.inHand.length > 0) return;
    this.say({ kind: 'stop' });
    this.flush();
  }

  /** Ends it at once. */
  terminate(): void {
    if (this.state === 'ended' || this.isTerminated) return;
    this.isTerminated = true;
    this.#transport.terminate();
  }

  /** Ends it at once, by the fault of the call it runs: that is how this one ends. */
  endFor(end: LaneEnd): void {
    if (this.state === 'ended' || this.isTerminated) return;
    this.#broken = end;
    this.terminate();
  }

  #limitsOf({ order: { limits } }: Call): LaneLimits {
    const { graceMs, outputBytes } = limits;
    // Limits are mostly alike, and one object is cloned once a list.
    if (this.#limits?.graceMs !== graceMs || this.#limits.outputBytes !== outputBytes) {
      this.#limits = { graceMs, outputBytes, valueBytes: MAX_VALUE_BYTES };
    }
    return this.#limits;
  }

  #sendEach(messages: readonly ToWorker[]): readonly { readonly call: Call; readonly error: unknown }[] {
    const failed: { readonly call: Call; readonly error: unknown }[] = [];
    for (const message of messages) {
      try {
        this.#transport.send([message]);
      } catch (error) {
        const call = message.kind === 'start' ? this.inHand.find(({ slot }) => slot === message.slot) : undefined;
        if (call === undefined) continue;
        this.drop(call);
        this.free(call.slot);
        failed.push({ call, error });
      }
    }
    return failed;
  }

  #answerRecall(call: Call, taken: boolean): void {
    const waiting = call.recalling ?? [];
    call.recalling = undefined;
    const isBack = taken && call.lane === this;
    if (isBack) this.drop(call);
    for (const answer of waiting) answer(isBack);
  }

  #hear(messages: readonly FromWorker[]): void {
    if (this.state === 'ended') return;
    this.#isMoving = true;
    this.wasAsked = false;
    const first = messages[0];
    if (this.state === 'starting' && first?.kind === 'hello') {
      if (first.protocol !== LANE_PROTOCOL) {
        this.#breakOff(`it speaks protocol ${first.protocol}, not ${LANE_PROTOCOL}`);
        return;
      }
      this.#hello?.cancel();
      this.#hello = undefined;
      this.state = 'warm';
      this.wasWarm = true;
      this.#owner.warm(this);
      if (messages.length === 1) return;
    }
    this.#owner.heard(this, messages);
  }

  /** Whose it is nobody says: what runs is the likeliest. */
  #hearRaw(stream: 'stdout' | 'stderr', chunk: Uint8Array): void {
    const [call] = this.inHand;
    if (call === undefined || this.state === 'ended') return;
    this.#owner.heard(this, [{ kind: 'output', attempt: call.order.attempt, stream, chunk }]);
  }

  #breakOff(why: string): void {
    this.#broken = { why, outcome: { kind: 'lost', why } };
    this.terminate();
  }

  #end(end: LaneEnd): void {
    if (this.state === 'ended') return;
    this.#hello?.cancel();
    this.state = 'ended';
    this.#owner.ended(this, this.#broken ?? end);
  }
}
