import {
  asSubmissionId,
  type AttemptId,
  newSubmissionId,
  type SubmissionId,
  type Grant,
  type ResourceRequest,
} from '../model/index.ts';
import { lineUp } from './ahead.ts';
import { declareLost, type LiveAttempt } from './attempts.ts';
import { countHeld, isReached } from './caps.ts';
import { HELD, SUCCESSOR } from './codes.ts';
import { type Core, change } from './core.ts';
import { timeGranted } from './escalating.ts';
import {
  type BackendState,
  couldHold,
  countPool,
  fitsNow,
  goesBefore,
  fitsPool,
  type PlaceState,
  SLACK,
  takeFrom,
} from './places.ts';
import { isPoolKept, mayTakeOfPool } from './totals.ts';
import { allowStart } from './phases.ts';
import type { Head, ReadyQueue } from './ready-queue.ts';
import type { RunState } from './run-state.ts';
import { passes } from './waiting.ts';

/**
 * Hands out what is free, best job first, until nothing that is ready fits or the budget of
 * grants is spent. Work-conserving: a job that doesn't fit is stepped over, but for
 * reservations: one stepped over for `reserveAfterMs` gets a place kept for it. Returns how many were granted.
 */
export function grantAll(core: Core, budget: number): number {
  if (core.draining || !core.grantable || core.takingOver > 0) return 0;
  let granted = 0;
  core.grantable = false;
  for (const backend of inTurn(core)) {
    granted += grantOn(core, backend, budget - granted);
    if (granted >= budget) {
      core.grantable = true;
      return granted;
    }
  }
  return granted;
}

/** Another backend first each time: neither the budget nor the limit over all of them is always spent on the same. */
function inTurn(core: Core): readonly BackendState[] {
  const backends = [...core.backends.values()];
  if (backends.length < 2) return backends;
  core.grantRounds += 1;
  const first = core.grantRounds % backends.length;
  return [...backends.slice(first), ...backends.slice(0, first)];
}

function grantOn(core: Core, backend: BackendState, budget: number): number {
  if (backend.active.size === 0 || backend.needs !== undefined) return 0;
  dropStaleReservation(core, backend);
  let granted = 0;
  if (isFull(core, backend)) return granted;
  // Shares change with every grant: what is fair is found anew each time.
  if (core.settings.strategy === 'fair') backend.listAll();
  const { heads } = backend;
  const steppedOver: { readonly head: Head; readonly before: number }[] = [];
  while (granted < budget && !isFull(core, backend)) {
    const head = nextHead(core, backend);
    if (head === undefined) break;
    const may = mayTake(head.queue);
    const outcome = may ? tryGrant(core, backend, head) : 'no-room';
    if (outcome === 'granted') granted += 1;
    else if (outcome === 'no-room') {
      heads.pop();
      steppedOver.push({ head, before: may ? granted : budget });
    }
  }
  for (const { head, before } of steppedOver) {
    heads.push(head);
    if (granted > before) passOver(core, head.queue);
  }
  return granted;
}

/** The best of the queues' heads. What is listed may have been taken or have left its queue since: then that is mended. */
function nextHead(core: Core, backend: BackendState): Head | undefined {
  const { heads } = backend;
  for (;;) {
    const head = heads.peek();
    if (head === undefined) return undefined;
    const { queue } = head;
    const job = queue.listed === head && core.runs.get(queue.run.id) === queue.run ? queue.head() : -1;
    if (job === head.job) return head;
    if (job === -1) {
      heads.pop();
      if (queue.listed === head) deactivate(core, backend, queue);
    } else {
      head.job = job;
      heads.sinkTop();
    }
  }
}

/** No cpu is free, nothing may be sent ahead, and everything that is ready wants some. */
function isFull(core: Core, backend: BackendState): boolean {
  const isAtLimit = core.holding >= core.mostAttempts;
  const isPoolFull = core.pool !== undefined && core.pool.freeCpus <= 0;
  for (const place of backend.places) {
    if (place.aheadCount < place.mostAhead) return false;
    if (!isAtLimit && !isPoolFull && !place.leaving && place.freeCpus > 0) return false;
  }
  return isAtLimit || backend.activeWithoutCpus === 0;
}

/** Nothing is ready there any more; what was kept for it may be had by others. */
function deactivate(core: Core, backend: BackendState, queue: ReadyQueue): void {
  backend.deactivate(queue);
  if (backend.reservation?.queue !== queue) return;
  backend.reservation = undefined;
  core.grantable = true;
}

