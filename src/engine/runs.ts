import {
  type Definition,
  type FinalStatus,
  type Graph,
  HeddleError,
  isFinal,
  type JobRow,
  ResourceLimitError,
  type ResourceRequest,
  type RunId,
} from '../model/index.ts';
import type { RunSettings } from './api.ts';
import { capOf, refuseCap } from './caps.ts';
import { CANCELLED, CREATED, DOOMED, FAILED, HELD, isOver, PENDING, RUNNING, SKIPPED, TOLD } from './codes.ts';
import { refuseCondition } from './conditions.ts';
import { type Core, change } from './core.ts';
import { type BackendState, SLACK } from './places.ts';
import { noteReusable } from './questions.ts';
import { ReadyQueue } from './ready-queue.ts';
import { RunState } from './run-state.ts';
import { becomeReady, type EdgeVerdict, failUnsatisfiable, isSatisfied, settle, skip } from './waiting.ts';

/** Adds definitions and jobs of a segment to a run, yielding now and then. Its jobs are `created` until they are opened. */
export function* addSegment(core: Core, run: RunState, segment: Graph, defaults: DefaultBackends): Generator<void> {
  const definitions = new Uint32Array(segment.definitions.length);
  const isShared = definitions.length <= SHARED_DEFINITIONS;
  for (const [i, definition] of segment.definitions.entries()) {
    const known = isShared ? run.numberOf(definition) : undefined;
    definitions[i] = known ?? addDefinition(run, definition, backendOf(core, run, { definition, defaults }));
    if (known === undefined) noteReusable(core, run, definition);
    if (known === undefined && isShared) run.know(definition, definitions[i] as number);
    if ((i & 0xfff) === 0xfff) yield;
  }
  run.addSegment(segment);
  const first = run.table.size;
  run.counts[CREATED] = (run.counts[CREATED] as number) + segment.size;
  if (run.hasControls) run.openControls += countControls(segment);
  yield* run.table.append(segment, definitions);
  run.table.waits.fill(UNCOUNTED, first, run.table.size);
  if (run.conditions.size > 0) yield* run.indexNames();
}

/** Takes the segment that was added last away again, while its jobs are `created` and nobody knows of them. */
export function dropSegment(run: RunState, segment: Graph): void {
  run.table.drop(segment);
  run.dropSegment(segment);
  run.counts[CREATED] = (run.counts[CREATED] as number) - segment.size;
  run.openControls -= countControls(segment);
}

function countControls({ definitions, definitionOf }: Graph): number {
  if (!definitions.some(({ kind }) => kind === 'control')) return 0;
  return definitionOf.reduce((sum, number) => sum + (definitions[number]?.kind === 'control' ? 1 : 0), 0);
}

/** Segments with more definitions than these are taken to have nothing in common with others. */
const SHARED_DEFINITIONS = 64;

function addDefinition(run: RunState, definition: Definition, backend: BackendState): number {
  const number = run.definitions.length;
  if (definition.condition !== undefined) run.conditions.set(number, definition.condition);
  run.definitions.push(definition);
  if (definition.kind === 'control') run.hasControls = true;
  run.queues.push(queueFor(run, backend, definition));
  if (definition.priority !== 0) run.hasPriorities = true;
  return number;
}

/** Makes the jobs from `first` on pending. */
export function openJobs(run: RunState, first: number): void {
  const count = run.table.size - first;
  run.table.status.fill(PENDING, first, run.table.size);
  run.counts[CREATED] = (run.counts[CREATED] as number) - count;
  run.counts[PENDING] = (run.counts[PENDING] as number) + count;
}

/** @throws {HeddleError} BACKEND_UNKNOWN */
export function backendOf(
  core: Core,
  run: RunState,
  { definition, defaults }: { readonly definition: Definition; readonly defaults: DefaultBackends },
): BackendState {
  const named =
    definition.backend ?? run.settings.backend ?? defaults[definition.kind === 'control' ? 'call' : definition.kind];
  const backend = core.backends.get(named);
  if (backend === undefined) throw unknownBackend(core, named);
  return backend;
}

/** Edges of a job that has not been looked at yet: so many that nothing makes it ready before `settleWaits` has counted. */
export const UNCOUNTED = 0x4000_0000;

export interface DefaultBackends {
  readonly command: string;
  readonly call: string;
}

/** What a control node asks for: it is expanded by the engine itself. */
const NOTHING: ResourceRequest = { cpus: 0 };

