import {
  type AttemptId,
  type CancelCause,
  causeOf,
  type Grant,
  isLargerThan,
  MAX_VALUE_BYTES,
  type Outcome,
  outcomeJson,
  type Phase,
  type Refusal,
  type SubmissionId,
  type TimeoutKind,
} from '../model/index.ts';
import { leaveLine, promote } from './ahead.ts';
import { countHeld } from './caps.ts';
import { CANCEL_REQUESTED, HELD, STOP_REQUESTED, SUCCESSOR } from './codes.ts';
import { type Change, type Core, change, changePhase } from './core.ts';
import { escalate } from './escalating.ts';
import type { BackendState, PlaceState } from './places.ts';
import { countPool, giveBack } from './places.ts';
import type { RunState } from './run-state.ts';
import { isRetried, retryDelayMs } from './retrying.ts';
import { readyAgain } from './runs.ts';
import { enqueue, settle } from './waiting.ts';

/** An attempt that has been granted and has not ended. */
export interface LiveAttempt {
  readonly id: AttemptId;
  readonly run: RunState;
  readonly job: number;
  readonly fence: number;
  readonly backend: BackendState;
  readonly place: PlaceState;
  readonly grant: Grant;
  readonly grantJson: string;
  submission: SubmissionId;
  element: number;
  handle: string;
  phase: Phase;
  /** Epoch milliseconds; 0: not yet. */
  readonly grantedAt: number;
  startedAt: number;
  /** Monotonic: when it was granted, and its last sign of life. */
  readonly grantedMono: number;
  lastSeen: number;
  /** It was started by an earlier engine. */
  readonly adopted: boolean;
  /** The order has been handed to the backend: from then on the backend says how it ends. */
  launched: boolean;
  /** Its backend has said that it has it. */
  isAccepted: boolean;
  /** The furthest phase it was in. */
  reached: Phase;
  /** It is gone after it began: once that is written down it counts against `maxLosses`. */
  isLoss: boolean;
  /** Its place does not answer, whatever else is true of it. */
  silent: boolean;
  /** Somebody wants it ended, and why. */
  cancel: CancelCause | undefined;
  /** The deadline for which it is being ended. */
  killedBy: TimeoutKind | undefined;
  /** It was sent ahead and holds nothing yet: it stands in the line of its place, between these two. */
  isAhead: boolean;
  previousAhead: LiveAttempt | undefined;
  nextAhead: LiveAttempt | undefined;
  /** Its backend was asked to take it back. It may have come too late. */
  isRecalled: boolean;
}

/** Times the outside world said, in epoch milliseconds. */
export interface EndTimes {
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
}

/** An attempt ended. First terminal report wins: one that is not live any more is told of and changes nothing. */
export function attemptEnded(core: Core, id: AttemptId, outcome: Outcome, times: EndTimes = {}): void {
  const attempt = core.attempts.get(id);
  if (attempt === undefined) return lateReport(core, id, outcome);
  if (outcome.kind === 'lost') return attemptGone(core, id, { why: outcome.why });
  if (times.startedAt !== undefined) attempt.startedAt = times.startedAt;
  retire(core, attempt);
  releaseWithEnd(core, attempt);
  const actual = actualOutcome(attempt, storable(attempt, outcome));
  const endedAt = times.endedAt ?? core.now.wall;
  applyEnd(core, attempt, actual, endedAt);
}

function lateReport(core: Core, id: AttemptId, outcome: Outcome): void {
  core.notice(
    'late-report',
    `attempt ${id} reported its end (${outcome.kind}) after it had ended or been fenced: not applied`,
  );
}

function retire(core: Core, attempt: LiveAttempt): void {
  forgetLive(core, attempt);
  attempt.run.wakeAt.delete(attempt.job);
  giveBackGrant(core, attempt);
}

/** With the commit that holds its end, the backend may forget it. */
function releaseWithEnd(core: Core, attempt: LiveAttempt): void {
  core.out.releases.push({ run: attempt.run, attempt: attempt.id, backend: attempt.backend.name });
}

function forgetLive(core: Core, attempt: LiveAttempt): void {
  core.attempts.delete(attempt.id);
  attempt.run.live -= 1;
  if (attempt.run.attemptOf.get(attempt.job) === attempt) attempt.run.attemptOf.delete(attempt.job);
}

