import { DATA_EDGE, HeddleError } from '../model/index.ts';
import { recall, recallAll } from './ahead.ts';
import { cancelAttempt, declareLost, type LiveAttempt } from './attempts.ts';
import { CANCELLED, DOOMED, FAILED, HELD, isOver, PENDING, RUNNING, SKIPPED, SUCCESSOR, TOLD } from './codes.ts';
import { listParked } from './controls.ts';
import { type Core, change, keepRow } from './core.ts';
import { lower } from './escalating.ts';
import { keepSettings, type StoredSettings } from './overriding.ts';
import { askParked } from './questions.ts';
import type { RunState } from './run-state.ts';
import { settleWaits, UNCOUNTED } from './runs.ts';
import { becomeReady, enqueue, leaveQueues, settle } from './waiting.ts';

/** What people ask of a run while it goes: each is small, or a chore that is done in slices. */

/** Jobs of one slice of a chore that writes a row for each. */
const SLICE = 250;
/** Edges walked in one slice. */
const EDGE_SLICE = 10_000;

/**
 * Cancels everything of a run that is not final. Without `killLive`, what runs may end by itself.
 * Jobs are cancelled before their dependents are told, so each reads the cause it was given.
 */
export function* cancelAll(
  core: Core,
  run: RunState,
  how: { readonly cause: 'user' | 'run-abort'; readonly killLive: boolean },
): Generator<void> {
  run.stopping = true;
  // What is cancelled as a whole takes nothing more.
  run.close();
  if (how.killLive) {
    let asked = 0;
    for (const attempt of [...run.attemptOf.values()]) {
      // The one that was live when the list was made may have ended between two slices.
      if (run.attemptOf.get(attempt.job) !== attempt) continue;
      cancelAttempt(core, attempt, how.cause);
      asked += 1;
      if (asked % SLICE === 0) yield;
    }
  }
  for (let job = 0, changed = 0; job < run.table.size; job += 1) {
    if (run.table.status[job] === PENDING || awaited(run, job) !== undefined) {
      cancelWaiting(core, run, job, how.cause);
      changed += 1;
    }
    if (changed >= SLICE || (job & 0x7fff) === 0x7fff) {
      changed = 0;
      yield;
    }
  }
}

/** Cancels a run as somebody wishes it, and keeps the wish until the run is to go on again. */
export function* cancelRun(core: Core, run: RunState): Generator<void> {
  if (run.endedAt !== 0) return;
  keepSettings(core, run, { ...run.settings, cancelling: true });
  yield* cancelAll(core, run, { cause: 'user', killLive: true });
}

/** Selections up to this size are changed in one go. */
export const FEW_JOBS: number = SLICE;

/** Cancels some jobs, a slice a step. Those that are final stay as they are. */
export function* cancelJobs(core: Core, run: RunState, jobs: readonly number[]): Generator<void> {
  for (const [i, job] of jobs.entries()) {
    if (i % SLICE === SLICE - 1) yield;
    const live = run.attemptOf.get(job);
    if (live !== undefined) cancelAttempt(core, live, 'user');
    else if (run.table.status[job] === PENDING || awaited(run, job) !== undefined)
      cancelWaiting(core, run, job, 'user');
  }
}

function cancelWaiting(core: Core, run: RunState, job: number, cause: 'user' | 'run-abort'): void {
  forget(core, run, job);
  if (awaited(run, job) !== undefined) declareLost(core, run, job, 'queued');
  change(core, run, job, 'cancelled', cause);
  settle(core, run, job);
}

function awaited(run: RunState, job: number): LiveAttempt | undefined {
  return run.table.status[job] === RUNNING ? run.awaited.get(job) : undefined;
}

/** Nothing that was to happen to the job is to happen any more. */
function forget(core: Core, run: RunState, job: number): void {
  const { flags } = run.table;
  leaveQueues(core, run, job);
  flags[job] = (flags[job] as number) & ~(DOOMED | TOLD);
  run.wakeAt.delete(job);
}

/** Keeps jobs from starting until they are released. What runs goes on; its retry would be held, and what was sent ahead is. */
export function hold(core: Core, run: RunState, jobs: readonly number[]): void {
  const { flags } = run.table;
  for (const job of jobs) {
    const status = run.table.status[job];
    if ((status !== PENDING && status !== RUNNING) || ((flags[job] as number) & HELD) !== 0) continue;
    leaveQueues(core, run, job);
    flags[job] = (flags[job] as number) | HELD;
    const live = run.attemptOf.get(job);
    if (live !== undefined) recall(core, live);
    keepSteered(core, run, job);
  }
}

