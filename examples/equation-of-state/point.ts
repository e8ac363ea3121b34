import type { StatePoint } from './state-point.ts';

/** A point of the study: where, and which time. Reduced units. */
export interface Point {
  readonly temperature: number;
  readonly density: number;
  /** Which of several simulations of the same state, from 1: same physics, other random numbers. */
  readonly replica: number;
  /** Multiplies the steps that are measured: four times as many halve the errors. */
  readonly length?: number;
  /** A cube: 343, 512, 729, ... */
  readonly particles?: number;
  /** Another is the same study with other random numbers. */
  readonly seed?: number;
}

/** Below it is gas, which moves freely: its steps are cheap, and it takes many for all pairs to meet. */
const GAS = 0.1;

/** How a point is simulated. Its seed is its own: adding points changes nothing of the others. */
export function stateOf({ temperature, density, replica, length = 1, particles = 343, seed = 1 }: Point): StatePoint {
  const isGas = density < GAS;
  return {
    temperature,
    density,
    particles,
    cutoff: 3,
    timeStep: 0.008,
    friction: 2,
    seed: ((seed - 1) * 10_000 + Math.round(1000 * temperature)) * 1e6 + Math.round(1000 * density) * 100 + replica,
    equilibrationSteps: isGas ? 3000 : 1500,
    productionSteps: (isGas ? 12_288 : 5120) * length,
  };
}
