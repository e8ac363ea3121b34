/**
 * The equation of state of the Lennard-Jones fluid: a grid of state points, each simulated several times by a program, then
 * analysed by another and compared with published values. calls.ts is the same study as calls of functions; README.md says more.
 */
import { command, file, project, sh, text, workflow, type Workflow } from 'heddle';
import { REQUIRED_AGREEMENT, simulationsOf, type StudyParameters } from './grid.ts';
import type { StatePoint } from './state-point.ts';

const simulate = command('simulate', {
  run: (p: StatePoint) => sh`node ${project}/examples/equation-of-state/simulate.ts \\
    --temperature ${p.temperature} --density ${p.density} --particles ${p.particles} --seed ${p.seed} \\
    --equilibration ${p.equilibrationSteps} --production ${p.productionSteps} --out result.json`,
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

const study: Workflow<StudyParameters> = workflow('equation-of-state', (p) => {
  const results = simulationsOf(p).map(({ name, state }) => simulate(state).named(name).result);
  return { table: analyse({ results, agreement: p.agreement ?? REQUIRED_AGREEMENT }).table };
});

export default study;
