import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { type Graph, joinSegments } from '../../model/index.ts';
import { type GraphFormat, renderGraph } from '../../workflow/index.ts';
import { findRun, openForReading } from '../find-run.ts';
import { type LoadFlags, loadWorkflow } from '../load-workflow.ts';
import type { Context } from '../main.ts';
import { writeTo } from '../write-to.ts';

interface GraphFlags extends LoadFlags {
  readonly format?: GraphFormat;
  readonly output?: string;
}

/** Writes the graph of a workflow or of a run. */
export async function graph(context: Context, [target = '']: readonly string[], flags: GraphFlags): Promise<number> {
  const found = await graphOf(context, target, flags);
  const format = flags.format ?? (context.json ? 'json' : 'text');
  await writeTo(context.output, renderGraph(found, format), flags.output);
  return 0;
}

/** A run's id never looks like a file's name. */
async function graphOf(context: Context, target: string, flags: LoadFlags): Promise<Graph> {
  if (existsSync(target) || extname(target) !== '') return (await loadWorkflow(target, flags)).graph;
  await using store = await openForReading(context);
  const { row } = await findRun(store, target);
  return joinSegments(await store.graph(row.id));
}
