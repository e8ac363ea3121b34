import { type ExperimentRow, HeddleError, type Status, STATUSES, type Store } from '../../model/index.ts';
import { bestOf, type ExperimentTable, pointText, readExperimentTable, settingsOf } from '../../workflow/index.ts';
import { experimentCsv, experimentTableText, pointJson } from '../experiment-text.ts';
import type { Context } from '../main.ts';
import { countsText } from '../progress.ts';
import { isoTime } from './runs.ts';

export interface ShowExperimentFlags {
  readonly csv?: boolean;
  readonly best?: string | true;
  readonly max?: boolean;
}

/** Shows an experiment: points, states and results as a table, or the best of them. */
export async function showExperiment(
  { context, store }: { readonly context: Context; readonly store: Store },
  row: ExperimentRow,
  flags: ShowExperimentFlags,
): Promise<void> {
  const table = await readExperimentTable(store, row);
  const { output } = context;
  const shown = flags.best === undefined ? table : { ...table, rows: bestRows(table, row, flags) };
  if (flags.csv === true) {
    await output.pieces(experimentCsv(shown));
    return;
  }
  const counts = pointCounts(table);
  if (context.json) {
    await output.json({
      experiment: row.name,
      status: statusOfPoints(counts),
      createdAt: isoTime(row.createdAt),
      updatedAt: isoTime(row.updatedAt),
      counts,
      outside: table.outside,
      parameters: table.parameters,
      results: table.results,
      points: shown.rows.map(pointJson),
    });
    return;
  }
  output.say(`${output.style('bold', row.name)}  ${statusOfPoints(counts)}: ${countsText(counts)}`);
  const width = output.dataIsTerminal ? (process.stdout.columns ?? 80) : Infinity;
  const { text, omitted } = experimentTableText(shown, { width });
  await output.data(text);
  if (omitted.length > 0) output.say(`left out for want of room: ${omitted.join(', ')}; --csv and --json have all`);
  if (table.outside > 0) output.say(`${table.outside} points of earlier spaces are kept, and not shown`);
  const { metric } = settingsOf(row);
  const best = metric === undefined || flags.best !== undefined ? undefined : bestOf(table, metric);
  if (metric !== undefined && best !== undefined)
    output.say(`best ${metric.path} (${metric.goal}): ${pointText(best.parameters)}`);
}

function bestRows(table: ExperimentTable, row: ExperimentRow, flags: ShowExperimentFlags): ExperimentTable['rows'] {
  const { metric } = settingsOf(row);
  const path = typeof flags.best === 'string' ? flags.best : metric?.path;
  if (path === undefined)
    throw new HeddleError('INPUT_INVALID', `experiment '${row.name}' has no metric to be best in`, {
      hint: `name a column: heddle show '${row.name}' --best ${table.results[0] ?? 'COLUMN'}`,
    });
  const goal = flags.max === true ? 'max' : path === metric?.path ? metric.goal : 'min';
  const best = bestOf(table, { path, goal });
  if (best !== undefined) return [best];
  throw new HeddleError('INPUT_INVALID', `no point of experiment '${row.name}' has a number in '${path}' yet`, {
    hint: `heddle show '${row.name}' says how it stands`,
  });
}

function pointCounts(table: ExperimentTable): Readonly<Record<Status, number>> {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>;
  for (const { status } of table.rows) counts[status] += 1;
  return counts;
}

/** What an experiment is called whose points stand so. */
export function statusOfPoints(counts: Readonly<Record<Status, number>>): Status {
  if (counts.running > 0) return 'running';
  if (counts.pending + counts.created > 0) return 'pending';
  if (counts.failed > 0) return 'failed';
  return counts.cancelled > 0 ? 'cancelled' : 'done';
}
