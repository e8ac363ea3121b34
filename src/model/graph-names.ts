import { type Graph, type TextColumn, textAt } from './graph.ts';

/** Where the bytes of names lie: a finished column or one that still grows. */
interface NameBytes {
  readonly bytes: Uint8Array;
  offset(i: number): number;
}

const EMPTY = 0;
const encoder = new TextEncoder();

/** FNV-1a over bytes, finished as murmur3 is, since the table takes the low bits. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Finds a node by its name: open addressing over the bytes of a name column. It keeps no
 * strings, only 8 bytes a slot, where a `Map` of a million names would hold 100 MB.
 */
export class NameIndex {
  readonly #names: NameBytes;
  /** Index of the name plus one; 0 where the slot is free. */
  #slots: Uint32Array;
  /** The hash of the name in the same slot: growing need not hash again, and few comparisons go to the bytes. */
  #hashes: Uint32Array;
  #count = 0;

  constructor(names: NameBytes, expected = 0) {
    let capacity = 64;
    while (capacity * 0.7 < expected) capacity *= 2;
    this.#names = names;
    this.#slots = new Uint32Array(capacity);
    this.#hashes = new Uint32Array(capacity);
  }

  /** Enters name i of the column. Gives the index of an equal one that was there already, and then enters nothing. */
  enter(i: number): number | undefined {
    if ((this.#count + 1) * 10 > this.#slots.length * 7) this.#grow();
    const { bytes } = this.#names;
    const start = this.#names.offset(i);
    const end = this.#names.offset(i + 1);
    const hash = hashBytes(bytes, start, end);
    const slot = this.#find(bytes, start, end, hash);
    const there = this.#slots[slot] as number;
    if (there !== EMPTY) return there - 1;
    this.#slots[slot] = i + 1;
    this.#hashes[slot] = hash;
    this.#count += 1;
    return undefined;
  }

  /** Index of a name; undefined when there is none. */
  indexOf(name: string): number | undefined {
    const bytes = encoder.encode(name);
    const there = this.#slots[this.#find(bytes, 0, bytes.length, hashBytes(bytes, 0, bytes.length))] as number;
    return there === EMPTY ? undefined : there - 1;
  }

  /** The slot that holds these bytes, or the free one where they belong. */
  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const there = this.#slots[slot] as number;
      if (there === EMPTY) return slot;
      if (this.#hashes[slot] === hash && this.#equals(there - 1, bytes, start, end)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(i: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#names.offset(i);
    if (this.#names.offset(i + 1) - from !== end - start) return false;
    const mine = this.#names.bytes;
    for (let k = start; k < end; k += 1) if (mine[from + k - start] !== bytes[k]) return false;
    return true;
  }

  #grow(): void {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length * 2 - 1;
    this.#slots = new Uint32Array(slots.length * 2);
    this.#hashes = new Uint32Array(slots.length * 2);
    for (let i = 0; i < slots.length; i += 1) {
      if (slots[i] === EMPTY) continue;
      let slot = (hashes[i] as number) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = slots[i] as number;
      this.#hashes[slot] = hashes[i] as number;
    }
  }
}

function nameBytes(column: TextColumn): NameBytes {
  return { bytes: column.bytes, offset: (i) => column.offsets[i] as number };
}

/** An index of the names of a graph; it gives positions in the graph, to which `base` is to be added. */
export function nameIndex(graph: Graph): NameIndex {
  const index = new NameIndex(nameBytes(graph.names), graph.size);
  for (let i = 0; i < graph.size; i += 1) index.enter(i);
  return index;
}

/**
 * How many edits of one character, or swaps of two that stand side by side, lead from one text to the other; `limit + 1` when
 * more than `limit`. (Optimal string alignment: Damerau 1964, by rows.)
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (previous[j - 1] as number) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      let cost = Math.min(substituted, (previous[j] as number) + 1, (row[j - 1] as number) + 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) cost = Math.min(cost, (before[j - 2] as number) + 1);
      row.push(cost);
      if (cost < least) least = cost;
    }
    // A swap reaches back two rows.
    if (least > limit && Math.min(...previous) >= limit) return limit + 1;
    before = previous;
    previous = row;
  }
  return previous[b.length] as number;
}

/** No more names than these are compared for a suggestion: it is a courtesy, not worth seconds. */
const NAMES_COMPARED = 50_000;

/** The candidate a person most likely meant; undefined when none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let best = Math.max(1, Math.floor(name.length / 3));
  let compared = 0;
  for (const candidate of candidates) {
    if (compared === NAMES_COMPARED) break;
    compared += 1;
    const distance = editDistance(name, candidate, best);
    if (distance > best || (distance === best && nearest !== undefined)) continue;
    nearest = candidate;
    best = distance;
  }
  return nearest;
}

/** The names of a graph, in order, as they are asked for. */
export function* graphNames(graph: Graph): Generator<string, void> {
  for (let i = 0; i < graph.size; i += 1) yield textAt(graph.names, i);
}