export function releaseHeld(core: Core, run: RunState, jobs: readonly number[]): void {
  const { flags } = run.table;
  for (const job of jobs) {
    if (((flags[job] as number) & HELD) === 0) continue;
    flags[job] = (flags[job] as number) & ~HELD;
    keepSteered(core, run, job);
    if (awaited(run, job) !== undefined) enqueue(core, run, job);
    else becomeReady(core, run, job);
  }
}

function keepSteered(core: Core, run: RunState, job: number): void {
  if (!core.settings.keepRows) return;
  const attempt = run.attemptOf.get(job) ?? awaited(run, job);
  keepRow(core, run, job, attempt === undefined ? {} : { attempt });
}

/** Makes failed and cancelled jobs of a finished run pending again, their budgets restored. */
export function* retryFailed(core: Core, run: RunState): Generator<void> {
  reopen(core, run);
  const again: number[] = [];
  for (let job = 0; job < run.table.size; job += 1) {
    const status = run.table.status[job];
    if (status !== FAILED && status !== CANCELLED) continue;
    makePending(core, run, job);
    again.push(job);
    if (again.length % SLICE === 0) yield;
  }
  yield* settleAgain(core, run, again);
  yield* cancelIfStopped(core, run);
}

/**
 * Makes final jobs pending again, with the finished ones that took their values, and those that
 * were cancelled because of them. What waits, or runs and may be tried again, counts its edges anew.
 */
export function* rerun(core: Core, run: RunState, jobs: readonly number[]): Generator<void> {
  reopen(core, run);
  for (const job of jobs) run.asking?.fresh.add(job);
  const { table } = run;
  const stack = [...jobs];
  const again: number[] = [];
  let steps = 0;
  for (let job = stack.pop(); job !== undefined; job = stack.pop()) {
    if (!isOver(run.statusOf(job))) continue;
    // Dependents first: none of them may start between two slices, while this one is made pending.
    for (let e = table.firstOut[job] as number; e !== -1; e = table.edgeNext[e] as number) {
      const to = table.edgeTo[e] as number;
      if (!isOver(run.statusOf(to))) again.push(...unsettled(core, run, to));
      else if (isTaker(run, to, table.edgeAccept[e] as number)) stack.push(to);
      steps += 1;
      if (steps % EDGE_SLICE === 0) yield;
    }
    makePending(core, run, job);
    again.push(job);
    if (again.length % SLICE === 0) yield;
  }
  yield* settleAgain(core, run, again);
  // What counted the ends of these jobs has to count again.
  for (const job of [...run.watches.keys()]) {
    leaveQueues(core, run, job);
    becomeReady(core, run, job);
    steps += 1;
    if (steps % EDGE_SLICE === 0) yield;
  }
  yield* cancelIfStopped(core, run);
}

/**
 * Makes done jobs run again for the sake of one that needs what they made: it waits for them, and so do others that had
 * not started. What took their values before keeps what it made of them.
 */
export function* runAgainFirst(
  core: Core,
  run: RunState,
  { jobs, before }: { readonly jobs: readonly number[]; readonly before: number },
): Generator<void> {
  const { table } = run;
  const again = [...unsettled(core, run, before)];
  let steps = 0;
  for (const job of jobs) {
    if (run.statusOf(job) !== 'done') continue;
    for (let e = table.firstOut[job] as number; e !== -1; e = table.edgeNext[e] as number) {
      const to = table.edgeTo[e] as number;
      if (!isOver(run.statusOf(to))) again.push(...unsettled(core, run, to));
      steps += 1;
      if (steps % EDGE_SLICE === 0) yield;
    }
    makePending(core, run, job);
    again.push(job);
  }
  yield* settleAgain(core, run, again);
  yield* cancelIfStopped(core, run);
}

/** Whether a job that is over is to be run again with one that it has an edge from. A control node takes whatever it waits for. */
function isTaker(run: RunState, job: number, accept: number): boolean {
  return accept === DATA_EDGE || run.table.status[job] === CANCELLED || run.isControl(job);
}

/**
 * What a control node became stands: nothing that it was made of can be made anew.
 *
 * @throws {HeddleError} STATE_CONFLICT, before anything has changed
 */
export function refuseExpanded(run: RunState, jobs: readonly number[]): void {
  if (!run.hasControls) return;
  const { table } = run;
  const met = new Set<number>();
  const stack = [...jobs];
  for (let job = stack.pop(); job !== undefined; job = stack.pop()) {
    if (met.has(job) || !isOver(run.statusOf(job))) continue;
    met.add(job);
    if (run.expanded.has(job)) {
      const message = `"${run.nameOf(job)}" takes what would be run again, and what it became stands: its jobs are there`;
      throw new HeddleError('STATE_CONFLICT', message, { hint: 'start a new run' });
    }
    for (let e = table.firstOut[job] as number; e !== -1; e = table.edgeNext[e] as number) {
      const to = table.edgeTo[e] as number;
      if (isTaker(run, to, table.edgeAccept[e] as number)) stack.push(to);
    }
  }
}

