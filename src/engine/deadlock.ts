import { type Condition, isFinal } from '../model/index.ts';
import { GATED, HELD, PENDING } from './codes.ts';
import { jobsOf } from './conditions.ts';
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
  if (run.wakeAt.size > 0 || run.looks.size > 0) return false;
  for (const queue of run.queueByKey.values()) if (queue.head() !== -1) return false;
  const { status, flags, size } = run.table;
  for (let job = 0; job < size; job += 1) {
    if (status[job] === PENDING && ((flags[job] as number) & HELD) !== 0) return false;
  }
  return true;
}

/** Ends the jobs whose conditions can never become true since they wait for themselves, some a step. */
export function* endDeadlock(core: Core, run: RunState): Generator<void> {
  const doomed = inCircles(run);
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

/** The jobs with conditions on each circle of waiting, each job followed to one that it waits for. */
function inCircles(run: RunState): readonly number[] {
  const found: number[] = [];
  /** On which walk a job was met. */
  const metOn = new Map<number, number>();
  for (const start of run.watches.keys()) {
    let job: number | undefined = start;
    const path: number[] = [];
    while (job !== undefined && !metOn.has(job)) {
      metOn.set(job, start);
      path.push(job);
      job = blockerOf(run, job);
    }
    // A job that waits for nobody waits in vain.
    if (job === undefined) found.push(path.at(-1) as number);
    else if (metOn.get(job) === start) found.push(...path.slice(path.indexOf(job)));
  }
  // One that is not sealed may wait for a name that is still to come.
  return found.filter((job) => run.isSealed(job) && ((run.table.flags[job] as number) & GATED) !== 0);
}

function blockerOf(run: RunState, job: number): number | undefined {
  if (((run.table.flags[job] as number) & GATED) !== 0) {
    const condition = run.conditions.get(run.table.definition[job] as number);
    return condition === undefined ? undefined : namedIn(run, condition);
  }
  let blocker: number | undefined;
  run.eachUpstream(job, (from) => {
    if (!isFinal(run.statusOf(from))) blocker ??= from;
  });
  return blocker;
}

/** The first job a condition names that has not ended. */
export function namedIn(run: RunState, condition: Condition): number | undefined {
  if (condition.kind === 'after') {
    for (const job of jobsOf(run, condition)) if (job !== -1 && !isFinal(run.statusOf(job))) return job;
  } else if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) {
      const job = namedIn(run, part);
      if (job !== undefined) return job;
    }
  }
  return undefined;
}
