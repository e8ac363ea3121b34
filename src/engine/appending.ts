import { type Graph, HeddleError } from '../model/index.ts';
import type { EngineLoop } from './loop.ts';
import { addSegment, backendOf, type DefaultBackends, openJobs, refuseRequest, release } from './runs.ts';
import type { RunState } from './run-state.ts';
import { addChore, stopRest } from './turn.ts';

/**
 * Appends nodes to a run that goes on. They are `created` until the commit that brings the segment is being made:
 * nothing is told of them, and nothing happens to them, before the store knows them.
 *
 * @throws {HeddleError} STATE_CONFLICT, BACKEND_UNKNOWN, RESOURCES_IMPOSSIBLE: nothing has changed then
 */
export async function appendSegment(
  loop: EngineLoop,
  run: RunState,
  { segment, defaults }: { readonly segment: Graph; readonly defaults: DefaultBackends },
): Promise<void> {
  const { core } = loop;
  refuseUnfit(run, segment);
  for (const definition of segment.definitions)
    refuseRequest(core, backendOf(core, run, { definition, defaults }), definition.resources);
  const first = run.table.size;
  await loop.inSlices(addSegment(core, run, segment, defaults));
  await loop.inSlices(run.table.rankAll([segment], first));
  loop.input(() => {
    openJobs(run, first);
    core.out.draft(run).segments.push(segment);
    addChore(core, run, release(core, run, first, run.table.size));
    // It began to stop meanwhile: what was added goes the way of the rest.
    if (run.stopping) stopRest(core, run);
  });
  await loop.durable();
}

function refuseUnfit(run: RunState, segment: Graph): void {
  const { size } = run.table;
  if (run.endedAt !== 0) throw conflict(`run ${run.id} is finished: nothing can be added`);
  if (run.stopping) throw conflict(`run ${run.id} is being cancelled: nothing can be added`);
  if (segment.base !== size)
    throw conflict(`the segment begins at ${segment.base}, but run ${run.id} has ${size} jobs`);
}

function conflict(message: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', message);
}
