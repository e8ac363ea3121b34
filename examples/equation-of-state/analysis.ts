import type { StateResult } from './state-point.ts';
import { type BlockEstimate, coverage, weightedBlockAverage } from './statistics.ts';

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
  /** Points that would agree on average if study and reference were both right; errors from few blocks are rough. */
  readonly expectedAgreeing: number;
  /** Mean square of all deviations, and what it would be on average if both were right. */
  readonly meanSquare: number;
  readonly expectedMeanSquare: number;
  readonly largestDrift: number;
  /** Whether enough points agree, and energy was conserved everywhere. */
  readonly passed: boolean;
}

/** What of a simulation the analysis takes. */
export type Simulation = Pick<StateResult, 'weights' | 'weightedEnergies' | 'weightedPressures' | 'energyDrift'> & {
  readonly state: Pick<StateResult['state'], 'temperature' | 'density'>;
};

/** Standard errors within which two values agree. */
export const AGREEMENT = 2;

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
export function combine(results: readonly Simulation[], references: readonly Reference[]): readonly Point[] {
  const groups = Map.groupBy(results, ({ state }) => `${state.temperature}/${state.density}`);
  const points = [...groups.values()].map((replicas) => combinePoint(replicas, references));
  return points.toSorted((a, b) => a.temperature - b.temperature || a.density - b.density);
}

function combinePoint(replicas: readonly Simulation[], references: readonly Reference[]): Point {
  const { temperature, density } = (replicas[0] as Simulation).state;
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
  const compared = points.flatMap(({ comparison, ...point }) =>
    comparison === undefined ? [] : { ...point, comparison },
  );
  const agreeing = compared.filter(({ comparison }) => comparison.agrees).length;
  const largestDrift = Math.max(...points.map((point) => point.largestDrift));
  return {
    compared: compared.length,
    agreeing,
    required,
    expectedAgreeing: compared
      .map(({ energy, pressure }) => coverage(AGREEMENT, energy.blocks) * coverage(AGREEMENT, pressure.blocks))
      .reduce((a, b) => a + b, 0),
    meanSquare: meanOf(
      compared.flatMap(({ comparison }) => [comparison.energyDeviation ** 2, comparison.pressureDeviation ** 2]),
    ),
    // The variance of Student's t.
    expectedMeanSquare: meanOf(
      compared.flatMap(({ energy, pressure }) => [energy, pressure].map(({ blocks }) => (blocks - 1) / (blocks - 3))),
    ),
    largestDrift,
    passed: agreeing >= required && largestDrift <= DRIFT_BOUND,
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
