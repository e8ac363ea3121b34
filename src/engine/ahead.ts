import type { Place } from '../model/index.ts';
import type { LiveAttempt } from './attempts.ts';
import type { Core } from './core.ts';
import { allowStart, beginActive } from './phases.ts';
import type { ReadyQueue } from './ready-queue.ts';
import { type BackendState, countPool, type PlaceState, SLACK, takeAgain } from './places.ts';

/**
 * Attempts that are sent to their place before there is room for them, so that a lane that makes short calls need not
 * wait for the engine between two of them. They stand in the line of their place, oldest first, and hold nothing:
 *
 * in line -> promoted, when an end makes room: from then on one like any other
 *         -> taken back, when it is recalled in time: its job waits again, and nothing is charged
 *         -> ended, when it was started before word of the end that made room for it came
 *
 * While somebody stands in line nothing that wants a cpu is granted directly there, so that what holds the place is never
 * more than fits, and never less while there is somebody to hold it.
 */

/** Puts an attempt at the end of the line of its place. */
export function lineUp(attempt: LiveAttempt): void {
  const { place } = attempt;
  const last = place.lastAhead;
  attempt.isAhead = true;
  attempt.previousAhead = last;
  if (last === undefined) place.firstAhead = attempt;
  else last.nextAhead = attempt;
  place.lastAhead = attempt;
  place.aheadCount += 1;
}

/** Takes an attempt out of the line of its place. */
export function leaveLine(attempt: LiveAttempt): void {
  const { place, previousAhead: before, nextAhead: after } = attempt;
  if (before === undefined) place.firstAhead = after;
  else before.nextAhead = after;
  if (after === undefined) place.lastAhead = before;
  else after.previousAhead = before;
  attempt.previousAhead = undefined;
  attempt.nextAhead = undefined;
  attempt.isAhead = false;
  place.aheadCount -= 1;
}

/**
 * Gives what is free on a place to those who stand in its line, the oldest first; the time they have to start begins. While
 * runs are taken over nobody knows what is free.
 */
export function promote(core: Core, place: PlaceState): void {
  while (core.takingOver === 0) {
    const attempt = place.firstAhead;
    if (attempt === undefined || attempt.grant.cpus > place.freeCpus + SLACK) return;
    leaveLine(attempt);
    takeAgain(place, attempt.grant);
    countPool(core.pool, attempt.grant, 1);
    core.holding += 1;
    allowStart(core, attempt);
    // Its lane may spare itself the word that it has begun; but whether one is there that was never answered for nobody knows.
    const { local, immediate } = attempt.backend.backend.capabilities;
    const begins = attempt.isAccepted && (local || immediate === true);
    if (begins && attempt.startedAt === 0) beginActive(core, attempt, core.now.wall);
  }
}

/**
 * Takes back what an attempt of an earlier engine holds. One that was sent ahead may have been promoted since, which
 * nothing tells: it stands in line again, and `promoteAll` gives it what the others leave.
 */
export function adopt(core: Core, attempt: LiveAttempt): void {
  const { place, grant } = attempt;
  if (grant.ahead === true && !place.leaving) return lineUp(attempt);
  takeAgain(place, grant);
  countPool(core.pool, grant, 1);
  core.holding += 1;
  for (const [name, count] of Object.entries(grant.tokens ?? {}))
    core.tokens.set(name, (core.tokens.get(name) ?? 0) - count);
}

/** All that is held has been counted: what is left is for those in line. */
export function promoteAll(core: Core): void {
  for (const backend of core.backends.values()) for (const place of backend.places) promote(core, place);
}

/** Asks for an attempt to be taken back, if it stands in line. Whether that came in time its backend says. */
export function recall(core: Core, attempt: LiveAttempt): void {
  if (!attempt.isAhead || attempt.isRecalled) return;
  attempt.isRecalled = true;
  core.out.recalls.push(attempt);
}

/** Asks for those in line to be taken back for whom nothing is to start now. */
export function recallAll(core: Core, which: (attempt: LiveAttempt) => boolean = () => true): void {
  for (const backend of core.backends.values()) {
    for (const place of backend.places) {
      for (let attempt = place.firstAhead; attempt !== undefined; attempt = attempt.nextAhead)
        if (which(attempt)) recall(core, attempt);
    }
  }
}

/** Takes in what a backend offers now. Who stands in line too far behind is asked back: it may start sooner elsewhere. */
export function takePlaces(core: Core, backend: BackendState, places: readonly Place[]): void {
  backend.setPlaces(places);
  for (const place of backend.places) {
    promote(core, place);
    let excess = place.aheadCount - place.mostAhead;
    for (let last = place.lastAhead; excess > 0 && last !== undefined; last = last.previousAhead) {
      recall(core, last);
      excess -= 1;
    }
  }
  core.placesChanged();
  for (const queue of backend.active) tellExceeded(core, queue);
}

/** What was there when a job was submitted may be gone: it waits for that to come back, and people are to know. */
function tellExceeded(core: Core, queue: ReadyQueue): void {
  const { run, backend, request } = queue;
  const exceeds = backend.exceedsAll(request);
  if (exceeds && !queue.isExceeding && queue.head() !== -1) {
    const message = `${run.nameOf(queue.head())} asks for more than any place of ${backend.name} has now: it waits for that to come back`;
    core.notice('capacity-gone', message, run);
  }
  queue.isExceeding = exceeds;
}
