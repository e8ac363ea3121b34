import { acceptBit, type AcceptMask, type Condition, HeddleError } from '../model/index.ts';
import { isOver, type Standing, TOLD } from './codes.ts';
import type { Core } from './core.ts';
import { isTimeZone, type LocalTime, localTime, nextTime } from './local-time.ts';
import type { RunState } from './run-state.ts';

/**
 * What a condition says now, and what could change that. The truth is looked up each time; the index beside it
 * only wakes: a job that waits for a hundred thousand ends is looked at when the last of them has come.
 */

export interface Verdict {
  /** `never`: it is false, and nothing that is known can make it true. */
  readonly truth: 'true' | 'false' | 'never';
  /** Wall clock at which it may change by itself. */
  readonly wakeWall: number;
  readonly pollMs: number;
}

const TRUE: Verdict = { truth: 'true', wakeWall: Infinity, pollMs: Infinity };
const FALSE: Verdict = { truth: 'false', wakeWall: Infinity, pollMs: Infinity };
const NEVER: Verdict = { truth: 'never', wakeWall: Infinity, pollMs: Infinity };

export interface Question {
  readonly condition: Condition;
  /** A name that no job has is one that no job will have. */
  readonly isSealed: boolean;
}

/** A condition on the ends of jobs. */
export type After = Condition & { readonly kind: 'after' };

/** @throws {HeddleError} INPUT_INVALID when a condition names what no clock shows */
export function refuseCondition(condition: Condition): void {
  if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) refuseCondition(part);
  } else if ('timeZone' in condition && condition.timeZone !== undefined && !isTimeZone(condition.timeZone)) {
    throw new HeddleError('INPUT_INVALID', `there is no time zone "${condition.timeZone}"`, {
      hint: 'give a name of the IANA data, such as Europe/Berlin, or none for local time',
    });
  }
}

/** Evaluates a condition against what is true now. */
export function judge(core: Core, run: RunState, { condition, isSealed }: Question): Verdict {
  switch (condition.kind) {
    case 'after':
      return judgeAfter(run, condition, isSealed);
    case 'after-time':
      return core.now.wall > condition.at ? TRUE : { ...FALSE, wakeWall: condition.at + 1 };
    case 'before-time':
      return core.now.wall < condition.at ? { ...TRUE, wakeWall: condition.at } : NEVER;
    case 'after-clock':
    case 'before-clock':
    case 'after-weekday':
    case 'before-weekday':
      return judgeClock(core.now.wall, condition);
    case 'custom':
      return core.settings.judge(condition.name, condition.everyMs)
        ? TRUE
        : { ...FALSE, pollMs: Math.max(1, condition.everyMs) };
    case 'all':
    case 'any':
      return judgeMany(core, run, { condition, isSealed });
  }
}

type ClockCondition = Condition & {
  readonly kind: 'after-clock' | 'before-clock' | 'after-weekday' | 'before-weekday';
};

/** What comes round every day or week is never settled for good, unless no clock ever shows it. */
function judgeClock(wall: number, condition: ClockCondition): Verdict {
  const { timeZone } = condition;
  if (timeZone !== undefined && !isTimeZone(timeZone)) return NEVER;
  const holds = (time: LocalTime): boolean => clockHolds(condition, time);
  if (holds(localTime(wall, timeZone))) return TRUE;
  const edgeMs = 'seconds' in condition ? condition.seconds * 1000 : 0;
  const wakeWall = nextTime(wall, { timeZone, edgeMs, holds });
  return wakeWall === undefined ? NEVER : { ...FALSE, wakeWall };
}

function clockHolds(condition: ClockCondition, { ofDayMs, weekday }: LocalTime): boolean {
  switch (condition.kind) {
    case 'after-clock':
      return ofDayMs >= condition.seconds * 1000;
    case 'before-clock':
      return ofDayMs < condition.seconds * 1000;
    case 'after-weekday':
      return weekday >= condition.day;
    case 'before-weekday':
      return weekday < condition.day;
  }
}

