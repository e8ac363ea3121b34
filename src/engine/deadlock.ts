import type { Condition } from '../model/index.ts';
import { DOOMED, GATED, HELD, isOver, PENDING } from './codes.ts';
import { accepts, jobsOf } from './conditions.ts';
import type { Core } from './core.ts';
import type { RunState } from './run-state.ts';
import { failUnsatisfiable, leaveQueues } from './waiting.ts';

/**
 * Jobs that wait for each other through their conditions wait for ever: edges cannot form a circle, but a
 * condition may name a job that waits for its own. When nothing of a run can move by itself any more, every
 * job that is left waits for another one; following who waits for whom finds the circles.
 */

/** True when nothing of the run is under way, ready, dated or held back by somebody. */
function isAtRest(run: RunState): boolean {
  if (run.watches.size === 0 || run.live > 0 || run.chores > 0 || run.awaited.size > 0) return false;
  if (run.wakeAt.size > 0 || run.looks.size > 0 || run.controls.size > 0) return false;
  if (run.asking !== undefined && run.asking.asked.size + run.asking.parked.size > 0) return false;
  if (!run.closed && !run.watches.keys().some((job) => run.isSealed(job))) return false;
  for (const queue of run.queueByKey.values()) if (queue.head() !== -1) return false;
  const { status, flags, size } = run.table;
  for (let job = 0; job < size; job += 1) {
    if (status[job] === PENDING && ((flags[job] as number) & HELD) !== 0) return false;
  }
  return true;
}

/** Jobs and names walked to find circles while others run; a larger run is looked at when it comes to rest. */
const MOST_WALKED = 200_000;

/** Ends, while others run, of the sealed jobs those that nothing which can still move would ever free. */
export function* endCircles(core: Core, run: RunState): Generator<void> {
  // Names may still come of control nodes: when none does, it is looked at again.
  if (run.watches.size === 0 || run.openControls > 0) return;
  const stuck = stuckAmong(core, run);
  if (stuck.size > 0) yield* endJobs(core, run, inCircles(run, { starts: stuck, counts: (job) => stuck.has(job) }));
}

/** Ends jobs whose conditions can never become true since they wait for themselves, some a step. */
export function* endJobs(core: Core, run: RunState, doomed: readonly number[]): Generator<void> {
  // None of them is woken by the end of another.
  for (const job of doomed) leaveQueues(core, run, job);
  for (const [i, job] of doomed.entries()) {
    if (i % 250 === 249) yield;
    if (run.table.status[job] === PENDING) failUnsatisfiable(core, run, job);
  }
}

/** True when the run may stand still for ever, so that it is worth a look. */
export function mayBeDeadlocked(run: RunState): boolean {
  return run.endedAt === 0 && run.unfinished > 0 && isAtRest(run);
}

/** The sealed jobs with conditions on each circle of waiting, each job followed to one that it waits for. */
export function inCircles(
  run: RunState,
  { starts, counts }: { readonly starts: Iterable<number>; readonly counts: (job: number) => boolean } = {
    starts: run.watches.keys(),
    counts: () => true,
  },
): readonly number[] {
  const found: number[] = [];
  /** On which walk a job was met. */
  const metOn = new Map<number, number>();
  for (const start of starts) {
    let job: number | undefined = start;
    const path: number[] = [];
    while (job !== undefined && !metOn.has(job)) {
      metOn.set(job, start);
      path.push(job);
      job = blockerOf(run, job, counts);
    }
    // A job that waits for nobody waits in vain.
    if (job === undefined) found.push(path.at(-1) as number);
    else if (metOn.get(job) === start) found.push(...path.slice(path.indexOf(job)));
  }
  // One that is not sealed may wait for a name that is still to come.
  return found.filter((job) => run.isSealed(job) && ((run.table.flags[job] as number) & GATED) !== 0);
}

function blockerOf(run: RunState, job: number, counts: (job: number) => boolean): number | undefined {
  if (((run.table.flags[job] as number) & GATED) !== 0) {
    const condition = run.conditions.get(run.table.definition[job] as number);
    return condition === undefined ? undefined : namedIn(run, condition, counts);
  }
  let blocker: number | undefined;
  run.eachUpstream(job, (from) => {
    if (!isOver(run.statusOf(from)) && counts(from)) blocker ??= from;
  });
  return blocker;
}

