import { type Graph, HeddleError } from '../model/index.ts';
import { refuseCap } from './caps.ts';
import { meetNames, refuseCondition } from './conditions.ts';
import type { Core } from './core.ts';
import { isSmall } from './growing-segment.ts';
import type { EngineLoop } from './loop.ts';
import { addSegment, backendOf, type DefaultBackends, openJobs, refuseLarge, refuseRequest, release } from './runs.ts';
import type { RunState } from './run-state.ts';
import { lookAgain } from './waiting.ts';
import { addChore, isTellingPartly, stopRest } from './turn.ts';

/** What is appended to a run that goes on. */
export interface Addition {
  readonly run: RunState;
  readonly segment: Graph;
  readonly defaults: DefaultBackends;
}

/** Whether a segment can be appended in one go. */
export function isQuick(segment: Graph): boolean {
  return isSmall(segment) && segment.edgeFrom.length + (segment.late?.from.length ?? 0) <= 10_000;
}

/**
 * Appends some nodes at once: what of them can start is granted in the same turn, so that their segment and the
 * first intents are one commit. Not durable yet.
 *
 * @throws {HeddleError} STATE_CONFLICT, BACKEND_UNKNOWN, RESOURCES_IMPOSSIBLE, INPUT_INVALID: nothing has changed then
 */
export function appendQuickly(core: Core, addition: Addition): void {
  const { run, segment, defaults } = addition;
  refuseUnfit(core, addition);
  const first = run.table.size;
  inOneGo(addSegment(core, run, segment, defaults));
  inOneGo(run.table.rankAll([segment], { first }));
  openAdded(core, run, first, segment);
  const steps = admit(core, run, { first, last: run.table.size });
  // An end that is being told knows only the edges that were there when that began: it is to be told first.
  if (isTellingPartly(core)) addChore(core, run, steps);
  else inOneGo(steps);
}

/** Who has named the new jobs learns of them, and those that wait for nothing become ready. */
export function* admit(
  core: Core,
  run: RunState,
  { first, last }: { readonly first: number; readonly last: number },
): Generator<void> {
  yield* meetNames(run, first, { last, look: (job) => lookAgain(core, run, job) });
  yield* release(core, run, first, last);
}

/** Does all steps of something that is short. */
export function inOneGo(steps: Generator<void>): void {
  for (const _ of steps) continue;
}

/**
 * Appends nodes in slices. They are `created` until the commit that brings the segment is being made: nothing is told of
 * them, and nothing happens to them, before the store knows them. Not durable yet.
 *
 * @throws {HeddleError} STATE_CONFLICT, BACKEND_UNKNOWN, RESOURCES_IMPOSSIBLE, INPUT_INVALID: nothing has changed then
 */
export async function appendInSlices(loop: EngineLoop, addition: Addition): Promise<void> {
  const { core } = loop;
  const { run, segment, defaults } = addition;
  refuseUnfit(core, addition);
  const first = run.table.size;
  await loop.inSlices(addSegment(core, run, segment, defaults));
  await loop.inSlices(run.table.rankAll([segment], { first }));
  loop.input(() => {
    openAdded(core, run, first, segment);
    addChore(core, run, admit(core, run, { first, last: run.table.size }));
  });
}

function openAdded(core: Core, run: RunState, first: number, segment: Graph): void {
  const last = run.table.size;
  openJobs(run, first);
  const { segments } = core.out.draft(run);
  const before = segments.at(-1);
  if (isSmall(segment) && before !== undefined && before.last === first && isGathered(before)) {
    before.last = last;
    before.graph = undefined;
  } else segments.push({ first, last, graph: segment });
  // It began to stop meanwhile: what was added goes the way of the rest.
  if (run.stopping) stopRest(core, run);
}

/** What a control node became stays a segment of its own. */
function isGathered({ graph }: { readonly graph: Graph | undefined }): boolean {
  return graph === undefined || (isSmall(graph) && graph.expands === undefined);
}

function refuseUnfit(core: Core, { run, segment, defaults }: Addition): void {
  const { size } = run.table;
  if (segment.late !== undefined || segment.expands !== undefined)
    throw new HeddleError('GRAPH_INVALID', 'only what a control node becomes has late edges');
  if (run.endedAt !== 0) throw conflict(`run ${run.id} is finished: nothing can be added`);
  if (run.closed && run.settings.open === true) throw conflict(`run ${run.id} is closed: nothing can be added`);
  if (run.stopping) throw conflict(`run ${run.id} is being cancelled: nothing can be added`);
  if (segment.base !== size)
    throw conflict(`the segment begins at ${segment.base}, but run ${run.id} has ${size} jobs`);
  refuseDefinitions(core, { run, segment, defaults });
}

/** @throws {HeddleError} BACKEND_UNKNOWN, RESOURCES_IMPOSSIBLE, INPUT_INVALID */
export function refuseDefinitions(core: Core, { run, segment, defaults }: Addition): void {
  for (const definition of segment.definitions) {
    const backend = backendOf(core, run, { definition, defaults });
    refuseLarge(core, definition);
    if (definition.kind !== 'control') refuseRequest(core, backend, definition.resources, definition.name);
    if (definition.condition !== undefined) refuseCondition(definition.condition);
    refuseCap(definition);
  }
}

function conflict(message: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', message);
}