function giveBackGrant(core: Core, attempt: LiveAttempt): void {
  attempt.run.countGrant(attempt.grant, -1);
  countHeld(attempt.run, attempt.job, -1);
  core.grantable = true;
  if (attempt.isAhead) return leaveLine(attempt);
  giveBack(attempt.place, attempt.grant);
  countPool(core.pool, attempt.grant, -1);
  core.holding -= 1;
  const { tokens } = attempt.grant;
  if (tokens !== undefined) {
    for (const [name, count] of Object.entries(tokens)) core.tokens.set(name, (core.tokens.get(name) ?? 0) + count);
  }
  promote(core, attempt.place);
}

/** Lets go of an attempt that is another engine's to look after: its end will not be heard here. */
export function abandon(core: Core, attempt: LiveAttempt): void {
  forgetLive(core, attempt);
  giveBackGrant(core, attempt);
}

/** A result that no store takes fails the attempt: it must not reach a commit, which could never succeed. */
function storable({ run, job }: LiveAttempt, reported: Outcome): Outcome {
  if (reported.kind !== 'ok' || reported.value === undefined) return reported;
  if (!isLargerThan(reported.value, MAX_VALUE_BYTES)) return reported;
  const message = `the result of "${run.nameOf(job)}" is larger than 64 MiB; write it to a file and declare the file as an output`;
  const error = { name: 'HeddleError', code: 'VALUE_TOO_LARGE', message };
  return { kind: 'error', error, ...(reported.usage === undefined ? {} : { usage: reported.usage }) };
}

/** What an end means, given what was wanted of the attempt. Work that got done before the kill is done. */
function actualOutcome(attempt: LiveAttempt, reported: Outcome): Outcome {
  if (reported.kind === 'ok') return reported;
  const usage = reported.usage === undefined ? {} : { usage: reported.usage };
  if (attempt.cancel !== undefined) return { kind: 'cancelled', by: attempt.cancel, ...usage };
  if (attempt.killedBy !== undefined) return { kind: 'timeout', timeout: attempt.killedBy, ...usage };
  return reported;
}

function applyEnd(core: Core, attempt: LiveAttempt, outcome: Outcome, endedAt: number): void {
  const { run, job } = attempt;
  const by: Change = { attempt, outcome, outcomeJson: outcomeJson(outcome), endedAt };
  clearCancel(run, job);
  if (outcome.kind === 'ok') {
    run.outcomes.delete(job);
    if (outcome.value !== undefined) core.out.draft(run).values.push({ job, value: outcome.value });
    change(core, run, job, 'done', '', by);
    settle(core, run, job);
    return;
  }
  run.remember(job, outcome);
  if (outcome.kind === 'cancelled') {
    endCancelled(core, attempt, outcome.by, by);
    return;
  }
  failOrRetry(core, attempt, outcome, by);
}

function clearCancel(run: RunState, job: number): void {
  const { flags } = run.table;
  flags[job] = (flags[job] as number) & ~(CANCEL_REQUESTED | STOP_REQUESTED);
}

function endCancelled(core: Core, attempt: LiveAttempt, cause: CancelCause, by: Change): void {
  const { run, job } = attempt;
  if (cause === 'shutdown' && !run.stopping) {
    change(core, run, job, 'pending', 'interrupted', by);
    readyAgain(core, run, job);
    return;
  }
  // In a run that stops nothing begins again: what was interrupted goes the way of the rest.
  change(core, run, job, 'cancelled', cause === 'shutdown' ? 'run-abort' : cause, by);
  settle(core, run, job);
}

function failOrRetry(core: Core, attempt: LiveAttempt, outcome: Outcome, by: Change): void {
  const { run, job } = attempt;
  const { table } = run;
  const policy = run.definition(job).retry;
  const isLoss = outcome.kind === 'lost' || outcome.kind === 'preempted';
  const column = isLoss ? table.losses : table.charged;
  column[job] = (column[job] as number) + 1;
  const spent = column[job] as number;
  const may = isLoss ? spent <= policy.maxLosses : spent < policy.maxAttempts && isRetried(policy, outcome);
  if (!may || run.stopping) {
    change(core, run, job, 'failed', causeOf(outcome) ?? 'error', by);
    settle(core, run, job);
    return;
  }
  if (policy.escalate !== undefined) escalate(core, run, job, outcome);
  const delay = isLoss ? 0 : retryDelayMs(policy, spent, core.settings.random.next());
  const wakeAt = core.now.wall + delay;
  run.wakeAt.set(job, wakeAt);
  change(core, run, job, 'pending', 'backoff', by);
  if (delay === 0) wakeUp(core, run, job);
  else core.timers.add(core.now.mono + delay, 'backoff', { run, job, fence: table.fence[job] as number });
}

