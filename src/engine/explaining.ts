import { asJobId, type Condition, DATA_EDGE, type Definition, type Detail, type JobId } from '../model/index.ts';
import type { Explanation, JobView, RunView, WaitedFor } from './api.ts';
import { isReached } from './caps.ts';
import {
  CANCELLED,
  CREATED,
  detailOf,
  FAILED,
  GATED,
  HELD,
  isOver,
  PENDING,
  QUEUED,
  RUNNING,
  SKIPPED,
  standingOf,
  statusOf,
  TOLD,
} from './codes.ts';
import { isResolved, jobsOf } from './conditions.ts';
import type { Core } from './core.ts';
import { namedIn } from './deadlock.ts';
import { firstOf } from './escalating.ts';
import type { PlaceState } from './places.ts';
import type { RunState } from './run-state.ts';
import { isSatisfied } from './waiting.ts';

const MOST_NAMED = 20;

/** A run as the last commit left it. */
export function viewRun({ id, name, told }: RunState): RunView {
  const { status, detail, size, startedAt, endedAt } = told;
  const [created = 0, pending = 0, running = 0, done = 0, failed = 0, cancelled = 0, skipped = 0] = told.counts;
  const counts = { created, pending, running, done, failed, cancelled };
  const view = { id, name, status, detail, counts, size, startedAt, endedAt };
  return skipped === 0 ? view : { ...view, skipped };
}

/** A job as the last commit left it; why it is pending is what is true now. */
export function viewJob(run: RunState, job: number): JobView {
  const { table } = run;
  return {
    index: job,
    id: run.nameOf(job),
    status: statusOf(run.told.statusOf(job)),
    detail: toldDetail(run, job),
    fence: table.fence[job] as number,
    charged: table.charged[job] as number,
    losses: table.losses[job] as number,
    ...(run.told.statusOf(job) === SKIPPED ? { skipped: true as const } : {}),
  };
}

function toldDetail(run: RunState, job: number): Detail {
  const code = run.told.statusOf(job);
  if (code !== PENDING) return detailOf(run.told.detailOf(job));
  // Granted, or ended, and that is not committed yet.
  return run.table.status[job] === PENDING ? pendingReason(run, job) : 'queued';
}

/** Why a job is pending, derived from what is true now. */
function pendingReason(run: RunState, job: number): Detail {
  const { table } = run;
  const flags = table.flags[job] as number;
  if (run.interrupting) return 'interrupted';
  if ((flags & HELD) !== 0) return 'held';
  if ((table.waits[job] as number) > 0) return 'blocked';
  if (run.wakeAt.has(job)) return 'backoff';
  if ((flags & GATED) !== 0) return run.timeGated.has(job) ? 'time' : 'condition';
  if (run.paused) return 'paused';
  if ((flags & QUEUED) !== 0 && !run.isControl(job) && run.queueOf(job).backend.needs !== undefined) return 'login';
  if ((flags & QUEUED) !== 0 && isReserved(run, job)) return 'reserved';
  return 'queued';
}

/** Whether what is free is being kept for this job. */
function isReserved(run: RunState, job: number): boolean {
  const queue = run.queueOf(job);
  return queue.backend.reservation?.queue === queue && queue.head() === job;
}

/** The job for which what is free is being kept, when that is another one. */
function keptFor(core: Core, run: RunState, job: number): JobId | undefined {
  const ofAll = [...core.backends.values()].find(({ reservation }) => reservation?.pool === true);
  const kept = (run.queueOf(job).backend.reservation ?? ofAll?.reservation)?.queue;
  const head = kept?.head() ?? -1;
  return kept === undefined || head === -1 || (kept.run === run && head === job) ? undefined : kept.run.nameOf(head);
}

export function explain(core: Core, run: RunState, job: number): Explanation {
  const view = viewJob(run, job);
  const waitsFor = new WaitedForList();
  addUpstream(run, job, waitsFor);
  addNamed(run, job, waitsFor);
  const queue = run.queueOf(job);
  // A control node takes nothing of anybody: it waits for its turn only.
  const isQueued = (view.detail === 'queued' || view.detail === 'reserved') && !run.isControl(job);
  const reservedFor = isQueued ? keptFor(core, run, job) : undefined;
  const outcome = run.outcomes.get(job);
  const wakeAt = run.wakeAt.get(job) ?? nextLook(core, run, job);
  const isBecause = view.skipped === true || (view.status === 'cancelled' && view.detail === 'upstream');
  const first = firstOf(run, job);
  const because = isBecause ? rootOf(run, job) : undefined;
  return {
    job: view,
    waitsFor: waitsFor.first,
    waitsForCount: waitsFor.count,
    ...(isQueued && core.holding >= core.mostAttempts ? { limit: core.mostAttempts } : {}),
    ...(isQueued && queue.cap !== undefined && isReached(queue.cap)
      ? { cap: { name: queue.cap.name, limit: queue.cap.limit } }
      : {}),
    ...(isQueued ? { request: queue.request, free: freeOn(queue.backend.places) } : {}),
    ...(isQueued && queue.backend.exceedsAll(queue.request) ? { exceeds: true as const } : {}),
    ...(first === undefined ? {} : { first: askedAtFirst(first) }),
    ...(view.detail === 'login' && queue.backend.needs !== undefined ? { login: queue.backend.needs } : {}),
    ...(reservedFor === undefined ? {} : { reservedFor }),
    ...(wakeAt === undefined ? {} : { wakeAt }),
    ...(outcome === undefined ? {} : { lastOutcome: outcome }),
    ...(because === undefined ? {} : { becauseOf: because }),
  };
}

