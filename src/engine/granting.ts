import {
  asSubmissionId,
  type AttemptId,
  newSubmissionId,
  type SubmissionId,
  type Grant,
  type ResourceRequest,
} from '../model/index.ts';
import { declareLost, type LiveAttempt } from './attempts.ts';
import { HELD, SUCCESSOR } from './codes.ts';
import { type Core, change } from './core.ts';
import { Heap } from './heap.ts';
import { type BackendState, fitsEmpty, fitsNow, type PlaceState, takeFrom } from './places.ts';
import { headBefore, type ReadyQueue } from './ready-queue.ts';
import type { RunState } from './run-state.ts';
import { passes } from './waiting.ts';

interface Head {
  readonly queue: ReadyQueue;
  job: number;
}

/**
 * Hands out what is free, best job first, until nothing that is ready fits or the budget of
 * grants is spent. Work-conserving: a job that doesn't fit is stepped over, but for
 * reservations: one stepped over for `reserveAfterMs` gets a place kept for it. Returns how many were granted.
 */
export function grantAll(core: Core, budget: number): number {
  if (core.draining || !core.grantable) return 0;
  let granted = 0;
  core.grantable = false;
  for (const backend of core.backends.values()) {
    granted += grantOn(core, backend, budget - granted);
    if (granted >= budget) {
      core.grantable = true;
      return granted;
    }
  }
  return granted;
}

function grantOn(core: Core, backend: BackendState, budget: number): number {
  if (backend.active.size === 0) return 0;
  dropStaleReservation(backend);
  let granted = 0;
  if (isFull(backend)) return granted;
  const heads = orderedHeads(core, backend);
  const steppedOver: Head[] = [];
  while (granted < budget) {
    const head = heads.peek();
    if (head === undefined) break;
    const outcome = tryGrant(core, backend, head);
    if (outcome === 'granted') {
      granted += 1;
      for (const over of steppedOver) passOver(core, over);
    } else if (outcome === 'no-room') {
      steppedOver.push(head);
      heads.pop();
      continue;
    }
    head.job = head.queue.head();
    if (head.job === -1) {
      heads.pop();
      backend.active.delete(head.queue);
    } else heads.sinkTop();
  }
  return granted;
}

/** No cpu is free, and everything that is ready wants some. */
function isFull(backend: BackendState): boolean {
  if (backend.places.some((place) => !place.leaving && place.freeCpus > 0)) return false;
  for (const queue of backend.active) if (queue.request.cpus === 0) return false;
  return true;
}

/** A reservation whose job no longer waits at the head of its queue is dropped. */
function dropStaleReservation(backend: BackendState): void {
  const { reservation } = backend;
  if (reservation === undefined) return;
  const { run, job } = reservation;
  if (mayStart(run) && run.queueOf(job).head() === job) return;
  backend.reservation = undefined;
  run.passedOver.delete(job);
}

function orderedHeads(core: Core, backend: BackendState): Heap<Head> {
  const fair = core.settings.strategy === 'fair';
  const before = (a: Head, b: Head): boolean => {
    if (fair && a.queue.run !== b.queue.run) {
      const difference = a.queue.run.heldCpus - b.queue.run.heldCpus;
      if (difference !== 0) return difference < 0;
    }
    return headBefore(a.queue, a.job, b.queue, b.job);
  };
  const heads = new Heap<Head>(before);
  for (const queue of backend.active) {
    const job = queue.head();
    if (job === -1) backend.active.delete(queue);
    else if (mayStart(queue.run)) heads.push({ queue, job });
  }
  return heads;
}

function mayStart(run: RunState): boolean {
  return !run.paused && !run.stopping && !run.interrupting;
}

/** `skipped`: the job was not ready after all and has left the queue. */
function tryGrant(core: Core, backend: BackendState, head: Head): 'granted' | 'no-room' | 'skipped' {
  const { queue, job } = head;
  const { run } = queue;
  const flags = run.table.flags[job] as number;
  if ((flags & HELD) !== 0) {
    queue.take();
    return 'skipped';
  }
  const place = findPlace(core, backend, queue, job);
  if (place === undefined) return 'no-room';
  const condition = run.conditions.get(run.table.definition[job] as number);
  if (condition !== undefined && (flags & SUCCESSOR) === 0 && !passes(core, run, job, condition)) {
    queue.take();
    return 'skipped';
  }
  queue.take();
  grant(core, queue, job, place);
  return 'granted';
}

function findPlace(core: Core, backend: BackendState, queue: ReadyQueue, job: number): PlaceState | undefined {
  const { request } = queue;
  const { reservation } = backend;
  const isReserved = reservation !== undefined && reservation.run === queue.run && reservation.job === job;
  if (!tokensFree(core, request, isReserved ? undefined : reservation?.tokens)) return undefined;
  let best: PlaceState | undefined;
  for (const place of backend.places) {
    if (reservation !== undefined && !isReserved && reservation.place === place) continue;
    if (!fitsNow(place, request, core.now.wall)) continue;
    if (best === undefined || place.freeCpus < best.freeCpus) best = place;
  }
  return best;
}

function tokensFree(core: Core, request: ResourceRequest, kept: ReadonlySet<string> | undefined): boolean {
  if (request.tokens === undefined) return true;
  return Object.entries(request.tokens).every(
    ([name, count]) => (core.tokens.get(name) ?? 0) >= count && kept?.has(name) !== true,
  );
}

