/**
 * Simulates one state point and writes what it found.
 *
 *     node simulate.ts --temperature 0.85 --density 0.82 --seed 1 --out result.json
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { simulateStatePoint, type StatePoint } from './state-point.ts';

const { values } = parseArgs({
  options: {
    temperature: { type: 'string' },
    density: { type: 'string' },
    seed: { type: 'string' },
    particles: { type: 'string', default: '343' },
    cutoff: { type: 'string', default: '3' },
    'time-step': { type: 'string', default: '0.008' },
    friction: { type: 'string', default: '2' },
    equilibration: { type: 'string', default: '1500' },
    production: { type: 'string', default: '5120' },
    out: { type: 'string', default: 'result.json' },
  },
});

function numberOf(option: Exclude<keyof typeof values, 'out'>): number {
  const text = values[option];
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !Number.isFinite(value)) {
    throw new RangeError(`--${option} must be a number, not ${JSON.stringify(text)}`);
  }
  return value;
}

const state: StatePoint = {
  temperature: numberOf('temperature'),
  density: numberOf('density'),
  particles: numberOf('particles'),
  cutoff: numberOf('cutoff'),
  timeStep: numberOf('time-step'),
  friction: numberOf('friction'),
  seed: numberOf('seed'),
  equilibrationSteps: numberOf('equilibration'),
  productionSteps: numberOf('production'),
};
const result = simulateStatePoint(state);
writeFileSync(values.out, `${JSON.stringify(result)}\n`);
console.log(
  `T* ${state.temperature} rho* ${state.density} seed ${state.seed}: U*/N ${result.energy.mean} +- ${result.energy.error}, ` +
    `P* ${result.pressure.mean} +- ${result.pressure.error}`,
);
