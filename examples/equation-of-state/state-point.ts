import {
  computeForces,
  conservedEnergy,
  createFluid,
  energyPerParticle,
  type Fluid,
  jumpWeight,
  pressure,
  stepLangevin,
  stepVerlet,
  type Thermostat,
} from './physics.ts';
import { openRandom } from './random.ts';
import { type Estimate, weightedBlockAverage } from './statistics.ts';

/** What one simulation is of, and how it is done. Reduced units. */
export interface StatePoint {
  readonly temperature: number;
  readonly density: number;
  readonly particles: number;
  readonly cutoff: number;
  readonly timeStep: number;
  /** Friction of the Langevin thermostat, in inverse time. */
  readonly friction: number;
  readonly seed: number;
  readonly equilibrationSteps: number;
  readonly productionSteps: number;
}

/** What one simulation found. The same state point gives the same bytes, wherever it runs. */
export interface StateResult {
  readonly state: StatePoint;
  /** Means over blocks of so many steps follow; energy and pressure are multiplied with the weight. */
  readonly blockSteps: number;
  readonly weights: readonly number[];
  readonly weightedEnergies: readonly number[];
  readonly weightedPressures: readonly number[];
  readonly energy: Estimate;
  readonly pressure: Estimate;
  /** Largest excursion of the conserved energy a particle, in a stretch without a thermostat. */
  readonly energyDrift: number;
}

/** Steps whose mean is one sample of the block average. */
export const BLOCK_STEPS = 64;

/** Steps without a thermostat, after the production. */
export const DRIFT_STEPS = 500;

/**
 * Simulates one state point: from the lattice to equilibrium, then measured, both at constant temperature; at last a
 * stretch at constant energy, whose drift tells whether the time step is small enough.
 */
export function simulateStatePoint(state: StatePoint): StateResult {
  const random = openRandom(state.seed);
  const thermostat: Thermostat = { temperature: state.temperature, friction: state.friction, random };
  // A third of the mean distance: the dense fluid's list stays short, the thin one's is seldom made.
  const skin = Math.cbrt(1 / state.density) / 3;
  const fluid = createFluid({ ...state, skin }, random);
  for (let step = 0; step < state.equilibrationSteps; step++) stepLangevin(fluid, state.timeStep, thermostat);
  const blocks = measure(fluid, state, thermostat);
  const energy = weightedBlockAverage([{ weights: blocks.weights, weighted: blocks.weightedEnergies }]);
  const pressureEstimate = weightedBlockAverage([{ weights: blocks.weights, weighted: blocks.weightedPressures }]);
  return {
    state,
    blockSteps: BLOCK_STEPS,
    ...blocks,
    energy: { mean: energy.mean, error: energy.error },
    pressure: { mean: pressureEstimate.mean, error: pressureEstimate.error },
    energyDrift: energyDrift(fluid, state.timeStep),
  };
}

interface Blocks {
  readonly weights: readonly number[];
  readonly weightedEnergies: readonly number[];
  readonly weightedPressures: readonly number[];
}

function measure(fluid: Fluid, state: StatePoint, thermostat: Thermostat): Blocks {
  const weights: number[] = [];
  const weightedEnergies: number[] = [];
  const weightedPressures: number[] = [];
  for (let block = 0; block < Math.floor(state.productionSteps / BLOCK_STEPS); block++) {
    let sum = 0;
    let energy = 0;
    let stress = 0;
    for (let step = 0; step < BLOCK_STEPS; step++) {
      stepLangevin(fluid, state.timeStep, thermostat);
      const weight = jumpWeight(fluid, state.temperature);
      sum += weight;
      energy += weight * energyPerParticle(fluid);
      stress += weight * pressure(fluid, state.temperature);
    }
    weights.push(sum / BLOCK_STEPS);
    weightedEnergies.push(energy / BLOCK_STEPS);
    weightedPressures.push(stress / BLOCK_STEPS);
  }
  return { weights, weightedEnergies, weightedPressures };
}

/** Goes on at constant energy and gives the largest deviation from where it began, a particle. */
export function energyDrift(fluid: Fluid, timeStep: number): number {
  computeForces(fluid);
  const start = conservedEnergy(fluid);
  let largest = 0;
  for (let step = 0; step < DRIFT_STEPS; step++) {
    stepVerlet(fluid, timeStep);
    largest = Math.max(largest, Math.abs(conservedEnergy(fluid) - start));
  }
  return largest / fluid.particles;
}
