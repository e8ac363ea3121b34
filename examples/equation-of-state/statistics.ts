/** A mean and its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

/** An estimate, and how its error was found. */
export interface BlockEstimate extends Estimate {
  /** Samples a block when the error had stopped to grow. */
  readonly blockLength: number;
  /** Number of such blocks. */
  readonly blocks: number;
  /** False when the series is too short for its correlation: the error is then a lower bound. */
  readonly converged: boolean;
}

/** Fewer blocks than this say too little about their own scatter. */
const FEWEST_BLOCKS = 8;

/**
 * Mean and standard error of correlated samples by blocking: neighbours are averaged in pairs, again and again; the
 * naive error of the mean of blocks grows until a block is longer than the correlation, and then stays
 * (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461, 1989). Taken is the shortest block length B that satisfies
 * B^3 > 2 n (error(B) / error(1))^4, n being the number of samples (Lee et al., Phys. Rev. E 83, 066706, 2011).
 *
 * Several series are independent runs of one thing: blocks don't reach from one into the next, and deviations are
 * taken from the common mean, so that what differs between runs counts as error.
 *
 * @throws {RangeError} when there are fewer than 16 samples.
 */
export function blockAverage(series: readonly (readonly number[])[]): BlockEstimate {
  const samples = series.reduce((sum, run) => sum + run.length, 0);
  if (samples < 2 * FEWEST_BLOCKS) throw new RangeError(`${samples} samples are too few for an error`);
  const mean = series.reduce((sum, run) => sum + run.reduce((a, b) => a + b, 0), 0) / samples;
  const naive = errorOfMean(series, mean);
  let level = series;
  let length = 1;
  let error = naive;
  let converged = false;
  for (;;) {
    converged = naive === 0 || length ** 3 > 2 * samples * (error / naive) ** 4;
    const next = level.map(halve);
    if (converged || count(next) < FEWEST_BLOCKS) break;
    level = next;
    length *= 2;
    error = errorOfMean(level, mean);
  }
  return { mean, error, blockLength: length, blocks: count(level), converged };
}

function count(series: readonly (readonly number[])[]): number {
  return series.reduce((sum, run) => sum + run.length, 0);
}

/** Averages neighbours in pairs; an odd one at the end is left out. */
function halve(run: readonly number[]): readonly number[] {
  return Array.from({ length: run.length >> 1 }, (_, i) => ((run[2 * i] as number) + (run[2 * i + 1] as number)) / 2);
}

function errorOfMean(series: readonly (readonly number[])[], mean: number): number {
  let squares = 0;
  for (const run of series) for (const value of run) squares += (value - mean) ** 2;
  const n = count(series);
  return Math.sqrt(squares / (n - 1) / n);
}

/** Samples with weights: entry i of `weighted` is already multiplied with entry i of `weights`. */
export interface WeightedSeries {
  readonly weights: readonly number[];
  readonly weighted: readonly number[];
}

/**
 * Weighted mean and standard error of correlated samples. The ratio of the sums is the mean; its error is that of the
 * linearised ratio, whose samples are blocked as any others.
 */
export function weightedBlockAverage(series: readonly WeightedSeries[]): BlockEstimate {
  let weights = 0;
  let weighted = 0;
  let samples = 0;
  for (const run of series) {
    samples += run.weights.length;
    for (const value of run.weights) weights += value;
    for (const value of run.weighted) weighted += value;
  }
  const mean = weighted / weights;
  const usual = weights / samples;
  const linear = series.map((run) =>
    run.weighted.map((value, i) => mean + (value - mean * (run.weights[i] as number)) / usual),
  );
  return { ...blockAverage(linear), mean };
}

/**
 * Probability that a mean lies within so many of its errors of the truth, when the error comes from so many blocks:
 * Student's t with one degree of freedom fewer (Abramowitz and Stegun, 26.7.3 and 26.7.4). Many blocks: as a normal
 * deviate, 0.954 within two; eight: 0.914.
 */
export function coverage(errors: number, blocks: number): number {
  const freedom = blocks - 1;
  const angle = Math.atan(errors / Math.sqrt(freedom));
  const cosine = Math.cos(angle);
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = 0;
  for (let k = isOdd ? 1 : 0; k < freedom - 1; k += 2) {
    sum += term;
    term *= ((k + 1) / (k + 2)) * cosine * cosine;
  }
  return isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}
