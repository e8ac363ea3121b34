/**
 * The equation of state of the Lennard-Jones fluid: every state simulated several times, in threads, and compared with published
 * values. study.yaml is the very same study in YAML, programs.ts the same as programs; README.md says more.
 */
import { experiment, grid, workflow } from 'heddle';
import type { Point } from './point.ts';
import { report } from './report.ts';
import { simulate } from './simulation.ts';

const fluid = workflow('lennard-jones', (p: Point) => {
  const { temperature, density, replica, length = 1, particles = 343, seed = 1 } = p;
  const { energy, pressure, energyDrift, weights, weightedEnergies, weightedPressures } = simulate({
    ...{ temperature, density, replica, length, particles, seed },
  });
  return { energy, pressure, energyDrift, weights, weightedEnergies, weightedPressures };
});

export default experiment(
  'equation-of-state',
  fluid,
  grid({
    temperature: [0.85, 0.9],
    density: [0.003, 0.005, 0.007, 0.776, 0.82, 0.86],
    replica: [1, 2, 3],
  }),
  { report },
);
