/**
 * The equation of state of the Lennard-Jones fluid: a grid of state points, each simulated several times in a thread, then
 * analysed and compared with published values. study.ts is the same study as programs; README.md says more.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { task, workflow, type Workflow } from 'heddle';
import { combine, judge, parseReference } from './analysis.ts';
import { REQUIRED_AGREEMENT, simulationsOf, type StudyParameters } from './grid.ts';
import { renderPlot } from './plot.ts';
import { simulateStatePoint, type StateResult } from './state-point.ts';
import { renderCsv, renderTable } from './table.ts';

/** Where people look for what came out, from the directory the study is run in. */
const RESULTS = 'results/equation-of-state';

const simulate = task('simulate', simulateStatePoint);

const analyse = task('analyse', (results: readonly StateResult[], agreement: number): { readonly table: string } => {
  const references = parseReference(readFileSync(join(import.meta.dirname, 'reference.csv'), 'utf8'));
  const points = combine(results, references);
  const verdict = judge(points, agreement);
  const table = renderTable(points, verdict);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'table.txt'), table);
  writeFileSync(join(RESULTS, 'eos.csv'), renderCsv(points));
  writeFileSync(join(RESULTS, 'eos.svg'), renderPlot(points, references));
  if (!verdict.passed) throw new Error(`the study does not agree with the reference:\n${table}`);
  return { table };
});

const study: Workflow<StudyParameters> = workflow('equation-of-state', (p) => {
  const results = simulationsOf(p).map(({ name, state }) => simulate(state).named(name));
  return { table: analyse(results, p.agreement ?? REQUIRED_AGREEMENT).table };
});

export default study;