/** The pause between attempts is over. */
export function wakeUp(core: Core, run: RunState, job: number): void {
  run.wakeAt.delete(job);
  readyAgain(core, run, job);
}

/**
 * An attempt is known dead, fenced, and left no end. Its grant is given back at once; its job
 * stays `running (unreachable)` until the successor is granted, and only that transaction says `lost`.
 */
export function attemptGone(
  core: Core,
  id: AttemptId,
  how: { readonly why: string; readonly neverStarted?: boolean | undefined; readonly placeDied?: boolean | undefined },
): void {
  const attempt = core.attempts.get(id);
  if (attempt === undefined) return;
  const { run, job } = attempt;
  const outcome: Outcome = { kind: 'lost', why: how.why, ...(how.placeDied === true ? { placeDied: true } : {}) };
  const wanted = actualOutcome(attempt, outcome);
  if (wanted.kind === 'lost' && how.neverStarted === true && attempt.isRecalled && !run.stopping)
    return attemptTakenBack(core, attempt);
  // What could not begin here and now is what a refusal is; what an earlier engine did not come to begins at once.
  if (wanted.kind === 'lost' && how.neverStarted === true && !attempt.adopted && !run.stopping) {
    attemptRefused(core, id, { retryable: true, why: how.why });
    return;
  }
  retire(core, attempt);
  if (wanted.kind !== 'lost') {
    releaseWithEnd(core, attempt);
    applyEnd(core, attempt, wanted, core.now.wall);
    return;
  }
  if (run.stopping && how.neverStarted === true) {
    releaseWithEnd(core, attempt);
    change(core, run, job, 'cancelled', 'run-abort', { attempt, outcome, outcomeJson: outcomeJson(outcome) });
    settle(core, run, job);
    return;
  }
  attempt.isLoss = how.neverStarted !== true;
  if (attempt.isLoss && outcome.placeDied === true) noteFatal(run, job, attempt.place.place.name);
  if (attempt.isLoss && isSpent(core, attempt)) {
    const said: Outcome = quarantined(run, job)
      ? { ...outcome, why: `${how.why}; quarantined: it took two places down with it` }
      : outcome;
    countLoss(run, job);
    run.remember(job, said);
    releaseWithEnd(core, attempt);
    change(core, run, job, 'failed', 'lost', {
      attempt,
      outcome: said,
      outcomeJson: outcomeJson(said),
      endedAt: core.now.wall,
    });
    settle(core, run, job);
    return;
  }
  run.remember(job, outcome);
  run.awaited.set(job, attempt);
  if ((run.table.waits[job] as number) > 0) {
    // An upstream job is being run again: the successor waits for that, and this attempt is over.
    declareLost(core, run, job, 'queued');
    return readyAgain(core, run, job);
  }
  run.table.flags[job] = (run.table.flags[job] as number) | SUCCESSOR;
  attempt.phase = 'unreachable';
  changePhase(core, run, job, 'unreachable');
  enqueue(core, run, job);
}

/** It was asked back and had not started: nothing is charged, and its job waits for what it was asked back for. */
export function attemptTakenBack(core: Core, attempt: LiveAttempt): void {
  const { run, job } = attempt;
  retire(core, attempt);
  releaseWithEnd(core, attempt);
  const isHeld = ((run.table.flags[job] as number) & HELD) !== 0;
  change(core, run, job, 'pending', isHeld ? 'held' : run.paused ? 'paused' : 'queued', { attempt });
  readyAgain(core, run, job);
}

/** With this loss there is no other try. */
function isSpent(core: Core, { run, job }: LiveAttempt): boolean {
  const spent = (run.table.losses[job] as number) >= run.definition(job).retry.maxLosses;
  return spent || quarantined(run, job) || run.stopping || core.runs.get(run.id) !== run;
}

