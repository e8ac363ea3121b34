/**
 * Simulates one point of the study and writes what it found.
 *
 *     node simulate.ts --temperature 0.85 --density 0.82 --replica 1 --out result.json
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stateOf } from './point.ts';
import { simulateStatePoint } from './state-point.ts';

const { values } = parseArgs({
  options: {
    temperature: { type: 'string' },
    density: { type: 'string' },
    replica: { type: 'string', default: '1' },
    length: { type: 'string', default: '1' },
    particles: { type: 'string', default: '343' },
    seed: { type: 'string', default: '1' },
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

const state = stateOf({
  temperature: numberOf('temperature'),
  density: numberOf('density'),
  replica: numberOf('replica'),
  length: numberOf('length'),
  particles: numberOf('particles'),
  seed: numberOf('seed'),
});
const result = simulateStatePoint(state);
writeFileSync(values.out, `${JSON.stringify(result)}\n`);
console.log(
  `T* ${state.temperature} rho* ${state.density} seed ${state.seed}: U*/N ${result.energy.mean} +- ${result.energy.error}, ` +
    `P* ${result.pressure.mean} +- ${result.pressure.error}`,
);
