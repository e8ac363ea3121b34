import { textAt } from '../../model/index.ts';
import { type SimulatedRun, simulateGraph } from '../../simulation/index.ts';
import { graphSize } from '../../workflow/index.ts';
import { type Fact, factsText } from '../facts.ts';
import { type LoadFlags, loadWorkflow, sayFirstPoint } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { type Column, renderTable } from '../output.ts';
import { formatDuration } from '../units.ts';

/** Jobs of the critical path that are named. */
const NAMED = 12;

const COLUMNS: readonly Column[] = [
  { title: 'CORES', align: 'right' },
  { title: 'MAKESPAN', align: 'right' },
  { title: 'LOWER BOUND', align: 'right' },
  { title: 'SPEEDUP', align: 'right' },
  { title: 'BUSY', align: 'right' },
];

/** Runs a workflow in virtual time, on machines of so many cores. */
export async function simulate(
  context: Context,
  [file = '']: readonly string[],
  flags: LoadFlags & { readonly cores?: readonly number[] },
): Promise<number> {
  const loaded = await loadWorkflow(file, flags);
  const { graph } = loaded;
  sayFirstPoint(context, loaded);
  const runs: SimulatedRun[] = [];
  for (const cores of flags.cores ?? []) runs.push(await simulateGraph(graph, cores));
  const [first] = runs;
  if (first === undefined) return 0;
  const { criticalPath: path, workMs: work } = first;
  const names = path.nodes.map((node) => textAt(graph.names, node));
  if (context.json) {
    await context.output.json({
      name: graph.name,
      jobs: graph.size,
      edges: graph.edgeFrom.length,
      workSeconds: work / 1000,
      criticalPath: { seconds: path.lengthMs / 1000, jobs: names },
      runs: runs.map(({ cores, makespanMs, lowerBoundMs, utilisation }) => ({
        cores,
        makespanSeconds: makespanMs / 1000,
        lowerBoundSeconds: lowerBoundMs / 1000,
        utilisation,
      })),
    });
    return 0;
  }
  const facts: readonly Fact[] = [
    ['name', graph.name],
    ['size', graphSize(graph, 'job')],
    ['work', formatDuration(work)],
    ['critical path', `${formatDuration(path.lengthMs)}: ${pathText(names)}`],
  ];
  const rows = runs.map(({ cores, makespanMs, lowerBoundMs, utilisation, workMs }) => [
    String(cores),
    formatDuration(makespanMs),
    formatDuration(lowerBoundMs),
    makespanMs === 0 ? '-' : (workMs / makespanMs).toFixed(1),
    `${(100 * utilisation).toFixed(0)}%`,
  ]);
  await context.output.data(`${factsText(facts)}\n\n${renderTable(COLUMNS, rows)}`);
  if (work === 0)
    context.output.say('no times are expected: a recorded trace, or tasks that ask for a time, have some');
  return 0;
}

function pathText(names: readonly string[]): string {
  if (names.length <= NAMED) return names.join(' > ');
  const half = NAMED / 2;
  return [...names.slice(0, half), `${names.length - NAMED} more`, ...names.slice(-half)].join(' > ');
}