function judgeMany(
  core: Core,
  run: RunState,
  { condition, isSealed }: Question & { readonly condition: { readonly kind: 'all' | 'any' } },
): Verdict {
  const parts = condition.conditions.map((part) => judge(core, run, { condition: part, isSealed }));
  const decides = condition.kind === 'all' ? 'never' : 'true';
  const whole = condition.kind === 'all' ? 'true' : 'never';
  let truth: Verdict['truth'] = 'false';
  if (parts.some((part) => part.truth === decides)) truth = decides;
  else if (parts.every((part) => part.truth === whole)) truth = whole;
  const wakeWall = parts.reduce((least, part) => Math.min(least, part.wakeWall), Infinity);
  const pollMs = parts.reduce((least, part) => Math.min(least, part.pollMs), Infinity);
  return { truth, wakeWall, pollMs };
}

/** Who wants to know of a job by its name, before there is one. */
export interface AwaitedName {
  readonly places: { readonly jobs: Int32Array; readonly at: number }[];
  readonly gates: Gate[];
}

/** Names looked up in one slice. */
const NAMES_A_SLICE = 5000;

/** Jobs of a condition by index, -1 for a name that no job has yet: it is entered when one comes. */
export function jobsOf(run: RunState, condition: After): Int32Array {
  const known = run.namedJobs.get(condition);
  if (known !== undefined) return known;
  const steps = resolveNames(run, condition);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function* resolveNames(run: RunState, condition: After): Generator<void, Int32Array> {
  const jobs = new Int32Array(condition.jobs.length);
  for (const [at, name] of condition.jobs.entries()) {
    jobs[at] = run.indexOf(name) ?? -1;
    if (jobs[at] === -1) awaitName(run, name).places.push({ jobs, at });
    if (at % NAMES_A_SLICE === NAMES_A_SLICE - 1) yield;
  }
  run.namedJobs.set(condition, jobs);
  return jobs;
}

function awaitName(run: RunState, name: string): AwaitedName {
  let awaited = run.awaitedNames.get(name);
  if (awaited === undefined) {
    awaited = { places: [], gates: [] };
    run.awaitedNames.set(name, awaited);
  }
  return awaited;
}

/** Whether this condition names so many jobs that registering with them would hold the loop: it is done in slices. */
export function isLong(condition: Condition): boolean {
  if (condition.kind === 'all' || condition.kind === 'any') return condition.conditions.some(isLong);
  return condition.kind === 'after' && condition.jobs.length > NAMES_A_SLICE;
}

/** Whether the jobs that a condition names have been looked up. */
export function isResolved(run: RunState, condition: Condition): boolean {
  if (condition.kind === 'all' || condition.kind === 'any')
    return condition.conditions.every((part) => isResolved(run, part));
  return condition.kind !== 'after' || run.namedJobs.has(condition);
}

/** Looks up what a condition names, some thousand names a step. */
export function* resolveAll(run: RunState, condition: Condition): Generator<void> {
  if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) yield* resolveAll(run, part);
  } else if (condition.kind === 'after' && !run.namedJobs.has(condition)) yield* resolveNames(run, condition);
}

/** Enters jobs that are new where conditions have named them before they came. Calls back for what is to be looked at. */
export function* meetNames(
  run: RunState,
  first: number,
  { last, look }: { readonly last: number; readonly look: (job: number) => void },
): Generator<void> {
  for (let job = first; job < last && run.awaitedNames.size > 0; job += 1) {
    if ((job - first) % NAMES_A_SLICE === NAMES_A_SLICE - 1) yield;
    const name = run.nameOf(job);
    const awaited = run.awaitedNames.get(name);
    if (awaited === undefined) continue;
    run.awaitedNames.delete(name);
    for (const { jobs, at } of awaited.places) jobs[at] = job;
    for (const gate of awaited.gates) {
      // It was not counted on any more, and comes all the same: to a run that is not open nodes may be appended.
      if (run.knowsAllNames(gate.watch.job)) gate.left += 1;
      if (isToldOff(run, job)) {
        if (advance(run, gate, job)) look(gate.watch.job);
      } else connect(run, gate, job);
    }
  }
}

