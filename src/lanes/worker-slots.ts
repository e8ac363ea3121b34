import { writeSync } from 'node:fs';
import { SLOT_CLAIMED, SLOT_ENDED, SLOT_FREE, SLOT_RECALLED, SLOT_SENT } from './protocol.ts';

/**
 * Decides who a queued call belongs to: the worker that is about to make it, or the host that takes it back. Never both.
 */
export interface Slots {
  /** Whether the call is ours to make. False: it was taken back. */
  claim(slot: number): boolean;
  /** The call has ended. Its word is on its way, and may be lost with the worker: then this is what is known of it. */
  ended(slot: number): void;
}

/**
 * Words that host and worker share, one a slot. The host marks a free word `sent` before it sends the call; the worker
 * frees the word of a call that was taken back when it comes upon it; all other words are the host's to free.
 */
export function sharedSlots(words: Int32Array): Slots {
  return {
    claim: (slot) => {
      if (Atomics.compareExchange(words, slot, SLOT_SENT, SLOT_CLAIMED) !== SLOT_RECALLED) return true;
      Atomics.store(words, slot, SLOT_FREE);
      return false;
    },
    ended: (slot) => void Atomics.compareExchange(words, slot, SLOT_CLAIMED, SLOT_ENDED),
  };
}

/** Words a child process has for its slots; more than are ever under way. */
export const CHILD_WORDS = 64;

/**
 * Words of a child process, shared by its main thread and its watchdog, which hears of what is taken back while the main
 * thread computes and has not even read the call. The host counts its calls: slot `n` is the n-th call it sends to this
 * lane, and a word holds the last decision about any of those that share it, so that nothing old is taken for new.
 */
export function countedSlots(words: Int32Array): Slots {
  return {
    claim: (slot) => {
      if (decide(words, slot, claimed(slot)) === claimed(slot)) return true;
      Atomics.store(words, slot % words.length, 0);
      return false;
    },
    ended: () => undefined,
  };
}

/**
 * Slots whose last claim or end stands in a file too, for a host that wants to know after the worker's death: one number,
 * `slot + 1` while the call runs, and the same below zero once it has ended.
 */
export function notedSlots(slots: Slots, descriptor: number): Slots {
  const note = new Int32Array(1);
  const write = (value: number): void => {
    note[0] = value;
    writeSync(descriptor, note, 0, NOTE_BYTES, 0);
  };
  return {
    claim: (slot) => {
      const isOurs = slots.claim(slot);
      if (isOurs) write(slot + 1);
      return isOurs;
    },
    ended: (slot) => {
      slots.ended(slot);
      write(-slot - 1);
    },
  };
}

/** Length of what `notedSlots` writes. */
export const NOTE_BYTES = 4;

/** Takes back a call of a child process. True when it has not been made and never will be. */
export function recallCounted(words: Int32Array, slot: number): boolean {
  return decide(words, slot, recalled(slot)) === recalled(slot);
}

const claimed = (slot: number): number => slot * 2 + 1;
const recalled = (slot: number): number => slot * 2 + 2;

/** What has been decided about a slot, by this decision or an earlier one. */
function decide(words: Int32Array, slot: number, decision: number): number {
  const index = slot % words.length;
  for (;;) {
    const before = Atomics.load(words, index);
    if (before === claimed(slot) || before === recalled(slot)) return before;
    if (Atomics.compareExchange(words, index, before, decision) === before) return decision;
  }
}
