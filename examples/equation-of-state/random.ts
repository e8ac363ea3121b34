/** A stream of random numbers that a seed decides: the same on every machine, since it only adds, shifts and rotates. */
export interface Random {
  /** Uniform in [0, 1), 32 random bits. */
  uniform(): number;
  /** Standard normal. */
  gaussian(): number;
}

/**
 * Opens the stream of a seed. Streams of different seeds are independent for any practical purpose.
 *
 * The generator is sfc32 of Chris Doty-Humphrey's PractRand (128 bits of state, one of them a counter,
 * so that no seed has a short period); normals come by the polar method (Marsaglia and Bray, SIAM Review 6,
 * 260, 1964). Twenty numbers are thrown away, so that near seeds have parted before the first is used.
 */
export function openRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`a seed is a whole number from 0, not ${seed}`);
  }
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  let spare = 0;
  let hasSpare = false;

  function uniform(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  }

  function gaussian(): number {
    if (hasSpare) {
      hasSpare = false;
      return spare;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const scale = Math.sqrt((-2 * Math.log(s)) / s);
        spare = v * scale;
        hasSpare = true;
        return u * scale;
      }
    }
  }

  for (let i = 0; i < 20; i++) uniform();
  return { uniform, gaussian };
}
