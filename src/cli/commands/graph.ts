import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { type Graph, joinSegments, type Status } from '../../model/index.ts';
import { type GraphFormat, renderGraph, type StateOf } from '../../workflow/index.ts';
import { findRun, openForReading } from '../find-run.ts';
import { type LoadFlags, loadWorkflow, sayFirstPoint } from '../load-workflow.ts';
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
  await writeTo(context.output, renderGraph(found.graph, format, found.stateOf), flags.output);
  return 0;
}

interface Found {
  readonly graph: Graph;
  readonly stateOf?: StateOf;
}

/** A run's id never looks like a file's name. Of a run the nodes say how they stand. */
async function graphOf(context: Context, target: string, flags: LoadFlags): Promise<Found> {
  if (existsSync(target) || extname(target) !== '') {
    const loaded = await loadWorkflow(target, flags);
    sayFirstPoint(context, loaded);
    return { graph: loaded.graph };
  }
  await using store = await openForReading(context);
  const { row } = await findRun(store, target);
  const states = new Map<number, Status>();
  for await (const rows of store.jobs(row.id)) for (const { job, status } of rows) states.set(job, status);
  return { graph: joinSegments(await store.graph(row.id)), stateOf: (i) => states.get(i) ?? 'pending' };
}