/** The first job a condition names that has not ended, of those that count. */
export function namedIn(
  run: RunState,
  condition: Condition,
  counts: (job: number) => boolean = () => true,
): number | undefined {
  if (condition.kind === 'after') {
    for (const job of jobsOf(run, condition)) if (job !== -1 && !isOver(run.statusOf(job)) && counts(job)) return job;
  } else if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) {
      const job = namedIn(run, part, counts);
      if (job !== undefined) return job;
    }
  }
  return undefined;
}

/**
 * The jobs that wait for their conditions, or behind such, and that nothing can free: the greatest set of which each
 * waits for others of it. All that wait are taken for it at first; who waits only for what may move is freed, until
 * nothing changes. Empty when there is too much to walk.
 */
function stuckAmong(core: Core, run: RunState): ReadonlySet<number> {
  const order = waitingOf(run);
  const stuck = new Set(order);
  for (let freed = true; freed; ) {
    freed = false;
    for (const job of order) {
      if (!stuck.has(job) || !canMove(core, run, job, stuck)) continue;
      stuck.delete(job);
      freed = true;
    }
  }
  return stuck;
}

/** What the watched jobs wait for, and what that waits for, each job behind what it waits for where there is no circle. */
function waitingOf(run: RunState): readonly number[] {
  const met = new Set<number>();
  const order: number[] = [];
  let walked = 0;
  const stack: { readonly job: number; readonly next: readonly number[]; at: number }[] = [];
  const enter = (job: number): void => {
    if (met.has(job) || !isWaiting(run, job)) return;
    met.add(job);
    const next = blockersOf(run, job);
    walked += 1 + next.length;
    stack.push({ job, next, at: 0 });
  };
  for (const start of run.watches.keys()) {
    enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (walked > MOST_WALKED) return [];
      if (top.at < top.next.length) enter(top.next[top.at++] as number);
      else order.push((stack.pop() as typeof top).job);
    }
  }
  return order;
}

/** Waits for other jobs and for nothing else, as far as can be known. */
function isWaiting(run: RunState, job: number): boolean {
  const flags = run.table.flags[job] as number;
  if (run.table.status[job] !== PENDING || (flags & (HELD | DOOMED)) !== 0 || run.wakeAt.has(job)) return false;
  if ((flags & GATED) === 0) return (run.table.waits[job] as number) > 0;
  // One that is not registered yet is still being looked at.
  return run.isSealed(job) && run.watches.has(job);
}

function blockersOf(run: RunState, job: number): readonly number[] {
  const blockers: number[] = [];
  if (((run.table.flags[job] as number) & GATED) !== 0) {
    const condition = run.conditions.get(run.table.definition[job] as number);
    if (condition !== undefined) addNamed(run, condition, blockers);
  } else {
    run.eachUpstream(job, (from) => {
      if (!isOver(run.statusOf(from))) blockers.push(from);
    });
  }
  return blockers;
}

function addNamed(run: RunState, condition: Condition, into: number[]): void {
  if (condition.kind === 'after') {
    for (const job of jobsOf(run, condition)) if (job !== -1 && !isOver(run.statusOf(job))) into.push(job);
  } else if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) addNamed(run, part, into);
  }
}

/** True when what is not stuck may free it. */
function canMove(core: Core, run: RunState, job: number, stuck: ReadonlySet<number>): boolean {
  if (((run.table.flags[job] as number) & GATED) === 0) return !blockersOf(run, job).some((from) => stuck.has(from));
  const condition = run.conditions.get(run.table.definition[job] as number);
  return condition === undefined || mayHold(core, run, condition, stuck);
}

function mayHold(core: Core, run: RunState, condition: Condition, stuck: ReadonlySet<number>): boolean {
  switch (condition.kind) {
    case 'all':
      return condition.conditions.every((part) => mayHold(core, run, part, stuck));
    case 'any':
      return condition.conditions.some((part) => mayHold(core, run, part, stuck));
    case 'after': {
      const mayEndWell = (upstream: number): boolean => {
        if (upstream === -1 || stuck.has(upstream)) return false;
        const status = run.statusOf(upstream);
        return !isOver(status) || accepts(condition.accept, status);
      };
      const jobs = jobsOf(run, condition);
      return condition.mode === 'all' ? jobs.every(mayEndWell) : jobs.some(mayEndWell);
    }
    case 'before-time':
      return core.now.wall < condition.at;
    case 'after-time':
    case 'after-clock':
    case 'before-clock':
    case 'after-weekday':
    case 'before-weekday':
    case 'custom':
      return true;
  }
}
