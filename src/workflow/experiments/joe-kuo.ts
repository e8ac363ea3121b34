/**
 * Direction numbers for Sobol sequences by S. Joe and F. Y. Kuo (Constructing Sobol sequences with better two-dimensional
 * projections, SIAM J. Sci. Comput. 30, 2635-2654, 2008): the first rows of their table new-joe-kuo-6.21201. For each dimension
 * from the second on the degree s of its primitive polynomial, its inner coefficients as the bits of a, and m_1 to m_s.
 */
export const JOE_KUO: readonly (readonly [s: number, a: number, m: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
  [6, 19, [1, 1, 1, 15, 7, 5]],
  [6, 22, [1, 3, 1, 15, 13, 25]],
  [6, 25, [1, 1, 5, 5, 19, 61]],
  [7, 1, [1, 3, 7, 11, 23, 15, 103]],
  [7, 4, [1, 3, 7, 13, 13, 15, 69]],
  [7, 7, [1, 1, 3, 13, 7, 35, 63]],
  [7, 8, [1, 3, 5, 9, 1, 25, 53]],
  [7, 14, [1, 3, 1, 13, 9, 35, 107]],
  [7, 19, [1, 3, 1, 5, 27, 61, 31]],
  [7, 21, [1, 1, 5, 11, 19, 41, 61]],
  [7, 28, [1, 3, 5, 3, 3, 13, 69]],
  [7, 31, [1, 1, 7, 13, 1, 19, 1]],
  [7, 32, [1, 3, 7, 5, 13, 19, 59]],
  [7, 37, [1, 1, 3, 9, 25, 29, 41]],
  [7, 41, [1, 3, 5, 13, 23, 1, 55]],
  [7, 42, [1, 3, 7, 3, 13, 59, 17]],
  [7, 50, [1, 3, 1, 3, 5, 53, 69]],
  [7, 55, [1, 1, 5, 5, 23, 33, 13]],
  [7, 56, [1, 1, 7, 7, 1, 61, 123]],
  [7, 59, [1, 1, 7, 9, 13, 61, 49]],
  [7, 62, [1, 3, 3, 5, 3, 55, 33]],
];

const BITS = 32;

/** Dimensions there are numbers for. */
export const SOBOL_DIMENSIONS: number = JOE_KUO.length + 1;

/** The 32 direction numbers of a dimension (from 0), each a fraction with the binary point before its highest bit. */
export function directionNumbers(dimension: number): Uint32Array {
  const row = dimension === 0 ? undefined : JOE_KUO[dimension - 1];
  // The first dimension is van der Corput's sequence.
  if (row === undefined) return Uint32Array.from({ length: BITS }, (_, i) => 2 ** (BITS - 1 - i));
  const [s, a, m] = row;
  const v = new Uint32Array(BITS);
  for (let i = 0; i < BITS; i += 1) {
    if (i < s) {
      v[i] = ((m[i] as number) << (BITS - 1 - i)) >>> 0;
      continue;
    }
    let next = (v[i - s] as number) ^ ((v[i - s] as number) >>> s);
    for (let k = 1; k < s; k += 1) if ((a >>> (s - 1 - k)) & 1) next ^= v[i - k] as number;
    v[i] = next >>> 0;
  }
  return v;
}