/** The queue for what asks this of a backend: definitions that ask the same and have the same cap share it. */
export function queueFor(run: RunState, backend: BackendState, definition: Definition): ReadyQueue {
  const request = definition.kind === 'control' ? NOTHING : definition.resources;
  const cap = capOf(run, definition);
  const key = JSON.stringify(cap === undefined ? [backend.name, request] : [backend.name, request, cap.name]);
  let queue = run.queueByKey.get(key);
  if (queue === undefined) {
    queue = new ReadyQueue(run, backend, { request, cap });
    run.queueByKey.set(key, queue);
  }
  return queue;
}

export function unknownBackend(core: Core, named: string): HeddleError {
  const known = [...core.backends.keys()].join(', ');
  return new HeddleError('BACKEND_UNKNOWN', `no backend is named "${named}"`, {
    hint: `backends here: ${known}`,
    details: { named },
  });
}

/** Refuses what no place of a backend could ever hold, before anything runs. */
export function refuseImpossible(core: Core, run: RunState): void {
  for (const definition of run.definitions) refuseLarge(core, definition);
  for (const { backend, request } of run.queueByKey.values()) {
    // A queue keeps the request of the first definition that asked so.
    refuseRequest(core, backend, request, run.definitions.find(({ resources }) => resources === request)?.name);
  }
  for (const condition of run.conditions.values()) refuseCondition(condition);
  if (run.caps.size > 0) for (const definition of run.definitions) refuseCap(definition);
}

/** Refuses what asks for more than one job may. @throws {ResourceLimitError} RESOURCE_LIMIT naming the request and the cap */
export function refuseLarge({ settings: { perTask } }: Core, { name, kind, resources }: Definition): void {
  if (kind === 'control') return;
  const { cpus, memoryBytes = 0, gpus = 0 } = resources;
  const over = (
    resource: string,
    wanted: number,
    limit: number | undefined,
    said: (amount: number) => string,
  ): void => {
    if (limit === undefined || wanted <= limit) return;
    const message = `task '${name}' asks for ${said(wanted)}, and a task may have ${said(limit)}`;
    throw new ResourceLimitError(
      message,
      { task: name, resource, wanted, limit },
      { hint: 'ask for less, or raise resources.perTask of the engine' },
    );
  };
  over('cpus', cpus, perTask.cpus, (amount) => `${amount} cpus`);
  over('memory', memoryBytes, perTask.memoryBytes, (amount) => `${(amount / 2 ** 30).toFixed(2)} GiB of memory`);
  over('gpus', gpus, perTask.gpus, (amount) => `${amount} gpus`);
}

/** Refuses what no place of the backend could ever hold; `task` is who asks. @throws {HeddleError} RESOURCES_IMPOSSIBLE */
export function refuseRequest(core: Core, backend: BackendState, request: ResourceRequest, task?: string): void {
  const impossible = (wanted: string, have: string, hint: string): HeddleError => {
    const who = task === undefined ? 'a task' : `task '${task}'`;
    return new HeddleError('RESOURCES_IMPOSSIBLE', `${who} asks for ${wanted}, but ${have}`, { hint });
  };
  for (const [name, count] of Object.entries(request.tokens ?? {})) {
    const all = core.allTokens.get(name) ?? 0;
    if (count > all)
      throw impossible(`${count} of token "${name}"`, `there are ${all}`, 'give the engine tokens, or ask for fewer');
  }
  const { pool } = core;
  if (pool !== undefined && (request.cpus > pool.cpus + SLACK || (request.memoryBytes ?? 0) > pool.memoryBytes)) {
    const all = { cpus: pool.cpus, ...(pool.memoryBytes === Infinity ? {} : { memoryBytes: pool.memoryBytes }) };
    throw impossible(describe(request), `there are ${describe(all)} in all`, 'ask for less, or give the engine more');
  }
  if (backend.places.length === 0 || backend.couldEverFit(request)) return;
  const places = backend.places.map(({ place }) => `${place.name}: ${describe(place)}`).join('; ');
  throw impossible(
    describe(request),
    `backend "${backend.name}" has ${places}`,
    'ask for less, or choose another backend',
  );
}

function describe(of: {
  cpus: number;
  memoryBytes?: number;
  gpus?: number | readonly number[];
  diskBytes?: number;
}): string {
  const parts = [`${of.cpus} cpus`];
  if (of.memoryBytes !== undefined) parts.push(`${(of.memoryBytes / 2 ** 30).toFixed(1)} GiB memory`);
  if (of.diskBytes !== undefined) parts.push(`${(of.diskBytes / 2 ** 30).toFixed(1)} GiB disk`);
  const gpus = typeof of.gpus === 'number' ? of.gpus : of.gpus?.length;
  if (gpus !== undefined) parts.push(`${gpus} gpus`);
  return parts.join(', ');
}

/** Edges looked at in one slice of a count. */
const EDGE_SLICE = 30_000;

