import type { Clock, Timer } from '../model/index.ts';
import { ProcessTable } from '../process/index.ts';
import type { Call } from './call.ts';
import { YOUNG_BYTES } from './heap-limits.ts';
import type { Lane } from './lane.ts';

export interface MemoryWatchOptions {
  readonly clock: Clock;
  /** Takes back what waits behind a call that is to be ended by force; `then` follows when it is out of the way. */
  moveAway(lane: Lane, others: readonly Call[], then: () => void): void;
}

const MIB = 1024 * 1024;
const LOOK_MS = 500;
/** On a machine with very many processes we look less often: one part in so many of our time, at most. */
const SHARE = 50;
/**
 * What a worker may hold above what was granted, since it is not the call's: V8's young generation, and what V8 and malloc
 * keep for later. Processes whose calls made much garbage, and kept to a heap of 64 MiB, were seen 51 MiB above it.
 */
const SPARE_BYTES = YOUNG_BYTES + 32 * MIB;
/** So much above the limit one look is enough. A little above it there may be garbage that is collected soon. */
const FAR_ABOVE = 1.25;
const LOOKS_ABOVE = 2;

interface Watched {
  above: number;
  isAsked: boolean;
}

/**
 * Looks at what calls hold that were granted so much memory and no more. V8's limit is of its heap alone: buffers, native
 * memory and child processes are beyond it, and this is what sees them. One timer for all; none while nobody is watched.
 */
export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #calls = new Map<Call, Watched>();
  #timer: Timer | undefined;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
  }

  /** Watches a call, from when it runs, if it has a limit. */
  add(call: Call): void {
    if (call.memoryBytes === undefined) return;
    this.#calls.set(call, { above: 0, isAsked: false });
    this.#arm(LOOK_MS);
  }

  /** It has ended. */
  remove(call: Call): void {
    if (call.memoryBytes === undefined) return;
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.close();
  }

  close(): void {
    this.#calls.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer ??= this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      const tookMs = this.#look();
      if (this.#calls.size > 0) this.#arm(Math.max(LOOK_MS, SHARE * tookMs));
    });
  }

  /** Gives the milliseconds it took. */
  #look(): number {
    const { clock } = this.#options;
    const from = clock.now().mono;
    let table: ProcessTable | undefined;
    for (const [call, watched] of this.#calls) {
      const { lane } = call;
      if (lane === undefined || lane.inHand[0] !== call || watched.isAsked) continue;
      watched.isAsked = true;
      const answered = (held?: number): void => {
        watched.isAsked = false;
        // It may have ended, or been taken elsewhere, since it was asked.
        if (held !== undefined && call.lane === lane && lane.inHand[0] === call) this.#judge(call, lane, held);
      };
      // Out of descriptors to look with: at the next look there may be one.
      lane.heldBytes(() => (table ??= new ProcessTable())).then(answered, () => answered());
    }
    return clock.now().mono - from;
  }

  #judge(call: Call, lane: Lane, held: number): void {
    const watched = this.#calls.get(call);
    const { memoryBytes } = call;
    if (watched === undefined || memoryBytes === undefined) return;
    watched.above = held > memoryBytes + SPARE_BYTES ? watched.above + 1 : 0;
    if (watched.above < LOOKS_ABOVE && held <= memoryBytes * FAR_ABOVE + SPARE_BYTES) return;
    const note = `used ${Math.round(held / MIB)} MiB of ${Math.round(memoryBytes / MIB)} MiB`;
    this.#options.moveAway(
      lane,
      lane.inHand.filter((other) => other !== call),
      () => {
        // Where another has begun meanwhile, the one that was meant has ended.
        if (call.lane === lane && lane.inHand.length === 1)
          lane.endFor({ why: note, outcome: { kind: 'memory', note } });
      },
    );
  }
}
