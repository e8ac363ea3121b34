import { HeddleError, type RunId, type StreamRequest, type StreamStep } from '../model/index.ts';
import { DOOMED, GATED, PENDING } from './codes.ts';
import type { Core } from './core.ts';
import { endCircles } from './deadlock.ts';
import type { RunState } from './run-state.ts';
import { becomeReady, failUnsatisfiable, leaveQueues } from './waiting.ts';

/** Jobs that are judged in one slice; those that fail are a row each. */
const SLICE = 250;
const LOOKED_AT = 30_000;

/**
 * Of the jobs that are there, everything that will be is known now: what waits for what cannot come fails, and what
 * comes to that later fails then. Jobs that are added afterwards may name again what is not there yet. Each job is
 * judged by one seal, however many there are.
 */
export function* seal(core: Core, run: RunState): Generator<void> {
  const first = run.sealedTo;
  const last = run.table.size;
  run.sealedTo = Math.max(run.sealedTo, last);
  yield* judgeSealed(core, run, first, last);
}

/** Nothing is added any more: the run ends with its last job. */
export function* close(core: Core, run: RunState): Generator<void> {
  const first = run.sealedTo;
  run.close();
  yield* judgeSealed(core, run, first, run.table.size);
}

/** No name is to come of a control node any more: what waits for one that is not there waits in vain. */
export function* judgeNames(core: Core, run: RunState): Generator<void> {
  yield* judgeSealed(core, run, 0, Math.min(run.sealedTo, run.table.size));
}

function* judgeSealed(core: Core, run: RunState, first: number, last: number): Generator<void> {
  const { table } = run;
  let judged = 0;
  for (let job = first; job < last; job += 1) {
    if ((job - first) % LOOKED_AT === LOOKED_AT - 1) yield;
    if (table.status[job] !== PENDING) continue;
    const flags = table.flags[job] as number;
    if ((flags & (DOOMED | GATED)) === 0) continue;
    if ((flags & DOOMED) !== 0) failUnsatisfiable(core, run, job);
    else {
      // Registered anew: names that no job has are not waited for any more.
      leaveQueues(core, run, job);
      becomeReady(core, run, job);
    }
    judged += 1;
    if (judged % SLICE === 0) yield;
  }
  yield* endCircles(core, run);
}

/**
 * Asks the generator of a live attempt for its next value.
 *
 * @throws {HeddleError} STREAM_ENDED
 */
export async function pullFrom(run: RunState, job: number, request: StreamRequest): Promise<StreamStep> {
  const attempt = run.attemptOf.get(job);
  const backend = attempt?.backend.backend;
  if (attempt?.launched === true && backend?.pull !== undefined) return backend.pull(attempt.id, request);
  throw notStreaming(run.id, run.nameOf(job), run.statusOf(job));
}

function notStreaming(run: RunId, job: string, status: string): HeddleError {
  return new HeddleError('STREAM_ENDED', `job "${job}" of run ${run} is not streaming: it is ${status}`, {
    details: { run, job },
  });
}