/** The run began to stop while jobs of it were being made pending: they go the way of the rest. */
function* cancelIfStopped(core: Core, run: RunState): Generator<void> {
  if (!run.stopping) return;
  const cause = (run.settings.onFailure ?? 'continue') === 'continue' ? 'user' : 'run-abort';
  yield* cancelAll(core, run, { cause, killLive: false });
}

/** Makes a job that waits or runs wait until its edges are counted again; nothing when that is so already. */
function unsettled(core: Core, run: RunState, job: number): readonly number[] {
  const { table } = run;
  if (awaited(run, job) !== undefined) declareLost(core, run, job, 'queued');
  if ((table.waits[job] as number) >= UNCOUNTED / 2) return [];
  leaveQueues(core, run, job);
  table.waits[job] = UNCOUNTED;
  return [job];
}

/** A run that had ended goes on. */
export function reopen(core: Core, run: RunState): void {
  if (run.endedAt === 0) return;
  run.endedAt = 0;
  run.status = 'running';
  run.detail = '';
  run.stopping = false;
  const draft = core.out.draft(run);
  draft.patch = { ...draft.patch, status: 'running', detail: '', endedAt: 0 };
  const { cancelling, ...settings } = run.settings as StoredSettings;
  if (cancelling === true) keepSettings(core, run, settings);
}

function makePending(core: Core, run: RunState, job: number): void {
  const { table } = run;
  if (run.isControl(job)) run.openControls += 1;
  if (table.status[job] === SKIPPED) core.out.draft(run).skipped?.delete(job);
  table.charged[job] = 0;
  table.losses[job] = 0;
  lower(run, job);
  table.waits[job] = UNCOUNTED;
  forget(core, run, job);
  // A hold is for the wait it was asked for.
  table.flags[job] = (table.flags[job] as number) & ~HELD;
  run.fatalPlaces.delete(job);
  change(core, run, job, 'pending', 'blocked');
}

function* settleAgain(core: Core, run: RunState, jobs: readonly number[]): Generator<void> {
  for (const [i, job] of jobs.entries()) {
    settleWaits(core, run, job);
    if (i % 0xfff === 0xffe) yield;
  }
}

/** Nothing of this run is to start; what runs goes on, and what was sent ahead is asked back. */
export function pause(core: Core, run: RunState): void {
  run.paused = true;
  recallAll(core, (attempt) => attempt.run === run);
  // What was kept for its jobs may be had by others.
  core.grantable = true;
}

export function unpause(core: Core, run: RunState): void {
  run.paused = false;
  listParked(core, run);
  askParked(core, run);
  core.grantable = true;
  if (run.status === 'pending' && run.detail === 'paused') {
    run.status = 'running';
    run.detail = '';
    core.out.draft(run).patch = { ...core.out.draft(run).patch, status: 'running', detail: '' };
  }
}

/** A paused run reads `pending (paused)` once nothing of it runs. */
export function settlePaused(core: Core, run: RunState): void {
  if (!run.paused || run.live > 0 || run.status !== 'running' || run.unfinished === 0) return;
  run.status = 'pending';
  run.detail = 'paused';
  core.out.draft(run).patch = { ...core.out.draft(run).patch, status: 'pending', detail: 'paused' };
}

/**
 * Ends what runs as cancelled (shutdown), so that every job is left `pending (interrupted)` or as it was: at most
 * so many attempts at a time. Returns how many it asked to end.
 */
export function interrupt(
  core: Core,
  run: RunState,
  { spares, most }: { readonly spares: (attempt: LiveAttempt) => boolean; readonly most: number },
): number {
  run.interrupting = true;
  let asked = 0;
  for (const attempt of run.attemptOf.values()) {
    if (asked === most) break;
    if (attempt.cancel !== undefined || spares(attempt)) continue;
    cancelAttempt(core, attempt, 'shutdown');
    asked += 1;
  }
  for (const job of [...run.awaited.keys()]) {
    if (((run.table.flags[job] as number) & SUCCESSOR) !== 0) declareLost(core, run, job, 'interrupted');
  }
  return asked;
}

/** The run is given up, unfinished, to be resumed by whoever claims it. */
export function markInterrupted(core: Core, run: RunState): void {
  if (run.endedAt !== 0) return;
  run.status = 'pending';
  run.detail = 'interrupted';
  const draft = core.out.draft(run);
  draft.patch = { ...draft.patch, status: 'pending', detail: 'interrupted' };
  draft.settled = true;
  draft.released = true;
}