/** Its end has been told to everybody who waited for it. */
function isToldOff(run: RunState, job: number): boolean {
  return ((run.table.flags[job] as number) & TOLD) !== 0 && !run.gates.has(job);
}

/** Whether an end is one of those waited for. What is skipped keeps nobody waiting. */
export function accepts(mask: AcceptMask, standing: Standing): boolean {
  return standing === 'skipped' || (mask & acceptBit(standing)) !== 0;
}

function judgeAfter(run: RunState, condition: After, isSealed: boolean): Verdict {
  let accepted = 0;
  let refused = 0;
  for (const upstream of jobsOf(run, condition)) {
    if (upstream === -1) {
      if (isSealed) refused += 1;
      continue;
    }
    const status = run.statusOf(upstream);
    if (!isOver(status)) continue;
    if (accepts(condition.accept, status)) accepted += 1;
    else refused += 1;
  }
  const all = condition.mode === 'all';
  if (all ? accepted === condition.jobs.length : accepted > 0) return TRUE;
  return (all ? refused > 0 : refused === condition.jobs.length) ? NEVER : FALSE;
}

/** What of one job's condition is waited for. It fires once: whoever still has it afterwards drops it. */
export interface Watch {
  readonly job: number;
  fired: boolean;
}

/** One `after` of a watched condition, and how many ends still decide nothing. */
export interface Gate {
  readonly watch: Watch;
  readonly accept: AcceptMask;
  readonly mode: 'all' | 'any';
  left: number;
}

/** Registers a job with everything whose end could decide its condition, unless it is registered. */
export function watch(run: RunState, job: number, condition: Condition): void {
  if (run.watches.has(job)) return;
  const steps = watchInSlices(run, job, condition);
  while (steps.next().done !== true) continue;
}

/** The same, some thousand names a step. It may be woken before the last. */
export function* watchInSlices(run: RunState, job: number, condition: Condition): Generator<void> {
  if (run.watches.has(job)) return;
  const made: Watch = { job, fired: false };
  run.watches.set(job, made);
  yield* register(run, made, condition);
}

function* register(run: RunState, made: Watch, condition: Condition): Generator<void> {
  if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.conditions) yield* register(run, made, part);
    return;
  }
  if (condition.kind !== 'after') return;
  // One more than there are, until all are registered: ends that come meanwhile must not be taken for the last.
  const gate: Gate = { watch: made, accept: condition.accept, mode: condition.mode, left: 1 };
  const isSealed = run.knowsAllNames(made.job);
  for (const [at, upstream] of jobsOf(run, condition).entries()) {
    if (made.fired) return;
    if (at % NAMES_A_SLICE === NAMES_A_SLICE - 1) yield;
    if (upstream === -1) {
      awaitName(run, condition.jobs[at] as string).gates.push(gate);
      if (isSealed) continue;
    }
    // One that has been told tells nobody again: it is what it is.
    else if (((run.table.flags[upstream] as number) & TOLD) !== 0) continue;
    else connect(run, gate, upstream);
    gate.left += 1;
  }
  gate.left -= 1;
}

function connect(run: RunState, gate: Gate, upstream: number): void {
  const gates = run.gates.get(upstream);
  if (gates === undefined) run.gates.set(upstream, [gate]);
  else gates.push(gate);
}

/** The job is not to be woken any more by what it was registered with. */
export function unwatch(run: RunState, job: number): void {
  const known = run.watches.get(job);
  if (known === undefined) return;
  known.fired = true;
  run.watches.delete(job);
}

/** An end came. True when it decides: the job is then to be looked at. */
export function advance(run: RunState, gate: Gate, upstream: number): boolean {
  if (gate.watch.fired) return false;
  gate.left -= 1;
  const isAccepted = accepts(gate.accept, run.statusOf(upstream));
  const decides = isAccepted === (gate.mode === 'any');
  if (!decides && gate.left > 0) return false;
  unwatch(run, gate.watch.job);
  return true;
}