/** A job with more right to start was stepped over for another. From the first time on its patience runs. */
function passOver(core: Core, head: Head): void {
  const { run, backend, request } = head.queue;
  const since = run.passedOver.get(head.job);
  if (since === undefined) {
    run.passedOver.set(head.job, core.now.mono);
    core.timers.add(core.now.mono + core.settings.reserveAfterMs, 'reserve', { run, job: head.job, fence: 0 });
    return;
  }
  if (core.now.mono - since < core.settings.reserveAfterMs || backend.reservation !== undefined) return;
  reserve(core, backend, head, request);
}

/** Keeps a place for the job: the one that has most of what it asks for and could hold it empty. */
function reserve(core: Core, backend: BackendState, head: Head, request: ResourceRequest): void {
  const { run } = head.queue;
  let place: PlaceState | undefined;
  for (const state of backend.places) {
    if (state.leaving || !fitsEmpty(state.place, request)) continue;
    if (place === undefined || state.freeCpus > place.freeCpus) place = state;
  }
  const short = Object.entries(request.tokens ?? {}).filter(([name, count]) => (core.tokens.get(name) ?? 0) < count);
  const fits = place !== undefined && fitsNow(place, request, core.now.wall);
  backend.reservation = {
    run,
    job: head.job,
    place: fits ? undefined : place,
    tokens: new Set(short.map(([name]) => name)),
  };
  core.notice(
    'reserved',
    `${run.nameOf(head.job)} was passed over for ${core.settings.reserveAfterMs / 1000} s: room is being kept for it`,
    run,
  );
}

/** The patience of a job that was passed over is at its end: it reserves at once if it still waits. */
export function reserveFor(core: Core, run: RunState, job: number): void {
  if (!run.passedOver.has(job)) return;
  const queue = run.queueOf(job);
  if (queue.head() !== job || queue.backend.reservation !== undefined) return;
  passOver(core, { queue, job });
  core.grantable = true;
}

function grant(core: Core, queue: ReadyQueue, job: number, place: PlaceState): void {
  const { run, backend, request } = queue;
  const { table } = run;
  if (((table.flags[job] as number) & SUCCESSOR) !== 0) declareLost(core, run, job, 'queued');
  if (backend.reservation?.run === run && backend.reservation.job === job) {
    backend.reservation = undefined;
    // What was stepped over for its sake may fit now.
    core.grantable = true;
  }
  if (run.passedOver.size > 0) run.passedOver.delete(job);
  const given = takeFrom(place, request);
  if (request.tokens !== undefined) {
    for (const [name, count] of Object.entries(request.tokens))
      core.tokens.set(name, (core.tokens.get(name) ?? 0) - count);
  }
  table.fence[job] = (table.fence[job] as number) + 1;
  const attempt = newAttempt(core, { queue, job, place, grant: given });
  core.attempts.set(attempt.id, attempt);
  run.live += 1;
  run.heldCpus += given.cpus;
  change(core, run, job, 'running', 'starting', { attempt });
  core.out.launches.push(attempt);
  const { startMs } = run.definition(job).timeouts;
  if (startMs !== undefined) core.timers.add(core.now.mono + startMs, 'start-timeout', attempt);
  if (run.status !== 'running') beginRun(core, run);
}

function newAttempt(
  core: Core,
  from: { readonly queue: ReadyQueue; readonly job: number; readonly place: PlaceState; readonly grant: Grant },
): LiveAttempt {
  const { queue, job, place, grant: given } = from;
  const id = core.settings.newAttemptId();
  return {
    id,
    run: queue.run,
    job,
    fence: queue.run.table.fence[job] as number,
    backend: queue.backend,
    place,
    grant: given,
    grantJson: grantText(queue, given),
    ...submissionOf(core, queue, job, id),
    handle: '',
    phase: 'starting',
    grantedAt: core.now.wall,
    startedAt: 0,
    grantedMono: core.now.mono,
    lastSeen: core.now.mono,
    adopted: false,
    launched: false,
    cancel: undefined,
    killedBy: undefined,
  };
}

/** Where a backend takes batches, one submission carries the attempts of a commit that are alike; else each its own. */
function submissionOf(
  core: Core,
  { run, backend }: ReadyQueue,
  job: number,
  attempt: AttemptId,
): { readonly submission: SubmissionId; readonly element: number } {
  if (!backend.backend.capabilities.batches) return { submission: asSubmissionId(attempt), element: 0 };
  const key = `${backend.name} ${run.id} ${run.table.definition[job]}`;
  let batch = core.out.batches.get(key);
  if (batch === undefined) {
    batch = { id: newSubmissionId(core.settings.random), size: 0 };
    core.out.batches.set(key, batch);
    core.out.draft(run).submissions.push({ id: batch.id, backend: backend.name, handle: '', at: core.now.wall });
  }
  batch.size += 1;
  return { submission: batch.id, element: batch.size - 1 };
}

function grantText(queue: ReadyQueue, given: Grant): string {
  if (given.gpus !== undefined) return JSON.stringify(given);
  let text = queue.grantJson.get(given.place);
  if (text === undefined) {
    text = JSON.stringify(given);
    queue.grantJson.set(given.place, text);
  }
  return text;
}

function beginRun(core: Core, run: RunState): void {
  run.status = 'running';
  run.detail = '';
  if (run.startedAt === 0) run.startedAt = core.now.wall;
  const draft = core.out.draft(run);
  draft.patch = { ...draft.patch, status: 'running', detail: '', startedAt: run.startedAt };
}
