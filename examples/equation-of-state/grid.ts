import type { StatePoint } from './state-point.ts';

/** What can be varied with `-p name=value`. Reduced units. */
export interface StudyParameters {
  readonly temperatures?: readonly number[];
  readonly gasDensities?: readonly number[];
  readonly liquidDensities?: readonly number[];
  /** Independent simulations a state point: same physics, other random numbers. */
  readonly replicas?: number;
  /** A cube: 343, 512, 729, ... */
  readonly particles?: number;
  /** Seed of the first simulation; the others count on from it. */
  readonly seed?: number;
  /** Multiplies the steps that are measured: four times as many halve the errors. */
  readonly length?: number;
  /** At how many points the study must agree with the reference. */
  readonly agreement?: number;
}

/** One simulation of the study, and what its job is called. */
export interface Simulation {
  readonly name: string;
  readonly state: StatePoint;
}

/** At how many points the study must agree when nobody says. */
export const REQUIRED_AGREEMENT = 4;

/** All simulations of a study: every state point as often as there are replicas. */
export function simulationsOf(p: StudyParameters): readonly Simulation[] {
  const { temperatures = [0.85, 0.9], replicas = 3, particles = 343, seed = 1, length = 1 } = p;
  // The gas moves freely: its steps are cheap, and it takes many for all pairs to meet.
  const phases = [
    { densities: p.liquidDensities ?? [0.776, 0.82, 0.86], equilibrationSteps: 1500, productionSteps: 5120 * length },
    {
      densities: p.gasDensities ?? [0.003, 0.005, 0.007],
      equilibrationSteps: 3000,
      productionSteps: 12_288 * length,
    },
  ];
  const points = phases.flatMap(({ densities, ...steps }) =>
    temperatures.flatMap((temperature) => densities.map((density) => ({ temperature, density, ...steps }))),
  );
  return points.flatMap((point, i) =>
    Array.from({ length: replicas }, (_, replica) => ({
      name: `T${point.temperature}-rho${point.density}-${replica + 1}`,
      state: { ...point, particles, cutoff: 3, timeStep: 0.008, friction: 2, seed: seed + i * replicas + replica },
    })),
  );
}
