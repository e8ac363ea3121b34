/**
 * Takes the results of all state points together: prints the table and writes table.txt, eos.csv and eos.svg.
 * Ends with 1 unless the study agrees with the reference at as many points as `--require` says.
 *
 *     node analyse.ts --require 4 --out . results/*.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { combine, judge, parseReference } from './analysis.ts';
import { renderPlot } from './plot.ts';
import type { StateResult } from './state-point.ts';
import { renderCsv, renderTable } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    reference: { type: 'string', default: join(import.meta.dirname, 'reference.csv') },
    require: { type: 'string', default: '4' },
    out: { type: 'string', default: '.' },
  },
});
const required = Number(values.require);
if (!Number.isInteger(required) || required < 0) {
  throw new RangeError(`--require must be a whole number from 0, not ${values.require}`);
}
if (positionals.length === 0) throw new RangeError('name the result files of the state points');

const references = parseReference(readFileSync(values.reference, 'utf8'));
const results = positionals.map((path) => JSON.parse(readFileSync(path, 'utf8')) as StateResult);
const points = combine(results, references);
const verdict = judge(points, required);
const table = renderTable(points, verdict);

writeFileSync(join(values.out, 'table.txt'), table);
writeFileSync(join(values.out, 'eos.csv'), renderCsv(points));
writeFileSync(join(values.out, 'eos.svg'), renderPlot(points, references));
// A study that fails tells why where failures are told.
(verdict.passed ? process.stdout : process.stderr).write(table);
process.exitCode = verdict.passed ? 0 : 1;
