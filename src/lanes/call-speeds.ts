import type { CallReference } from '../model/index.ts';

/** A call is short when its function takes less than this on average, in milliseconds. */
export const SHORT_MS = 1;
/** Less than this: its answer is there sooner than who waits for it has fallen asleep. */
const BRISK_MS = 0.02;
/** Measurements before an average is believed: the first call of a function compiles it. */
const ENOUGH = 3;
const WEIGHT = 0.2;
/** Functions remembered; a program that makes more of them has each measured anew now and then. */
const MANY = 10_000;

/** One function, and how long calls of it took. There is one object for one function: alike references share it. */
export interface Callee {
  readonly reference: CallReference;
  /** Moving average, in milliseconds. */
  averageMs: number;
  measured: number;
}

/** What is known of the functions that are called. */
export class CallSpeeds {
  readonly #modules = new Map<string, Map<string, Callee>>();
  readonly #others = new Map<string, Callee>();

  of(reference: CallReference): Callee {
    if (reference.kind !== 'module') {
      const text = 'source' in reference ? reference.source : 'name' in reference ? reference.name : reference.id;
      return find(this.#others, `${reference.kind} ${text}`, reference);
    }
    let names = this.#modules.get(reference.module);
    if (names === undefined) {
      names = new Map();
      this.#modules.set(reference.module, names);
    }
    return find(names, reference.task === true ? `task ${reference.name}` : reference.name, reference);
  }
}

function find(map: Map<string, Callee>, key: string, reference: CallReference): Callee {
  let callee = map.get(key);
  if (callee === undefined) {
    if (map.size >= MANY) map.clear();
    callee = { reference, averageMs: 0, measured: 0 };
    map.set(key, callee);
  }
  return callee;
}

/** Takes in how long a call took. */
export function measure(callee: Callee, tookMs: number): void {
  callee.measured += 1;
  // What compiling cost the first time says nothing; one long call weighs at once, so that nothing waits behind the next.
  callee.averageMs = callee.measured <= 2 ? tookMs : callee.averageMs + (tookMs - callee.averageMs) * WEIGHT;
}

/** Whether others may wait behind a call of it. */
export function isShort(callee: Callee): boolean {
  return callee.measured >= ENOUGH && callee.averageMs < SHORT_MS;
}

/** Whether calls of it take hardly longer than their way there and back. */
export function isBrisk(callee: Callee): boolean {
  return callee.measured >= ENOUGH && callee.averageMs < BRISK_MS;
}
