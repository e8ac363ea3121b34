import { SLOT_CLAIMED, SLOT_FREE, SLOT_RECALLED, SLOT_SENT } from './protocol.ts';

/**
 * Decides who a queued call belongs to: the worker that is about to make it, or the host that takes it back. Never both.
 */
export interface Slots {
  /** Whether the call is ours to make. False: it was taken back. */
  claim(slot: number): boolean;
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
  };
}

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