/** A reservation is dropped when nobody waits for it any more, or its place could not hold the job now if it were empty. */
function dropStaleReservation(core: Core, backend: BackendState): void {
  const { reservation } = backend;
  if (reservation === undefined) return;
  const { queue, place } = reservation;
  const isWanted = mayTake(queue) && queue.head() !== -1;
  if (!isWanted) queue.passedOverSince = undefined;
  else if (place !== undefined && couldHold(place, queue.request, core.now.wall)) return;
  else if (place === undefined && backend.places.some((each) => couldHold(each, queue.request, core.now.wall))) return;
  backend.reservation = undefined;
}

function mayStart(run: RunState): boolean {
  return !run.paused && !run.stopping && !run.interrupting;
}

/** Nothing but capacity keeps the jobs of a queue from starting. */
function mayTake({ run, cap }: ReadyQueue): boolean {
  return mayStart(run) && !isReached(cap);
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
  const free = findPlace(core, backend, queue);
  const place = free ?? findLine(core, backend, queue);
  if (place === undefined) return 'no-room';
  const condition = run.conditions.get(run.table.definition[job] as number);
  if (condition !== undefined && (flags & SUCCESSOR) === 0 && !passes(core, run, job, condition)) {
    queue.take();
    return 'skipped';
  }
  queue.take();
  grant(core, queue, job, { place, isAhead: free === undefined });
  return 'granted';
}

function findPlace(core: Core, backend: BackendState, queue: ReadyQueue): PlaceState | undefined {
  const { request } = queue;
  const { reservation } = backend;
  const isReserved = reservation?.queue === queue;
  if (core.holding >= core.mostAttempts || !mayTakeOfPool(core, queue)) return undefined;
  if (!tokensFree(core, request, isReserved ? undefined : reservation?.tokens)) return undefined;
  let best: PlaceState | undefined;
  for (const place of backend.places) {
    if (reservation !== undefined && !isReserved && reservation.place === place) continue;
    if (!fitsNow(place, request, core.now.wall)) continue;
    if (best === undefined || goesBefore(place, best, backend.backend.capabilities.spread)) best = place;
  }
  return best;
}

/**
 * Where a job may be sent ahead: to a full place whose next end makes room for it, the one with the shortest line. A place
 * with room that is not to be had (a limit over all backends) would start it at once, so it is none.
 */
