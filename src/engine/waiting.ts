import { acceptBit, type Condition, DATA_EDGE, isFinal } from '../model/index.ts';
import { CREATED, DOOMED, GATED, HELD, PENDING, TOLD } from './codes.ts';
import { type Core, change } from './core.ts';
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
  enqueue(core, run, job);
}

/** Into the ready queue, with its deadline for being granted. */
export function enqueue(core: Core, run: RunState, job: number): void {
  run.queueOf(job).add(job);
  core.grantable = true;
  const { queueMs } = run.definition(job).timeouts;
  if (queueMs !== undefined) {
    core.timers.add(core.now.mono + queueMs, 'queue-timeout', { run, job, fence: run.table.fence[job] as number });
  }
}

/** Looks at a job's condition; when it isn't true, sees to it that something will wake the job. */
export function passes(core: Core, run: RunState, job: number, condition: Condition): boolean {
  const { flags } = run.table;
  const verdict = judge(core, run, condition);
  if (verdict.truth === 'true') {
    flags[job] = (flags[job] as number) & ~GATED;
    return true;
  }
  if (verdict.truth === 'never' && run.sealed) {
    flags[job] = (flags[job] as number) & ~GATED;
    failUnsatisfiable(core, run, job);
    return false;
  }
  flags[job] = (flags[job] as number) | GATED;
  watch(run, job, condition);
  const fence = run.table.fence[job] as number;
  if (verdict.wakeWall !== Infinity) {
    run.timeGated.add(job);
    core.timers.add(core.now.mono + Math.max(0, verdict.wakeWall - core.now.wall), 'condition', { run, job, fence });
  }
  if (verdict.pollMs !== Infinity) core.timers.add(core.now.mono + verdict.pollMs, 'condition', { run, job, fence });
  return false;
}

interface Verdict {
  /** `never`: it is false, and nothing that is known can make it true. */
  readonly truth: 'true' | 'false' | 'never';
  /** Wall clock at which it may change by itself. */
  readonly wakeWall: number;
  readonly pollMs: number;
}

const TRUE: Verdict = { truth: 'true', wakeWall: Infinity, pollMs: Infinity };
const FALSE: Verdict = { truth: 'false', wakeWall: Infinity, pollMs: Infinity };
const NEVER: Verdict = { truth: 'never', wakeWall: Infinity, pollMs: Infinity };

/** Evaluates a condition against what is true now. */
export function judge(core: Core, run: RunState, condition: Condition): Verdict {
  switch (condition.kind) {
    case 'after':
      return judgeAfter(run, condition);
    case 'after-time':
      return core.now.wall > condition.at ? TRUE : { ...FALSE, wakeWall: condition.at + 1 };
    case 'before-time':
      return core.now.wall < condition.at ? { ...TRUE, wakeWall: condition.at } : NEVER;
    case 'custom':
      return core.settings.judge(condition.name) ? TRUE : { ...FALSE, pollMs: condition.everyMs };
    case 'all':
    case 'any':
      return judgeMany(core, run, condition);
  }
}

function judgeMany(core: Core, run: RunState, condition: Condition & { kind: 'all' | 'any' }): Verdict {
  const parts = condition.conditions.map((part) => judge(core, run, part));
  const decides = condition.kind === 'all' ? 'never' : 'true';
  const whole = condition.kind === 'all' ? 'true' : 'never';
  let truth: Verdict['truth'] = 'false';
  if (parts.some((part) => part.truth === decides)) truth = decides;
  else if (parts.every((part) => part.truth === whole)) truth = whole;
  const wakeWall = parts.reduce((least, part) => Math.min(least, part.wakeWall), Infinity);
  const pollMs = parts.reduce((least, part) => Math.min(least, part.pollMs), Infinity);
  return { truth, wakeWall, pollMs };
}

function judgeAfter(run: RunState, condition: Condition & { kind: 'after' }): Verdict {
  let accepted = 0;
  let refused = 0;
  for (const name of condition.jobs) {
    const upstream = run.indexOf(name);
    if (upstream === undefined) {
      if (run.sealed) refused += 1;
      continue;
    }
    const status = run.statusOf(upstream);
    if (!isFinal(status)) continue;
    if ((condition.accept & acceptBit(status)) !== 0) accepted += 1;
    else refused += 1;
  }
  const all = condition.mode === 'all';
  if (all ? accepted === condition.jobs.length : accepted > 0) return TRUE;
  return (all ? refused > 0 : refused === condition.jobs.length) ? NEVER : FALSE;
}

/** Registers a job with everything whose end could make its condition true. */
function watch(run: RunState, job: number, condition: Condition): void {
  if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) watch(run, job, part);
    return;
  }
  if (condition.kind !== 'after') return;
  for (const name of condition.jobs) {
    const upstream = run.indexOf(name);
    if (upstream === undefined) continue;
    const watchers = run.watchers.get(upstream) ?? new Set();
    watchers.add(job);
    run.watchers.set(upstream, watchers);
  }
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

/** A job reached a final status: its dependents are to be told, and the run may be over. */
export function settle(core: Core, run: RunState, job: number): void {
  run.wakeAt.delete(job);
  core.finals.push({ run, job, edge: undefined });
}

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
  if (core.finalsTaken === core.finals.length) {
    core.finals.length = 0;
    core.finalsTaken = 0;
  }
}

/** Returns how many edges were walked. A job with more of them than the budget goes on where it stopped. */
function tellDependents(core: Core, final: Core['finals'][number], budget: number): number {
  const { run, job } = final;
  const { table } = run;
  const isStale = !isFinal(run.statusOf(job)) || ((table.flags[job] as number) & TOLD) !== 0;
  if (isStale) {
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
  if (edge !== -1) {
    final.edge = edge;
    return walked;
  }
  core.finalsTaken += 1;
  table.flags[job] = (table.flags[job] as number) | TOLD;
  const watchers = run.watchers.get(job);
  if (watchers !== undefined) {
    run.watchers.delete(job);
    for (const watcher of watchers) lookAgain(core, run, watcher);
  }
  return walked;
}

/** Whether an edge is satisfied by an upstream with this final status, fails because of it, or dooms its job. */
export function isSatisfied(accept: number, status: ReturnType<RunState['statusOf']>): 'yes' | 'cancels' | 'dooms' {
  if (accept === DATA_EDGE) return status === 'done' ? 'yes' : 'cancels';
  return (accept & acceptBit(status)) !== 0 ? 'yes' : 'dooms';
}

function tellOne(core: Core, run: RunState, job: number, verdict: ReturnType<typeof isSatisfied>): void {
  const { table } = run;
  const status = table.status[job];
  if (status !== PENDING && status !== CREATED) return;
  switch (verdict) {
    case 'yes':
      table.waits[job] = (table.waits[job] as number) - 1;
      if (table.waits[job] === 0) becomeReady(core, run, job);
      return;
    case 'cancels':
      change(core, run, job, 'cancelled', 'upstream');
      settle(core, run, job);
      return;
    case 'dooms':
      table.flags[job] = (table.flags[job] as number) | DOOMED;
      if (run.sealed) failUnsatisfiable(core, run, job);
      return;
  }
}
