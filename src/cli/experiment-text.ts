import { type Detail, isFinal } from '../model/index.ts';
import { cellOf, type ExperimentTable, type PointRow, type Scalar } from '../workflow/index.ts';
import { type Column, renderTable } from './output.ts';

/** Text longer than this is cut in a terminal's table; CSV and JSON have it whole. */
const CELL = 28;

/**
 * An experiment as a table for people: parameters, states, results. Numbers in six digits. Results that don't fit into `width`
 * are left out, the last ones first.
 */
export function experimentTableText(
  table: ExperimentTable,
  { width }: { readonly width: number },
): { readonly text: string; readonly omitted: readonly string[] } {
  const fixed = 2 + table.parameters.length;
  const all = [...table.parameters, 'STATUS', ...table.results, 'RUN'];
  const rows = table.rows.map((row) => [
    ...table.parameters.map((name) => cellText(cellOf({ ...row, results: new Map() }, name))),
    statusText(row),
    ...table.results.map((name) => cellText(row.results.get(name))),
    row.run ?? '',
  ]);
  const widths = all.map((title, i) => rows.reduce((most, row) => Math.max(most, row[i]?.length ?? 0), title.length));
  let total = widths.reduce((sum, each) => sum + each + 2, -2);
  let kept = table.results.length;
  for (; kept > 0 && total > width; kept -= 1) total -= (widths[fixed - 2 + kept] as number) + 2;
  const isKept = (i: number): boolean => i < fixed - 1 + kept || i === all.length - 1;
  const columns = all.flatMap((title, i): readonly Column[] =>
    isKept(i) ? [{ title, align: isNumeric(table, title) ? 'right' : 'left' }] : [],
  );
  return {
    text: renderTable(
      columns,
      rows.map((row) => row.filter((_, i) => isKept(i))),
    ),
    omitted: table.results.slice(kept),
  };
}

function isNumeric(table: ExperimentTable, column: string): boolean {
  if (!table.parameters.includes(column) && !table.results.includes(column)) return false;
  return table.rows.every((row) => {
    const value = cellOf(row, column);
    return value === undefined || typeof value === 'number';
  });
}

function statusText({ status, detail }: PointRow): string {
  return detail === '' || detail === ('active' satisfies Detail) || isFinal(status) ? status : `${status} (${detail})`;
}

function cellText(value: Scalar | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return numberText(value);
  const text = String(value);
  return text.length <= CELL ? text : `${text.slice(0, CELL - 1)}…`;
}

/** Six digits, where a number has more. */
function numberText(value: number): string {
  const whole = String(value);
  if (whole.length <= 8) return whole;
  const short = value.toPrecision(6);
  return short.includes('e') || !short.includes('.') ? short : short.replace(/0+$/, '').replace(/\.$/, '');
}

/** As RFC 4180 has it, a header first, numbers in full. */
export function* experimentCsv(table: ExperimentTable): Generator<string, void> {
  yield `${[...table.parameters, 'status', 'run', ...resultNames(table)].map(csvField).join(',')}\r\n`;
  for (const row of table.rows) {
    const cells = [
      ...table.parameters.map((name) => cellOf({ ...row, results: new Map() }, name)),
      row.status,
      row.run ?? '',
      ...table.results.map((name) => row.results.get(name)),
    ];
    yield `${cells.map((cell) => csvField(cell === undefined || cell === null ? '' : String(cell))).join(',')}\r\n`;
  }
}

/** A result that is called as something before it is called `result.` and that. */
function resultNames(table: ExperimentTable): readonly string[] {
  const taken = new Set([...table.parameters, 'status', 'run']);
  return table.results.map((name) => (taken.has(name) ? `result.${name}` : name));
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A point as `show --json` gives it. */
export function pointJson(row: PointRow): Readonly<Record<string, unknown>> {
  return {
    parameters: row.parameters,
    status: row.status,
    reason: row.detail,
    run: row.run ?? null,
    results: Object.fromEntries(row.results),
  };
}
