import { acceptBit, type Condition, DATA_EDGE } from '../model/index.ts';
import { DOOMED, GATED, HELD, isOver, PENDING, QUEUED, RUNNING, type Standing, TOLD } from './codes.ts';
import { advance, type Gate, isLong, isResolved, judge, unwatch, type Verdict, watch } from './conditions.ts';
import { listControl, mayExpand, park, type ReadyControl } from './controls.ts';
import { type Core, change, markSkipped } from './core.ts';
import { asksFirst, dropQuestion } from './questions.ts';
import type { RunState } from './run-state.ts';

/**
 * From waiting to ready: edges that are satisfied one by one, then the condition, then the queue.
 * What ends is told to its dependents in slices, so that the end of one job with a hundred
 * thousand dependents does not hold the loop.
 */

/** Puts a pending job whose edges are satisfied where it belongs: behind its condition, or into the queue. */
export function becomeReady(core: Core, run: RunState, job: number): void {
  const { status, waits, flags } = run.table;
  if (status[job] !== PENDING || (waits[job] as number) > 0) return;
  if (((flags[job] as number) & HELD) !== 0 || run.wakeAt.has(job)) return;
  if (run.conditions.size > 0) {
    const condition = run.conditions.get(run.table.definition[job] as number);
    if (condition !== undefined && !passes(core, run, job, condition)) return;
  }
  if (run.isControl(job)) listControl(core, run, job);
  else enqueue(core, run, job);
}

/** Hands control nodes that wait for nothing any more to whoever expands them, with the commit of what they waited for. */
export function takeControls(core: Core, most: number): void {
  if (core.draining) return;
  for (const control of core.controls.splice(0, most)) {
    if (!mayEnd(core, control)) continue;
    control.state = 'taken';
    control.takenAt = core.now.wall;
    core.out.expansions.push(control);
  }
}

/** Whether a control node may end now, its condition judged again. One that may not waits for what keeps it. */
export function mayEnd(core: Core, control: ReadyControl): boolean {
  const { run, job } = control;
  if (!mayExpand(core, control)) {
    park(control);
    return false;
  }
  const condition = run.conditions.get(run.table.definition[job] as number);
  if (condition === undefined || passes(core, run, job, condition)) return true;
  run.controls.delete(job);
  return false;
}

/** Into the ready queue, unless an earlier result may stand for the job: then that is asked first. */
export function enqueue(core: Core, run: RunState, job: number): void {
  core.grantable = true;
  if (run.asking === undefined || !asksFirst(core, run, job)) enterQueue(core, run, job);
}

/** Into the ready queue, with its deadline for being granted. */
export function enterQueue(core: Core, run: RunState, job: number): void {
  core.grantable = true;
  if (((run.table.flags[job] as number) & QUEUED) !== 0) return;
  run.queueOf(job).add(job);
  const { queueMs } = run.definition(job).timeouts;
  if (queueMs !== undefined) allowInQueue(core, run, job, queueMs);
}

/** Counts how long the job waits in the queue from now on. An earlier count means nothing any more. */
export function allowInQueue(core: Core, run: RunState, job: number, queueMs: number): void {
  const due = core.now.mono + queueMs;
  run.queueDue.set(job, due);
  core.timers.add(due, 'queue-timeout', { run, job, fence: run.table.fence[job] as number });
}

/** Takes the job out of wherever it waits for its condition, a date or its turn. */
export function leaveQueues(core: Core, run: RunState, job: number): void {
  const { flags } = run.table;
  // What was kept or stepped over for its sake may be had by others.
  if (((flags[job] as number) & QUEUED) !== 0) core.grantable = true;
  flags[job] = (flags[job] as number) & ~QUEUED;
  if (run.queueDue.size > 0) run.queueDue.delete(job);
  if (run.controls.size > 0) run.controls.delete(job);
  if (run.asking !== undefined) dropQuestion(run, job);
  ungate(run, job);
}

/** Looks at a job's condition; when it isn't true, sees to it that something will wake the job. */
export function passes(core: Core, run: RunState, job: number, condition: Condition): boolean {
  const long = isLong(condition);
  if (long && !isResolved(run, condition)) {
    run.table.flags[job] = (run.table.flags[job] as number) | GATED;
    core.longConditions.push({ run, job });
    return false;
  }
  const isSealed = run.knowsAllNames(job);
  const verdict = judge(core, run, { condition, isSealed });
  if (verdict.truth === 'true') {
    ungate(run, job);
    return true;
  }
  if (verdict.truth === 'never' && isSealed) {
    ungate(run, job);
    failUnsatisfiable(core, run, job);
    return false;
  }
  const { flags } = run.table;
  flags[job] = (flags[job] as number) | GATED;
  // What moved last may have been this job, by itself: then nobody else will notice a circle.
  core.suspects.add(run);
  if (!long) watch(run, job, condition);
  else if (!run.watches.has(job)) core.longConditions.push({ run, job });
  dateLook(core, run, job, verdict);
  return false;
}

/** One look at a time is dated for a job, however often something else wakes it. */
function dateLook(core: Core, run: RunState, job: number, verdict: Verdict): void {
  const { mono, wall } = core.now;
  if (verdict.wakeWall !== Infinity) run.timeGated.add(job);
  const due = Math.min(mono + Math.max(0, verdict.wakeWall - wall), mono + verdict.pollMs);
  if (due === Infinity) return;
  const known = run.looks.get(job);
  if (known !== undefined && known > mono && known <= due) return;
  run.looks.set(job, due);
  core.timers.add(due, 'condition', { run, job, fence: run.table.fence[job] as number });
}

