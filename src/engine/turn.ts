import { outcomeJson } from '../model/index.ts';
import { killFor, type LiveAttempt, wakeUp } from './attempts.ts';
import { GATED, PENDING, QUEUED } from './codes.ts';
import { resolveAll, watchInSlices } from './conditions.ts';
import { type Core, change } from './core.ts';
import { endJobs, inCircles, mayBeDeadlocked } from './deadlock.ts';
import { grantAll, reserveFor } from './granting.ts';
import { judgeNames } from './open-runs.ts';
import { endRunIfOver } from './runs.ts';
import type { RunState } from './run-state.ts';
import { cancelAll, settlePaused } from './steering.ts';
import type { TimerEntry } from './timers.ts';
import { allowInQueue, leaveQueues, lookAgain, settle, takeControls, takeFinals } from './waiting.ts';

/** How much one turn may do before it commits and lets the loop breathe. */
export interface TurnBudget {
  readonly edges: number;
  readonly grants: number;
  /** Rows and transitions in the outbox at which no more is taken on. */
  readonly size: number;
}

/** One turn of the core: what time has brought, what ended, what can start. */
export function turn(core: Core, budget: TurnBudget): void {
  for (let taken = 0; taken < budget.edges && core.out.size < budget.size; taken += 1) {
    const entry = core.timers.takeDue(core.now.mono);
    if (entry === undefined) break;
    fire(core, entry);
  }
  if (core.longConditions.length > 0)
    for (const { run, job } of core.longConditions.splice(0)) addChore(core, run, readCondition(core, run, job));
  if (core.out.size < budget.size && !isTellingPartly(core)) doChore(core);
  if (core.out.size < budget.size) takeFinals(core, budget.edges, (run, job) => jobSettled(core, run, job));
  if (core.controls.length > 0 && core.out.size < budget.size) takeControls(core, budget.grants);
  if (core.out.size < budget.size) grantAll(core, budget.grants);
  for (const run of core.runs.values()) if (run.paused) settlePaused(core, run);
  seekDeadlocks(core);
}

/** Looked for after each change of a run with conditions, once all its ends are told. */
function seekDeadlocks(core: Core): void {
  for (const run of core.out.drafts.keys()) if (run.watches.size > 0) core.suspects.add(run);
  if (core.suspects.size === 0 || core.finals.length > 0 || core.longConditions.length > 0) return;
  for (const run of core.suspects) {
    if (core.runs.get(run.id) !== run || !mayBeDeadlocked(run)) continue;
    // Where nobody waits for himself there is nothing to do: jobs of an open run may wait for what is still to come.
    const doomed = inCircles(run);
    if (doomed.length > 0) addChore(core, run, endJobs(core, run, doomed));
  }
  core.suspects.clear();
}

/** An end has been told to some of its dependents: what counts edges must wait until all know. */
export function isTellingPartly(core: Core): boolean {
  return core.finals[core.finalsTaken]?.edge !== undefined;
}

function doChore(core: Core): void {
  const chore = core.chores[0];
  if (chore === undefined) return;
  if (chore.next().done === true) core.chores.shift();
  else if (core.chores.length > 1) core.chores.push(core.chores.shift() as Generator<void>);
}

/** Looks up what the job's condition names and registers it there, then looks at it. */
function* readCondition(core: Core, run: RunState, job: number): Generator<void> {
  const condition = run.conditions.get(run.table.definition[job] as number);
  if (condition === undefined) return;
  yield* resolveAll(run, condition);
  if (isGated(run, job)) yield* watchInSlices(run, job, condition);
  lookAgain(core, run, job);
}

function isGated(run: RunState, job: number): boolean {
  return ((run.table.flags[job] as number) & GATED) !== 0;
}

/** Adds work on a run that is done in slices; the run cannot end before it has been done. */
export function addChore(core: Core, run: RunState, steps: Generator<void>): void {
  run.chores += 1;
  core.chores.push(counted(core, run, steps));
}

function* counted(core: Core, run: RunState, steps: Generator<void>): Generator<void> {
  try {
    yield* steps;
  } finally {
    run.chores -= 1;
  }
  endRunIfOver(core, run);
  if (run.watches.size > 0) core.suspects.add(run);
}

