import { DRIFT_BOUND, type Point, type Verdict } from './analysis.ts';
import type { Estimate } from './statistics.ts';

/** The study as a table for people, with the verdict under it. Ends in a newline. */
export function renderTable(points: readonly Point[], verdict: Verdict): string {
  const header = [
    ['', '', '', 'energy U*/N', '', '', 'pressure P*', '', '', ''],
    ['T*', 'rho*', 'runs', 'this study', 'reference', 'off by', 'this study', 'reference', 'off by', 'agrees'],
  ];
  const rows = points.map((point) => {
    const { comparison } = point;
    return [
      point.temperature.toFixed(2),
      point.density.toFixed(3),
      String(point.replicas),
      withError(point.energy),
      comparison === undefined ? '-' : likeEstimate(comparison.reference.energy, point.energy),
      comparison === undefined ? '-' : inErrors(comparison.energyDeviation),
      withError(point.pressure),
      comparison === undefined ? '-' : likeEstimate(comparison.reference.pressure, point.pressure),
      comparison === undefined ? '-' : inErrors(comparison.pressureDeviation),
      comparison === undefined ? '-' : comparison.agrees ? 'yes' : 'no',
    ];
  });
  return `${alignColumns([...header, ...rows])}\n\n${verdictLines(verdict).join('\n')}\n`;
}

/** Rows of CSV, a header first. Numbers in full; columns of the reference are empty where it has no such point. */
export function renderCsv(points: readonly Point[]): string {
  const header =
    'temperature,density,replicas,energy_per_particle,energy_error,energy_reference,energy_deviation,' +
    'pressure,pressure_error,pressure_reference,pressure_deviation,agrees,energy_drift';
  const rows = points.map(({ comparison, ...point }) =>
    [
      point.temperature,
      point.density,
      point.replicas,
      point.energy.mean,
      point.energy.error,
      comparison?.reference.energy ?? '',
      comparison?.energyDeviation ?? '',
      point.pressure.mean,
      point.pressure.error,
      comparison?.reference.pressure ?? '',
      comparison?.pressureDeviation ?? '',
      comparison?.agrees ?? '',
      point.largestDrift,
    ].join(','),
  );
  return `${[header, ...rows].join('\n')}\n`;
}

function verdictLines(verdict: Verdict): readonly string[] {
  const { compared, agreeing, required, largestDrift } = verdict;
  const lines = [
    `"off by" is in standard errors of this study; a point agrees when energy and pressure are both within 2.`,
    `Energy drift without thermostat: at most ${largestDrift.toExponential(1)} a particle (bound ${DRIFT_BOUND}).`,
  ];
  if (compared > 0) {
    lines.push(
      `Mean square of "off by": ${verdict.meanSquare.toFixed(2)} (by chance alone: ${verdict.expectedMeanSquare.toFixed(2)}).`,
      `Agreement at ${agreeing} of ${compared} points (by chance alone: ${verdict.expectedAgreeing.toFixed(1)}); required: ${required}.`,
    );
  }
  lines.push(verdict.passed ? 'PASSED' : 'FAILED');
  return lines;
}

/** Decimals that show two digits of the error. */
function decimalsOf(error: number): number {
  if (!(error > 0)) return 6;
  return Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(error))));
}

function withError(estimate: Estimate): string {
  const decimals = decimalsOf(estimate.error);
  return `${estimate.mean.toFixed(decimals)} ± ${estimate.error.toFixed(decimals)}`;
}

function likeEstimate(value: number, estimate: Estimate): string {
  return value.toFixed(decimalsOf(estimate.error));
}

function inErrors(deviation: number): string {
  return `${deviation < 0 ? '-' : '+'}${Math.abs(deviation).toFixed(1)}`;
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] as readonly string[]).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padStart(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