function askedAtFirst({ resources, timeouts }: Definition): NonNullable<Explanation['first']> {
  const { memoryBytes } = resources;
  const timeMs = timeouts.runMs ?? resources.timeMs;
  return { ...(memoryBytes === undefined ? {} : { memoryBytes }), ...(timeMs === undefined ? {} : { timeMs }) };
}

function freeOn(places: readonly PlaceState[]): NonNullable<Explanation['free']> {
  const offered = places.filter((state) => !state.leaving);
  return offered.map((state) => ({
    place: state.place.name,
    cpus: Math.max(0, state.freeCpus),
    ...(Number.isFinite(state.freeMemory) ? { memoryBytes: state.freeMemory } : {}),
  }));
}

/** When a condition that waits for a point in time is looked at next. */
function nextLook(core: Core, run: RunState, job: number): number | undefined {
  const due = run.timeGated.has(job) ? run.looks.get(job) : undefined;
  return due === undefined ? undefined : Math.round(core.now.wall + due - core.now.mono);
}

/** What a job waits for: the first ones, and how many there are. */
class WaitedForList {
  readonly first: WaitedFor[] = [];
  count = 0;

  add(made: () => WaitedFor): void {
    this.count += 1;
    if (this.first.length < MOST_NAMED) this.first.push(made());
  }
}

function addUpstream(run: RunState, job: number, list: WaitedForList): void {
  if (run.table.status[job] !== PENDING) return;
  run.eachUpstream(job, (from, accept) => {
    const standing = standingOf(run.told.statusOf(from));
    if (isOver(standing) && isSatisfied(accept, standing) === 'yes') return;
    const status = statusOf(run.told.statusOf(from));
    list.add(() => ({ job: run.nameOf(from), status, edge: accept === DATA_EDGE ? 'data' : 'order' }));
  });
}

function addNamed(run: RunState, job: number, list: WaitedForList): void {
  if (run.table.status[job] !== PENDING || ((run.table.flags[job] as number) & GATED) === 0) return;
  const condition = run.conditions.get(run.table.definition[job] as number);
  // One whose names are being looked up says what it waits for when that is done.
  if (condition !== undefined && isResolved(run, condition)) addNamedBy(run, condition, list);
}

function addNamedBy(run: RunState, condition: Condition, list: WaitedForList): void {
  if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) addNamedBy(run, part, list);
  } else if (condition.kind === 'after') {
    for (const [at, upstream] of jobsOf(run, condition).entries()) {
      const code = upstream === -1 ? CREATED : run.told.statusOf(upstream);
      if (isOver(standingOf(code))) continue;
      const status = statusOf(code);
      list.add(() => ({ job: asJobId(condition.jobs[at] as string), status, edge: 'condition' }));
    }
  }
}

/** The job whose end began the cascade that cancelled this one, or the branch that did not choose it. */
function rootOf(run: RunState, job: number): JobId | undefined {
  const seen = new Set<number>();
  let at = job;
  for (;;) {
    seen.add(at);
    let next = -1;
    const isSkipped = run.table.status[at] === SKIPPED;
    run.eachUpstream(at, (from, accept) => {
      const code = run.table.status[from];
      // Whether a control node is skipped may be for what it only awaits.
      if (isSkipped) next = code === SKIPPED && (accept === DATA_EDGE || run.isControl(at)) ? from : next;
      else if (accept === DATA_EDGE && (code === FAILED || code === CANCELLED)) next = from;
    });
    if (next === -1 || seen.has(next)) return at === job ? undefined : run.nameOf(at);
    at = next;
  }
}

/** Finds jobs that are not final and for which nothing is under way: there must be none. */
export function stuckJobs(core: Core, run: RunState): readonly JobId[] {
  const { table } = run;
  const stuck: JobId[] = [];
  for (let job = 0; job < table.size; job += 1) {
    const status = table.status[job];
    if (status === PENDING && !waitsForSomething(core, run, job)) stuck.push(run.nameOf(job));
    if (status === RUNNING && !run.attemptOf.has(job) && !run.awaited.has(job)) stuck.push(run.nameOf(job));
  }
  return stuck;
}

/** True when a pending job waits for an end that is still to come or to be told, a date, its turn, or somebody. */
function waitsForSomething(core: Core, run: RunState, job: number): boolean {
  const { table } = run;
  const flags = table.flags[job] as number;
  if ((flags & HELD) !== 0 || run.wakeAt.has(job) || run.chores > 0 || run.controls.has(job)) return true;
  if (run.asking?.asked.has(job) === true || run.asking?.parked.has(job) === true) return true;
  if ((flags & QUEUED) !== 0) return run.queueOf(job).listed !== undefined;
  if ((flags & GATED) !== 0) return run.watches.has(job) && (run.looks.has(job) || namesUnfinished(core, run, job));
  if (table.waits[job] === 0) return false;
  let waits = false;
  run.eachUpstream(job, (from) => {
    waits ||= !isOver(run.statusOf(from)) || ((table.flags[from] as number) & TOLD) === 0;
  });
  return waits;
}

function namesUnfinished(core: Core, run: RunState, job: number): boolean {
  const condition = run.conditions.get(run.table.definition[job] as number);
  // Ends that are not told yet may be what it waits for.
  return condition !== undefined && (core.finals.length > 0 || namedIn(run, condition) !== undefined);
}
