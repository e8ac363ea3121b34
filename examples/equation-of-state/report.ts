import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { combine, judge, parseReference } from './analysis.ts';
import { renderPlot } from './plot.ts';
import type { Point } from './point.ts';
import type { StateResult } from './state-point.ts';
import { renderCsv, renderTable } from './table.ts';

/** Where people look for what came out, from the directory the study is run in. */
const RESULTS = 'results/equation-of-state';

/** At which part of the compared states the study must agree with the reference: chance misses one now and then. */
const REQUIRED_AGREEMENT = 1 / 3;

/** What a simulation found, without where. */
export type Samples = Pick<
  StateResult,
  'energy' | 'pressure' | 'energyDrift' | 'weights' | 'weightedEnergies' | 'weightedPressures'
>;

/**
 * Takes all simulations together: replicas of a state become one row beside the published values. Gives the table, and writes
 * it with the CSV and the plot to `results/`.
 *
 * @throws {Error} when the study does not agree with the reference
 */
export function report(simulations: readonly { readonly parameters: Point; readonly result: unknown }[]): string {
  const references = parseReference(readFileSync(join(import.meta.dirname, 'reference.csv'), 'utf8'));
  const results = simulations.map(({ parameters, result }) => ({ state: parameters, ...(result as Samples) }));
  const points = combine(results, references);
  const compared = points.filter(({ comparison }) => comparison !== undefined).length;
  const verdict = judge(points, Math.ceil(compared * REQUIRED_AGREEMENT));
  const table = renderTable(points, verdict);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'table.txt'), table);
  writeFileSync(join(RESULTS, 'eos.csv'), renderCsv(points));
  writeFileSync(join(RESULTS, 'eos.svg'), renderPlot(points, references));
  if (!verdict.passed) throw new Error(`the study does not agree with the reference:\n${table}`);
  return table;
}