function jobSettled(core: Core, run: RunState, job: number): void {
  const stops = (run.settings.onFailure ?? 'continue') !== 'continue';
  if (stops && !run.stopping && run.statusOf(job) === 'failed') stopRest(core, run);
  if (run.isControl(job)) closeControl(core, run);
  endRunIfOver(core, run);
}

/** A control node is over, and what came of it is there: when it was the last, no name is to come any more. */
export function closeControl(core: Core, run: RunState): void {
  run.openControls -= 1;
  if (run.openControls === 0 && run.watches.size > 0) addChore(core, run, judgeNames(core, run));
}

/** Cancels what has not ended, for the reason for which the run stops: its policy, or else somebody's wish. */
export function stopRest(core: Core, run: RunState): void {
  const policy = run.settings.onFailure ?? 'continue';
  const cause = policy === 'continue' ? 'user' : 'run-abort';
  run.stopping = true;
  addChore(core, run, cancelAll(core, run, { cause, killLive: policy === 'abort' }));
}

function fire(core: Core, entry: TimerEntry): void {
  const { run, job } = entry;
  if (core.runs.get(run.id) !== run) return;
  switch (entry.kind) {
    case 'backoff':
      if (run.table.status[job] === PENDING && run.table.fence[job] === entry.fence && run.wakeAt.has(job))
        wakeUp(core, run, job);
      return;
    case 'condition':
      if (run.looks.get(job) !== entry.due) return;
      run.looks.delete(job);
      lookAgain(core, run, job);
      return;
    case 'reserve':
      reserveFor(core, run, job);
      return;
    case 'queue-timeout':
      queueTimeout(core, entry);
      return;
    case 'start-timeout':
    case 'run-timeout':
    case 'heartbeat':
    case 'recheck':
      attemptTimer(core, entry);
      return;
  }
}

/** Patience is for capacity: a pause does not use it up. */
function queueTimeout(core: Core, entry: TimerEntry): void {
  const { run, job } = entry;
  const { table } = run;
  if (run.queueDue.get(job) !== entry.due) return;
  const waits = table.status[job] === PENDING && ((table.flags[job] as number) & QUEUED) !== 0;
  if (waits && run.paused) return allowInQueue(core, run, job, run.definition(job).timeouts.queueMs ?? 0);
  run.queueDue.delete(job);
  // It left the queue for its condition since, or waits in it as the successor of a lost attempt: it stays where it is.
  if (!waits) return;
  leaveQueues(core, run, job);
  const outcome = { kind: 'timeout', timeout: 'queue' } as const;
  run.remember(job, outcome);
  change(core, run, job, 'failed', 'timeout', { outcomeJson: outcomeJson(outcome), outcome });
  settle(core, run, job);
}

function attemptTimer(core: Core, entry: TimerEntry): void {
  const attempt = entry.run.attemptOf.get(entry.job);
  if (attempt === undefined || attempt.fence !== entry.fence) return;
  const { timeouts } = entry.run.definition(entry.job);
  switch (entry.kind) {
    case 'start-timeout':
      if (attempt.startedAt === 0) killFor(core, attempt, 'start');
      return;
    case 'run-timeout':
      killFor(core, attempt, 'run');
      return;
    case 'heartbeat':
      heartbeatTimer(core, attempt, timeouts.heartbeatMs ?? 0);
      return;
    default:
      // Asked also when a phase came since: that may have been an old report, and the end the one that was lost.
      entry.run.wakeAt.delete(entry.job);
      core.out.rechecks.push(attempt);
  }
}

function heartbeatTimer(core: Core, attempt: LiveAttempt, heartbeatMs: number): void {
  const due = attempt.lastSeen + heartbeatMs;
  if (core.now.mono >= due) killFor(core, attempt, 'heartbeat');
  else core.timers.add(due, 'heartbeat', attempt);
}

/** The wall clock jumped: what waits for a point in time is looked at again. */
export function wallJumped(core: Core): void {
  for (const run of core.runs.values()) for (const job of [...run.timeGated]) lookAgain(core, run, job);
}
