/** Uniform numbers that a seed and a name decide: the same on every machine, since it only adds, shifts and rotates. */
export interface SeededStream {
  /** A whole number of 32 random bits. */
  bits(): number;
  /** Uniform in [0, 1), 53 random bits. */
  uniform(): number;
  /** A whole number from 0 to below `limit`, each as likely (limit at most 2^32). */
  below(limit: number): number;
}

/**
 * Opens the stream of a name under a seed. Each parameter has one of its own, so that adding one changes nothing of the
 * others. The generator is sfc32 of Chris Doty-Humphrey's PractRand (128 bits of state, one word a counter, so that no seed
 * has a short period).
 */
export function seededStream(seed: number, name: string): SeededStream {
  let a = seed >>> 0;
  let b = Math.floor(seed / 4_294_967_296) >>> 0;
  let c = hashText(name);
  let counter = 1;

  function bits(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  // Near seeds have parted before the first number is used.
  for (let i = 0; i < 20; i += 1) bits();
  return {
    bits,
    uniform: () => ((bits() >>> 5) * 67_108_864 + (bits() >>> 6)) / 9_007_199_254_740_992,
    below(limit) {
      // What would make some numbers likelier than others is drawn again.
      const fair = 4_294_967_296 - (4_294_967_296 % limit);
      for (;;) {
        const drawn = bits();
        if (drawn < fair) return drawn % limit;
      }
    },
  };
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
