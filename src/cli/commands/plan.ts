import { type Graph, textAt, topologicalOrder } from '../../model/index.ts';
import { type LoadFlags, loadWorkflow } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { printable } from '../output.ts';

/** Upstream jobs named on one line. */
const NAMED = 4;
const LINES_AT_ONCE = 1000;

/** Says what would run, in an order that is possible, and why: with no earlier result every job runs. */
export async function plan(context: Context, [file = '']: readonly string[], flags: LoadFlags): Promise<number> {
  const { graph } = await loadWorkflow(file, flags);
  const order = topologicalOrder(graph);
  const { output } = context;
  if (context.json) {
    await output.json({
      name: graph.name,
      jobs: Array.from(order, (index) => ({
        job: textAt(graph.names, index),
        action: 'run',
        because: 'no earlier result',
        after: upstreamNames(graph, index),
      })),
    });
    return 0;
  }
  let lines: string[] = [];
  for (const index of order) {
    const after = upstreamNames(graph, index);
    const some = after.slice(0, NAMED).join(', ') + (after.length > NAMED ? `, and ${after.length - NAMED} more` : '');
    lines.push(printable(`run  ${textAt(graph.names, index)}${after.length === 0 ? '' : `  after ${some}`}`));
    if (lines.length < LINES_AT_ONCE) continue;
    await output.data(lines.join('\n'));
    lines = [];
  }
  if (lines.length > 0) await output.data(lines.join('\n'));
  output.say(
    `${printable(graph.name)} is valid: ${graph.size} jobs, ${graph.edgeFrom.length} edges, no earlier result`,
  );
  return 0;
}

function upstreamNames(graph: Graph, index: number): readonly string[] {
  const names: string[] = [];
  const end = graph.edgeOffsets[index + 1] as number;
  for (let edge = graph.edgeOffsets[index] as number; edge < end; edge += 1) {
    names.push(textAt(graph.names, graph.edgeFrom[edge] as number));
  }
  return names;
}
