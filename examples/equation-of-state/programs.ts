/**
 * The study of study.ts with programs in place of functions: each simulation is a command in a directory of its own, whose
 * result is the file it leaves behind.
 */
import { command, experiment, grid, json, project, sh, workflow } from 'heddle';
import type { Point } from './point.ts';
import { report, type Samples } from './report.ts';

const simulate = command('simulate', {
  run: (p: Required<Omit<Point, 'particles' | 'seed'>>) => sh`node ${project}/examples/equation-of-state/simulate.ts \\
    --temperature ${p.temperature} --density ${p.density} --replica ${p.replica} --length ${p.length} --out result.json`,
  outputs: { result: json<Samples>('result.json') },
});

const fluid = workflow('lennard-jones', ({ temperature, density, replica, length = 1 }: Point) => {
  const { result } = simulate({ temperature, density, replica, length });
  const { energy, pressure, energyDrift, weights, weightedEnergies, weightedPressures } = result;
  return { energy, pressure, energyDrift, weights, weightedEnergies, weightedPressures };
});

export default experiment(
  'equation-of-state-programs',
  fluid,
  grid({
    temperature: [0.85, 0.9],
    density: [0.003, 0.005, 0.007, 0.776, 0.82, 0.86],
    replica: [1, 2, 3],
  }),
  { report },
);