/** Counts what each job of a range waits for, and starts those that wait for nothing. */
export function* release(core: Core, run: RunState, first: number, last: number): Generator<void> {
  let steps = 0;
  for (let job = first; job < last; job += 1) {
    steps += 4 + settleWaits(core, run, job);
    if (steps < EDGE_SLICE) continue;
    steps = 0;
    yield;
  }
}

/**
 * Derives from its upstream jobs what a job waits for. An end that has not been told yet still
 * counts as waited for, since telling will count it down. What a told end has already decided (cancel,
 * can never run) is applied to a pending job: a crash may have fallen between the end and that. A running
 * job only has its edges counted, for when it is to be tried again. Returns how many edges were looked at.
 */
export function settleWaits(core: Core, run: RunState, job: number): number {
  const { table } = run;
  if (table.status[job] !== PENDING && table.status[job] !== RUNNING) return 0;
  let waits = 0;
  let edges = 0;
  let verdict: EdgeVerdict = 'yes';
  run.eachUpstream(job, (from, accept) => {
    edges += 1;
    const status = run.statusOf(from);
    if (!isOver(status) || ((table.flags[from] as number) & TOLD) === 0) waits += 1;
    else verdict = worse(verdict, isSatisfied(accept, status));
  });
  table.waits[job] = waits;
  if (verdict === 'yes') {
    if (waits === 0) becomeReady(core, run, job);
    return edges;
  }
  table.waits[job] = waits + 1;
  if (table.status[job] === PENDING) applyVerdict(core, run, job, verdict);
  return edges;
}

const SEVERITY: Readonly<Record<EdgeVerdict, number>> = { yes: 0, dooms: 1, cancels: 2, skips: 3 };

function worse(a: EdgeVerdict, b: EdgeVerdict): EdgeVerdict {
  return SEVERITY[b] > SEVERITY[a] ? b : a;
}

function applyVerdict(core: Core, run: RunState, job: number, verdict: Exclude<EdgeVerdict, 'yes'>): void {
  const { flags } = run.table;
  if (verdict === 'skips') return skip(core, run, job);
  if (verdict === 'cancels') {
    change(core, run, job, 'cancelled', 'upstream');
    settle(core, run, job);
    return;
  }
  flags[job] = (flags[job] as number) | DOOMED;
  if (run.isSealed(job)) failUnsatisfiable(core, run, job);
}

/**
 * A job that ran is pending again, and its date has come. When an upstream job is being run again it waits
 * for that, and shares its fate if that has ended badly meanwhile.
 */
export function readyAgain(core: Core, run: RunState, job: number): void {
  const { table } = run;
  if (table.status[job] !== PENDING) return;
  if (table.waits[job] === 0) return becomeReady(core, run, job);
  let verdict: EdgeVerdict = 'yes';
  run.eachUpstream(job, (from, accept) => {
    const status = run.statusOf(from);
    if (isOver(status)) verdict = worse(verdict, isSatisfied(accept, status));
  });
  if (verdict !== 'yes') applyVerdict(core, run, job, verdict);
}

/** Applies a row read back from the store. What was running is the caller's to adopt. */
export function applyRow(
  run: RunState,
  row: JobRow,
  codes: { readonly status: number; readonly detail: number },
): void {
  const { table, counts } = run;
  const { job } = row;
  counts[table.status[job] as number] = (counts[table.status[job] as number] as number) - 1;
  counts[codes.status] = (counts[codes.status] as number) + 1;
  table.status[job] = codes.status;
  table.detail[job] = codes.detail;
  table.fence[job] = row.fence;
  const over = isFinal(row.status) || codes.status === SKIPPED;
  if (over) table.waits[job] = 0;
  table.charged[job] = row.charged;
  table.losses[job] = row.losses;
  table.flags[job] = over ? TOLD : row.flags & HELD;
}

/** Ends the run when nothing of it is left to do. */
export function endRunIfOver(core: Core, run: RunState): void {
  if (!run.closed || run.unfinished > 0 || run.chores > 0 || (run.counts[CREATED] as number) > 0) return;
  if (run.endedAt !== 0) return;
  const status = finalStatus(run);
  run.status = status;
  run.detail = '';
  run.endedAt = core.now.wall;
  run.stopping = false;
  const draft = core.out.draft(run);
  draft.patch = { ...draft.patch, status, detail: '', endedAt: run.endedAt };
  draft.settled = true;
}

function finalStatus(run: RunState): FinalStatus {
  if ((run.counts[FAILED] as number) > 0) return 'failed';
  return (run.counts[CANCELLED] as number) > 0 ? 'cancelled' : 'done';
}

/** Makes the state of a run that has no jobs in it yet. */
export function newRunState(core: Core, id: RunId, name: string, settings: RunSettings): RunState {
  return new RunState(id, name, core.nextRunOrder(), settings);
}