function findLine(core: Core, backend: BackendState, queue: ReadyQueue): PlaceState | undefined {
  if (!queue.mayGoAhead || core.holding > core.mostAttempts) return undefined;
  const { request } = queue;
  const { reservation } = backend;
  let best: PlaceState | undefined;
  for (const place of backend.places) {
    const { aheadCount } = place;
    if (aheadCount >= place.mostAhead || (best !== undefined && aheadCount >= best.aheadCount)) continue;
    if (aheadCount === 0 && request.cpus <= place.freeCpus + SLACK) continue;
    if (reservation?.place === place && reservation.queue !== queue) continue;
    if (couldHold(place, request, core.now.wall)) best = place;
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
function passOver(core: Core, queue: ReadyQueue): void {
  const { run, backend, passedOverSince } = queue;
  const { reserveAfterMs } = core.settings;
  if (passedOverSince === undefined) {
    queue.passedOverSince = core.now.mono;
    core.timers.add(core.now.mono + reserveAfterMs, 'reserve', { run, job: queue.head(), fence: 0 });
    return;
  }
  if (core.now.mono - passedOverSince < reserveAfterMs || backend.reservation !== undefined) return;
  reserve(core, queue);
}

/** Keeps a place for the queue's head: the one that has most of what it asks for and could hold it empty. */
function reserve(core: Core, queue: ReadyQueue): void {
  const { run, backend, request } = queue;
  // Two that each keep the totals from the other would wait for ever.
  if (isPoolKept(core)) return;
  let place: PlaceState | undefined;
  for (const state of backend.places) {
    if (!couldHold(state, request, core.now.wall)) continue;
    if (place === undefined || state.freeCpus > place.freeCpus) place = state;
  }
  if (place === undefined) return;
  const short = Object.entries(request.tokens ?? {}).filter(([name, count]) => (core.tokens.get(name) ?? 0) < count);
  const fits = fitsNow(place, request, core.now.wall);
  backend.reservation = {
    queue,
    place: fits ? undefined : place,
    tokens: new Set(short.map(([name]) => name)),
    pool: !fitsPool(core.pool, request),
  };
  const seconds = core.settings.reserveAfterMs / 1000;
  core.notice(
    'reserved',
    `${run.nameOf(queue.head())} was passed over for ${seconds} s: room is being kept for it`,
    run,
  );
}

/** The patience of a job that was passed over is at its end: it reserves at once if it still waits. */
export function reserveFor(core: Core, run: RunState, job: number): void {
  const queue = run.queueOf(job);
  if (queue.passedOverSince === undefined || queue.head() === -1 || !mayTake(queue)) return;
  passOver(core, queue);
  core.grantable = true;
}

function grant(
  core: Core,
  queue: ReadyQueue,
  job: number,
  { place, isAhead }: { readonly place: PlaceState; readonly isAhead: boolean },
): void {
  const { run, backend } = queue;
  const { table } = run;
  if (((table.flags[job] as number) & SUCCESSOR) !== 0) declareLost(core, run, job, 'queued');
  if (backend.reservation?.queue === queue) {
    backend.reservation = undefined;
    // What was stepped over for its sake may fit now.
    core.grantable = true;
  }
  queue.passedOverSince = undefined;
  if (run.queueDue.size > 0) run.queueDue.delete(job);
  const given = isAhead ? aheadGrant(queue, place) : granted(core, queue, { place, job });
  table.fence[job] = (table.fence[job] as number) + 1;
  const attempt = newAttempt(core, { queue, job, place, given });
  core.attempts.set(attempt.id, attempt);
  run.attemptOf.set(job, attempt);
  run.live += 1;
  run.countGrant(given.grant, 1);
  countHeld(run, job, 1);
  change(core, run, job, 'running', 'starting', { attempt });
  core.out.launches.push(attempt);
  if (isAhead) lineUp(attempt);
  else allowStart(core, attempt);
  if (run.status !== 'running') beginRun(core, run);
}

interface Given {
  readonly grant: Grant;
  readonly json: string;
}

/** Takes what a job asks for. */
function granted(
  core: Core,
  queue: ReadyQueue,
  { place, job }: { readonly place: PlaceState; readonly job: number },
): Given {
  const { request, run } = queue;
  const taken = takeFrom(place, request);
  const grant = run.raised.size === 0 ? taken : { ...taken, ...timeGranted(run, job) };
  countPool(core.pool, grant, 1);
  core.holding += 1;
  if (request.tokens !== undefined) {
    for (const [name, count] of Object.entries(request.tokens))
      core.tokens.set(name, (core.tokens.get(name) ?? 0) - count);
  }
  return { grant, json: grantText(queue, grant) };
}

/** What a job that is sent ahead will take. */
function aheadGrant(queue: ReadyQueue, place: PlaceState): Given {
  const known = queue.aheadGrants.get(place);
  if (known !== undefined) return known;
  const grant: Grant = { place: place.place.name, ahead: true, cpus: queue.request.cpus };
  const made = { grant, json: JSON.stringify(grant) };
  queue.aheadGrants.set(place, made);
  return made;
}

function newAttempt(
  core: Core,
  from: { readonly queue: ReadyQueue; readonly job: number; readonly place: PlaceState; readonly given: Given },
): LiveAttempt {
  const { queue, job, place, given } = from;
  const id = core.settings.newAttemptId();
  const { submission, element } = submissionOf(core, queue, job, id);
  return {
    id,
    run: queue.run,
    job,
    fence: queue.run.table.fence[job] as number,
    backend: queue.backend,
    place,
    grant: given.grant,
    grantJson: given.json,
    submission,
    element,
    handle: '',
    phase: 'starting',
    reached: 'starting',
    isAccepted: false,
    isLoss: false,
    silent: false,
    grantedAt: core.now.wall,
    startedAt: 0,
    grantedMono: core.now.mono,
    lastSeen: core.now.mono,
    adopted: false,
    launched: false,
    cancel: undefined,
    killedBy: undefined,
    isAhead: false,
    previousAhead: undefined,
    nextAhead: undefined,
    isRecalled: false,
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
  core.out.batches ??= new Map();
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
  if (given.gpus !== undefined || given.timeMs !== undefined) return JSON.stringify(given);
  let text = queue.grantJson.get(given.place);
  if (text === undefined) {
    text = JSON.stringify(given);
    queue.grantJson.set(given.place, text);
  }
  return text;
}

/** The first of its jobs begins, or ends without having to. */
export function beginRun(core: Core, run: RunState): void {
  run.status = 'running';
  run.detail = '';
  if (run.startedAt === 0) run.startedAt = core.now.wall;
  const draft = core.out.draft(run);
  draft.patch = { ...draft.patch, status: 'running', detail: '', startedAt: run.startedAt };
}