function countLoss(run: RunState, job: number): void {
  run.table.losses[job] = (run.table.losses[job] as number) + 1;
}

/** A body took its place down with it. */
export function noteFatal(run: RunState, job: number, place: string): void {
  const places = run.fatalPlaces.get(job);
  if (places === undefined) run.fatalPlaces.set(job, new Set([place]));
  else places.add(place);
}

function quarantined(run: RunState, job: number): boolean {
  return (run.fatalPlaces.get(job)?.size ?? 0) >= 2;
}

/** Writes down that the attempt before is lost: first half of the transaction that grants the successor. */
export function declareLost(core: Core, run: RunState, job: number, detail: 'queued' | 'interrupted'): void {
  const attempt = run.awaited.get(job);
  run.awaited.delete(job);
  run.table.flags[job] = (run.table.flags[job] as number) & ~SUCCESSOR;
  const outcome = run.outcomes.get(job);
  if (attempt === undefined || outcome === undefined) return;
  // Not before: an engine that dies in between hears of it again, and would count it twice.
  if (attempt.isLoss) countLoss(run, job);
  releaseWithEnd(core, attempt);
  change(core, run, job, 'pending', detail, {
    attempt,
    outcome,
    outcomeJson: outcomeJson(outcome),
    endedAt: core.now.wall,
  });
}

/** Names the error of an attempt that its backend would not start. */
export const LAUNCH_REFUSED = 'LaunchRefused';

/** The backend would not start it, and it never will under this order: nothing is charged when another try may help. */
export function attemptRefused(core: Core, id: AttemptId, refusal: Refusal): void {
  const attempt = core.attempts.get(id);
  if (attempt === undefined) return;
  const { run, job } = attempt;
  retire(core, attempt);
  releaseWithEnd(core, attempt);
  const { retryable, why } = refusal;
  const error = refusal.error ?? { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message: why };
  const outcome = actualOutcome(attempt, { kind: 'error', error });
  const by: Change = { attempt, outcome, outcomeJson: outcomeJson(outcome), endedAt: core.now.wall };
  clearCancel(run, job);
  run.remember(job, outcome);
  if (outcome.kind === 'cancelled') return endCancelled(core, attempt, outcome.by, by);
  if (!retryable) {
    change(core, run, job, 'failed', causeOf(outcome) ?? 'error', by);
    settle(core, run, job);
    return;
  }
  if (run.stopping) {
    // It never began, and nothing new begins.
    change(core, run, job, 'cancelled', 'run-abort', by);
    settle(core, run, job);
    return;
  }
  const delay = core.settings.refusalDelayMs;
  run.wakeAt.set(job, core.now.wall + delay);
  core.notice(
    'refused',
    `${run.nameOf(job)} was refused by ${attempt.backend.name}: ${why}; tried again in ${delay / 1000} s`,
    run,
  );
  change(core, run, job, 'pending', 'backoff', by);
  core.timers.add(core.now.mono + delay, 'backoff', { run, job, fence: attempt.fence });
}

/** Ends an attempt politely, then by force; the job changes when the end is reported. */
export function cancelAttempt(core: Core, attempt: LiveAttempt, cause: CancelCause): void {
  if (attempt.cancel !== undefined && (attempt.cancel !== 'shutdown' || cause === 'shutdown')) return;
  attempt.cancel = cause;
  const { run, job } = attempt;
  const flag = cause === 'shutdown' ? STOP_REQUESTED : CANCEL_REQUESTED;
  run.table.flags[job] = (run.table.flags[job] as number) | flag;
  if (attempt.phase !== 'unreachable') attempt.phase = 'cancelling';
  change(core, run, job, 'running', attempt.phase, { attempt });
  core.out.cancels.push(attempt);
}

/** A deadline passed: the attempt is ended for it. */
export function killFor(core: Core, attempt: LiveAttempt, timeout: TimeoutKind): void {
  if (attempt.cancel !== undefined || attempt.killedBy !== undefined) return;
  attempt.killedBy = timeout;
  if (attempt.phase !== 'unreachable') attempt.phase = 'cancelling';
  // With its row: after a crash its end must still read as the deadline's doing.
  change(core, attempt.run, attempt.job, 'running', attempt.phase, { attempt });
  core.out.cancels.push(attempt);
}
