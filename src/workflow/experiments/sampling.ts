import { directionNumbers } from './joe-kuo.ts';
import { seededStream } from './seeded-stream.ts';

/** What decides a sample of the unit cube: names stand for its dimensions, in their order. */
export interface Sampled {
  readonly names: readonly string[];
  readonly count: number;
  /** Absent: as the method does without one. */
  readonly seed: number | undefined;
}

/** Points of the unit cube, each a probability a dimension. The array is used again for the next. */
export type Sampler = (sampled: Sampled) => Generator<Float64Array, void>;

/** Independent and uniform. The first so many of a larger sample are those of a smaller one. */
export function* independent({ names, count, seed = 0 }: Sampled): Generator<Float64Array, void> {
  const streams = names.map((name) => seededStream(seed, name));
  const point = new Float64Array(names.length);
  for (let i = 0; i < count; i += 1) {
    for (const [d, stream] of streams.entries()) point[d] = stream.uniform();
    yield point;
  }
}

/**
 * A Latin hypercube (McKay, Beckman and Conover, Technometrics 21, 239, 1979): of `count` equal strata of each dimension each
 * holds exactly one point, anywhere in it.
 */
export function* latinHypercubeSample({ names, count, seed = 0 }: Sampled): Generator<Float64Array, void> {
  const streams = names.map((name) => seededStream(seed, name));
  const strata = streams.map((stream) => shuffled(count, (limit) => stream.below(limit)));
  const point = new Float64Array(names.length);
  for (let i = 0; i < count; i += 1) {
    for (const [d, stream] of streams.entries()) {
      point[d] = ((strata[d]?.[i] as number) + stream.uniform()) / count;
    }
    yield point;
  }
}

/** The numbers below `count` in an order of chance (Fisher and Yates, as Durstenfeld does it). */
function shuffled(count: number, below: (limit: number) => number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}

/**
 * Sobol's sequence with the direction numbers of Joe and Kuo, in the order of Antonov and Saleev (1979); the first point
 * belongs to it (Owen, On dropping the first Sobol' point, 2020). With a seed it is scrambled: Owen's nested uniform
 * scrambling by the hash of Burley (Practical Hash-based Owen Scrambling, JCGT 9(4), 1, 2020), which keeps every property of a net.
 * The first so many of a larger sample are those of a smaller one.
 */
export function* sobolSample({ names, count, seed }: Sampled): Generator<Float64Array, void> {
  const directions = names.map((_, d) => directionNumbers(d));
  const scrambles = names.map((name) => (seed === undefined ? undefined : seededStream(seed, name).bits()));
  const state = new Uint32Array(names.length);
  const point = new Float64Array(names.length);
  for (let i = 0; i < count; i += 1) {
    for (const [d, scramble] of scrambles.entries()) {
      const x = state[d] as number;
      point[d] = (scramble === undefined ? x : scrambled(x, scramble)) / 4_294_967_296;
    }
    yield point;
    // The lowest bit of i that is 0 says which direction comes next: Gray code.
    const flipped = Math.clz32(~i & (i + 1)) ^ 31;
    for (const [d, v] of directions.entries()) state[d] = (state[d] as number) ^ (v[flipped] as number);
  }
}

function scrambled(x: number, seed: number): number {
  let y = (reversed(x) + seed) | 0;
  for (const factor of [0x6c50b47c, 0xb82f1e52, 0xc7afe638, 0x8d22f6e6]) y ^= Math.imul(y, factor);
  return reversed(y);
}

/** A word with its bits in reverse. */
function reversed(word: number): number {
  let x = word >>> 0;
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return ((x >>> 16) | (x << 16)) >>> 0;
}