function ungate(run: RunState, job: number): void {
  if (run.conditions.size === 0) return;
  const { flags } = run.table;
  flags[job] = (flags[job] as number) & ~GATED;
  run.timeGated.delete(job);
  run.looks.delete(job);
  unwatch(run, job);
}

/** Looks again at a job that waits for its condition. */
export function lookAgain(core: Core, run: RunState, job: number): void {
  const { flags } = run.table;
  if (((flags[job] as number) & GATED) === 0) return;
  flags[job] = (flags[job] as number) & ~GATED;
  run.timeGated.delete(job);
  becomeReady(core, run, job);
}

/** What it waits for can never come. */
export function failUnsatisfiable(core: Core, run: RunState, job: number): void {
  change(core, run, job, 'failed', 'unsatisfiable');
  settle(core, run, job);
}

/** No branch chose it, or what it needs: it never becomes a job, and what needs its value goes the same way. */
export function skip(core: Core, run: RunState, job: number): void {
  markSkipped(core, run, job);
  settle(core, run, job);
}

/** A job reached a final status: its dependents are to be told, and the run may be over. */
export function settle(core: Core, run: RunState, job: number): void {
  run.wakeAt.delete(job);
  core.finals.push({ run, job, edge: undefined, gate: 0 });
}

/** Below this the ones that were taken may stay. */
const FINALS_KEPT = 4096;

/**
 * Tells dependents of ended jobs, at most about `budget` edges; the rest waits for the next turn.
 * Calls back for each job whose dependents all know.
 */
export function takeFinals(core: Core, budget: number, told: (run: RunState, job: number) => void): void {
  let left = budget;
  while (left > 0 && core.finalsTaken < core.finals.length) {
    const final = core.finals[core.finalsTaken] as Core['finals'][number];
    const taken = core.finalsTaken;
    left -= tellDependents(core, final, left);
    if (core.finalsTaken > taken) told(final.run, final.job);
  }
  if (core.finalsTaken === core.finals.length) core.finals.length = 0;
  else if (core.finalsTaken < FINALS_KEPT || core.finalsTaken * 2 < core.finals.length) return;
  else {
    core.finals.copyWithin(0, core.finalsTaken);
    core.finals.length -= core.finalsTaken;
  }
  core.finalsTaken = 0;
}

/** Returns how many edges were walked. A job with more of them than the budget goes on where it stopped. */
function tellDependents(core: Core, final: Core['finals'][number], budget: number): number {
  const { run, job } = final;
  const { table } = run;
  const isTold = ((table.flags[job] as number) & TOLD) !== 0;
  if (!isOver(run.statusOf(job)) || (isTold && final.edge !== -1)) {
    // Run again meanwhile, and perhaps told again: this entry has nothing to say any more.
    core.finalsTaken += 1;
    return 1;
  }
  let edge = final.edge ?? (table.firstOut[job] as number);
  let walked = 1;
  const status = run.statusOf(job);
  for (; edge !== -1 && walked <= budget; edge = table.edgeNext[edge] as number) {
    walked += 1;
    tellOne(core, run, table.edgeTo[edge] as number, isSatisfied(table.edgeAccept[edge] as number, status));
  }
  final.edge = edge;
  if (edge !== -1) return walked;
  table.flags[job] = (table.flags[job] as number) | TOLD;
  const gates = run.gates.get(job);
  for (; gates !== undefined && final.gate < gates.length && walked <= budget; final.gate += 1) {
    walked += 1;
    const gate = gates[final.gate] as Gate;
    if (advance(run, gate, job)) lookAgain(core, run, gate.watch.job);
  }
  if (gates !== undefined && final.gate < gates.length) return walked;
  run.gates.delete(job);
  core.finalsTaken += 1;
  return walked;
}

/** What an end means for a job that waits for it: the edge is satisfied, or the job ends because of it, or is doomed. */
export type EdgeVerdict = 'yes' | 'cancels' | 'skips' | 'dooms';

/** What an upstream that stands so at its end means for an edge. */
export function isSatisfied(accept: number, status: Standing): EdgeVerdict {
  if (status === 'skipped') return accept === DATA_EDGE ? 'skips' : 'yes';
  if (accept === DATA_EDGE) return status === 'done' ? 'yes' : 'cancels';
  return (accept & acceptBit(status)) !== 0 ? 'yes' : 'dooms';
}

function tellOne(core: Core, run: RunState, job: number, verdict: EdgeVerdict): void {
  const { table } = run;
  const status = table.status[job];
  // One that runs took the value of an earlier end; it counts for the case that it is tried again.
  if (status === RUNNING && verdict === 'yes' && (table.waits[job] as number) > 0) countDown(table, job);
  if (status !== PENDING) return;
  switch (verdict) {
    case 'yes':
      countDown(table, job);
      if (table.waits[job] === 0) becomeReady(core, run, job);
      return;
    case 'cancels':
      change(core, run, job, 'cancelled', 'upstream');
      settle(core, run, job);
      return;
    case 'skips':
      skip(core, run, job);
      return;
    case 'dooms':
      table.flags[job] = (table.flags[job] as number) | DOOMED;
      if (run.isSealed(job)) failUnsatisfiable(core, run, job);
      return;
  }
}

function countDown(table: RunState['table'], job: number): void {
  table.waits[job] = (table.waits[job] as number) - 1;
}
