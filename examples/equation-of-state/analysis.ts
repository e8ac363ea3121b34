import type { StateResult } from './state-point.ts';
import { type BlockEstimate, weightedBlockAverage } from './statistics.ts';

/** A published state point. */
export interface Reference {
  readonly temperature: number;
  readonly density: number;
  readonly energy: number;
  readonly pressure: number;
}

/** One state point of the study: its replicas taken together, beside the published values if there are any. */
export interface Point {
  readonly temperature: number;
  readonly density: number;
  readonly replicas: number;
  readonly energy: BlockEstimate;
  readonly pressure: BlockEstimate;
  readonly largestDrift: number;
  readonly comparison?: Comparison;
}

/** How far the study is from the published values, in its own standard errors. */
export interface Comparison {
  readonly reference: Reference;
  readonly energyDeviation: number;
  readonly pressureDeviation: number;
  /** Whether both are within `AGREEMENT`. */
  readonly agrees: boolean;
}

/** The study judged. */
export interface Verdict {
  readonly compared: number;
  readonly agreeing: number;
  readonly required: number;
  /** Mean square of all deviations: 1 where both sides are right and the errors too. */
  readonly meanSquare: number;
  readonly largestDrift: number;
  /** Whether enough points agree, and energy was conserved everywhere. */
  readonly passed: boolean;
}

/** Standard errors within which two values agree. */
export const AGREEMENT = 2;

/** Probability that a normal deviate is within two standard errors, squared: energy and pressure both are. */
export const EXPECTED_AGREEMENT: number = 0.9545 ** 2;

/** Largest excursion of the conserved energy a particle that a time step may cause: a thousandth of its depth. */
export const DRIFT_BOUND = 0.005;

/**
 * Reads the published values: CSV with a header, `#` starting a comment.
 *
 * @throws {SyntaxError} at a row that isn't four numbers, naming its line.
 */
export function parseReference(csv: string): readonly Reference[] {
  const rows: Reference[] = [];
  csv.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#') || line.startsWith('temperature,')) return;
    const numbers = line.split(',').map(Number);
    const [temperature, density, energy, pressure] = numbers;
    if (numbers.length !== 4 || numbers.some(Number.isNaN)) {
      throw new SyntaxError(`line ${index + 1} of the reference is not four numbers: ${JSON.stringify(line)}`);
    }
    rows.push({ temperature, density, energy, pressure } as Reference);
  });
  return rows;
}

/** Takes replicas of a state point together and compares; in order of temperature, then density. */
export function combine(results: readonly StateResult[], references: readonly Reference[]): readonly Point[] {
  const groups = Map.groupBy(results, ({ state }) => `${state.temperature}/${state.density}`);
  const points = [...groups.values()].map((replicas) => combinePoint(replicas, references));
  return points.toSorted((a, b) => a.temperature - b.temperature || a.density - b.density);
}

function combinePoint(replicas: readonly StateResult[], references: readonly Reference[]): Point {
  const { temperature, density } = (replicas[0] as StateResult).state;
  const energy = weightedBlockAverage(replicas.map((r) => ({ weights: r.weights, weighted: r.weightedEnergies })));
  const pressure = weightedBlockAverage(replicas.map((r) => ({ weights: r.weights, weighted: r.weightedPressures })));
  const point = {
    temperature,
    density,
    replicas: replicas.length,
    energy,
    pressure,
    largestDrift: Math.max(...replicas.map((r) => r.energyDrift)),
  };
  const reference = references.find((row) => row.temperature === temperature && row.density === density);
  if (reference === undefined) return point;
  const energyDeviation = (energy.mean - reference.energy) / energy.error;
  const pressureDeviation = (pressure.mean - reference.pressure) / pressure.error;
  const agrees = Math.abs(energyDeviation) <= AGREEMENT && Math.abs(pressureDeviation) <= AGREEMENT;
  return { ...point, comparison: { reference, energyDeviation, pressureDeviation, agrees } };
}

/** Judges the study: at how many points it must agree is the caller's to say. */
export function judge(points: readonly Point[], required: number): Verdict {
  const comparisons = points.flatMap((point) => point.comparison ?? []);
  const squares = comparisons.flatMap((c) => [c.energyDeviation ** 2, c.pressureDeviation ** 2]);
  const agreeing = comparisons.filter((c) => c.agrees).length;
  const largestDrift = Math.max(...points.map((point) => point.largestDrift));
  return {
    compared: comparisons.length,
    agreeing,
    required,
    meanSquare: squares.reduce((a, b) => a + b, 0) / squares.length,
    largestDrift,
    passed: agreeing >= required && largestDrift <= DRIFT_BOUND,
  };
}
