/** At most half of the places are taken: few keys lie far from where they belong. */
const FIRST_PLACES = 64;

/**
 * A map whose entries come and go all the time while few are there, in order of their entry. V8's own takes a new table
 * every few hundred entries, and each table that was left leads to the next: once one has grown old, all that was ever
 * entered behind it is carried from collection to collection, though nobody can reach it. Here what is deleted is
 * forgotten at once. Open addressing with linear probing and deletion by shifting back (Knuth, TAOCP 3, 6.4, algorithm R).
 */
export class ChurningMap<Key extends string | number, Value extends object> {
  #keys: (Key | undefined)[] = places(FIRST_PLACES);
  #values: (Value | undefined)[] = places(FIRST_PLACES);
  /** When each was entered: `values` and `keys` tell the older first. */
  #entered = new Float64Array(FIRST_PLACES);
  #mask = FIRST_PLACES - 1;
  #entries = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Key): Value | undefined {
    return this.#values[this.#find(key)];
  }

  has(key: Key): boolean {
    return this.#values[this.#find(key)] !== undefined;
  }

  set(key: Key, value: Value): void {
    let at = this.#find(key);
    if (this.#values[at] === undefined) {
      if ((this.#size + 1) * 2 > this.#mask + 1) {
        this.#grow();
        at = this.#find(key);
      }
      this.#size += 1;
      this.#entries += 1;
      this.#keys[at] = key;
      this.#entered[at] = this.#entries;
    }
    this.#values[at] = value;
  }

  delete(key: Key): boolean {
    let hole = this.#find(key);
    if (this.#values[hole] === undefined) return false;
    const mask = this.#mask;
    for (let at = (hole + 1) & mask; this.#values[at] !== undefined; at = (at + 1) & mask) {
      const home = placeOf(this.#keys[at] as Key) & mask;
      // What belongs behind the hole stays where it is.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#keys[hole] = this.#keys[at];
      this.#values[hole] = this.#values[at];
      this.#entered[hole] = this.#entered[at] as number;
      hole = at;
    }
    this.#keys[hole] = undefined;
    this.#values[hole] = undefined;
    this.#size -= 1;
    return true;
  }

  /** What is there now. */
  values(): readonly Value[] {
    return this.#inOrder().map((at) => this.#values[at] as Value);
  }

  /** The keys of what is there now. */
  keys(): readonly Key[] {
    return this.#inOrder().map((at) => this.#keys[at] as Key);
  }

  #inOrder(): readonly number[] {
    const taken: number[] = [];
    for (let at = 0; at <= this.#mask; at += 1) if (this.#values[at] !== undefined) taken.push(at);
    return taken.sort((a, b) => (this.#entered[a] as number) - (this.#entered[b] as number));
  }

  /** Where the key is, or would be. */
  #find(key: Key): number {
    const keys = this.#keys;
    const mask = this.#mask;
    let at = placeOf(key) & mask;
    for (let there = keys[at]; there !== undefined && there !== key; there = keys[at]) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    const entered = this.#entered;
    const size = keys.length * 2;
    this.#keys = places(size);
    this.#values = places(size);
    this.#entered = new Float64Array(size);
    this.#mask = size - 1;
    for (const [from, key] of keys.entries()) {
      if (key === undefined) continue;
      const to = this.#find(key);
      this.#keys[to] = key;
      this.#values[to] = values[from];
      this.#entered[to] = entered[from] as number;
    }
    // What was left must lead nowhere.
    keys.fill(undefined);
    values.fill(undefined);
  }
}

function places<Of>(size: number): (Of | undefined)[] {
  return Array.from<Of | undefined>({ length: size });
}

/** Fibonacci hashing of numbers; of texts the end tells them apart, since it is counted or random. */
function placeOf(key: string | number): number {
  if (typeof key === 'number') return Math.imul(key, 0x9e3779b1) >>> 8;
  let hash = 0;
  for (let i = Math.max(0, key.length - 8); i < key.length; i += 1) hash = Math.imul(hash, 31) + key.charCodeAt(i);
  return Math.imul(hash, 0x9e3779b1) >>> 8;
}
