/**
 * The equation of state of the Lennard-Jones fluid: a grid of state points, each simulated several times, then
 * analysed and compared with published values. README.md says more.
 */
import { command, file, project, sh, text, workflow, type Workflow } from 'heddle';

/** What can be varied with `-p name=value`. Reduced units. */
interface Parameters {
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

interface Simulation {
  readonly temperature: number;
  readonly density: number;
  readonly particles: number;
  readonly seed: number;
  readonly equilibration: number;
  readonly production: number;
}

const simulate = command('simulate', {
  run: (p: Simulation) => sh`node ${project}/examples/equation-of-state/simulate.ts \\
    --temperature ${p.temperature} --density ${p.density} --particles ${p.particles} --seed ${p.seed} \\
    --equilibration ${p.equilibration} --production ${p.production} --out result.json`,
  outputs: { result: file('result.json') },
});

type Result = ReturnType<typeof simulate>['result'];

const analyse = command('analyse', {
  run: (p: { readonly results: readonly Result[]; readonly agreement: number }) =>
    sh`node ${project}/examples/equation-of-state/analyse.ts --require ${p.agreement} ${p.results}`,
  outputs: {
    table: text('table.txt', { publish: 'equation-of-state/table.txt' }),
    csv: file('eos.csv', { publish: 'equation-of-state/eos.csv' }),
    plot: file('eos.svg', { publish: 'equation-of-state/eos.svg' }),
  },
});

const study: Workflow<Parameters> = workflow('equation-of-state', (p) => {
  const { replicas = 3, particles = 343, seed = 1, length = 1, agreement = 4 } = p;
  const { temperatures = [0.85, 0.9] } = p;
  // The gas moves freely: its steps are cheap, and it takes many for all pairs to meet.
  const phases = [
    { densities: p.liquidDensities ?? [0.776, 0.82, 0.86], equilibration: 1500, production: 5120 * length },
    { densities: p.gasDensities ?? [0.003, 0.005, 0.007], equilibration: 3000, production: 12_288 * length },
  ];
  const points = phases.flatMap(({ densities, ...steps }) =>
    temperatures.flatMap((temperature) => densities.map((density) => ({ temperature, density, ...steps }))),
  );
  const results = points.flatMap((point, i) =>
    Array.from({ length: replicas }, (_, replica) =>
      simulate({ ...point, particles, seed: seed + i * replicas + replica }).named(
        `T${point.temperature}-rho${point.density}-${replica + 1}`,
      ),
    ),
  );
  return { table: analyse({ results: results.map(({ result }) => result), agreement }).table };
});

export default study;
