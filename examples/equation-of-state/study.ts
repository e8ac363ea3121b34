/**
 * The equation of state of the Lennard-Jones fluid: every state simulated several times, in threads, and compared with published
 * values. programs.ts is the same study as programs; README.md says more.
 */
import { experiment, grid, task, workflow } from 'heddle';
import { type Point, stateOf } from './point.ts';
import { report } from './report.ts';
import { simulateStatePoint } from './state-point.ts';

const simulate = task('simulate', simulateStatePoint);

const fluid = workflow('lennard-jones', (p: Point) => {
  const { energy, pressure, energyDrift, weights, weightedEnergies, weightedPressures } = simulate(stateOf(p));
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
