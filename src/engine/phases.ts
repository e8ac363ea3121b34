import type { AttemptId, Phase } from '../model/index.ts';
import type { LiveAttempt } from './attempts.ts';
import { type Core, changePhase, keepRow } from './core.ts';

const PHASE_ORDER: Readonly<Record<Phase, number>> = {
  'staging-in': 1,
  starting: 2,
  active: 3,
  ready: 4,
  streaming: 4,
  'staging-out': 5,
  cancelling: 6,
  unreachable: 0,
};

/** An attempt moved on, or its place answers again. Phases only go forward; a step back is an old report. */
export function attemptPhase(core: Core, id: AttemptId, phase: Phase, at?: number, handle?: string): void {
  const attempt = core.attempts.get(id);
  if (attempt === undefined) return;
  attempt.lastSeen = core.now.mono;
  attempt.silent = false;
  if (handle !== undefined) noteHandle(core, attempt, handle);
  if (attempt.phase === 'cancelling') return;
  const isOld = PHASE_ORDER[phase] <= PHASE_ORDER[attempt.reached];
  if (isOld && attempt.phase !== 'unreachable') return;
  if (!isOld) attempt.reached = phase;
  const isEnding = attempt.cancel !== undefined || attempt.killedBy !== undefined;
  attempt.phase = isEnding ? 'cancelling' : attempt.reached;
  if (attempt.startedAt === 0) {
    if (PHASE_ORDER[phase] >= PHASE_ORDER.active) beginActive(core, attempt, at ?? core.now.wall);
    // What was sent ahead has its time from when there is room.
    else if (attempt.adopted && attempt.grant.ahead !== true)
      allowStart(core, attempt, Math.max(0, core.now.wall - attempt.grantedAt));
  }
  changePhase(core, attempt.run, attempt.job, attempt.phase);
}

/**
 * How its backend finds it again. Nothing else of it may change for days, so its row is written anew; where attempts
 * travel together their submission has it.
 */
export function noteHandle(core: Core, attempt: LiveAttempt, handle: string): void {
  if (handle === attempt.handle) return;
  attempt.handle = handle;
  const { run, job, submission, backend } = attempt;
  const { batches, recoverable } = backend.backend.capabilities;
  if (batches) {
    if (attempt.element !== 0) return;
    core.out.draft(run).submissions.push({ id: submission, backend: backend.name, handle, at: core.now.wall });
  } else if (recoverable && core.settings.keepRows) keepRow(core, run, job, { attempt });
}

/** Counts the time an attempt has to become active, of which so much has passed. */
export function allowStart(core: Core, attempt: LiveAttempt, passedMs = 0): void {
  const { startMs } = attempt.run.definition(attempt.job).timeouts;
  if (startMs === undefined) return;
  core.timers.add(core.now.mono + Math.max(0, startMs - passedMs), 'start-timeout', attempt);
}

/**
 * The body runs: its clocks start, counted from when it began. `at` is another machine's word, or
 * an earlier engine's, so what has passed is never taken for less than nothing.
 */
export function beginActive(core: Core, attempt: LiveAttempt, at: number): void {
  attempt.startedAt = at;
  attempt.lastSeen = core.now.mono;
  const { runMs, heartbeatMs } = attempt.run.definition(attempt.job).timeouts;
  if (runMs !== undefined) {
    const passed = attempt.adopted ? Math.max(0, core.now.wall - at) : 0;
    core.timers.add(core.now.mono + Math.max(0, runMs - passed), 'run-timeout', attempt);
  }
  if (heartbeatMs !== undefined) core.timers.add(core.now.mono + heartbeatMs, 'heartbeat', attempt);
}

/** A sign of life that says nothing else. */
export function attemptLives(core: Core, id: AttemptId): void {
  const attempt = core.attempts.get(id);
  if (attempt === undefined) return;
  attempt.lastSeen = core.now.mono;
  if (attempt.silent) attemptPhase(core, id, attempt.reached);
}

/** Its place stopped answering: it may live, and may still end well. A look at it is dated, one at a time. */
export function attemptUnreachable(core: Core, id: AttemptId, why: string): void {
  const attempt = core.attempts.get(id);
  if (attempt === undefined) return;
  const { run, job } = attempt;
  if (!run.wakeAt.has(job)) {
    run.wakeAt.set(job, core.now.wall + core.settings.recheckMs);
    core.timers.add(core.now.mono + core.settings.recheckMs, 'recheck', attempt);
  }
  if (attempt.silent) return;
  attempt.silent = true;
  core.notice(
    'unreachable',
    `${run.nameOf(job)} does not answer: ${why}; looked at again in ${core.settings.recheckMs / 1000} s`,
    run,
  );
  if (attempt.phase === 'cancelling') return;
  attempt.phase = 'unreachable';
  changePhase(core, run, job, attempt.phase);
}
