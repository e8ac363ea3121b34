import type { Definition, Escalation, Grant, Outcome } from '../model/index.ts';
import type { Core } from './core.ts';
import type { BackendState } from './places.ts';
import type { ReadyQueue } from './ready-queue.ts';
import { queueFor } from './runs.ts';
import type { RunState } from './run-state.ts';

/**
 * Jobs that ran out of memory or time and may ask for more the next time. What they ask for is their definition's, times a
 * factor for each attempt that ran out of it: how many there were is in the journal, so that whoever takes the run over asks
 * for the same. Each step has a definition of its own, shared by the jobs that are as far.
 *
 * as defined -> raised, when an attempt that counts ran out of something -> raised again, ...
 *            <- as defined, when it is made pending anew (retry, rerun)
 */
export interface Raised {
  /** Number of the definition the job began with. */
  readonly base: number;
  /** Attempts that ran out of it. */
  readonly memory: number;
  readonly time: number;
}

type Exhausted = 'memory' | 'time';

/** What an attempt that ended this way ran out of: nothing, where more of something would not have helped. */
export function ranOutOf(outcome: Outcome): Exhausted | undefined {
  if (outcome.kind === 'memory') return 'memory';
  return outcome.kind === 'timeout' && outcome.timeout === 'run' ? 'time' : undefined;
}

/** The job is to be tried again: when it ran out of what may be raised, it asks for more of that from now on. */
export function escalate(core: Core, run: RunState, job: number, outcome: Outcome): void {
  const { escalate: policy } = run.definition(job).retry;
  const of = policy === undefined ? undefined : ranOutOf(outcome);
  if (of === undefined || policy?.[of] === undefined) return;
  const now = raisedOf(run, job);
  raiseTo(core, run, job, { ...now, [of]: now[of] + 1 });
}

/** The job of a run that was read back asks for what it did before, by how its attempts ended that its budget still counts. */
export function escalateAgain(core: Core, run: RunState, job: number, counted: readonly Outcome[]): void {
  const { escalate: policy } = run.definition(job).retry;
  const count = (of: Exhausted): number =>
    policy?.[of] === undefined ? 0 : counted.filter((outcome) => ranOutOf(outcome) === of).length;
  const raised = { base: run.table.definition[job] as number, memory: count('memory'), time: count('time') };
  if (raised.memory + raised.time > 0) raiseTo(core, run, job, raised);
}

/** The job begins anew: it asks for what it asked for at first. */
export function lower(run: RunState, job: number): void {
  const raised = run.raised.get(job);
  if (raised === undefined) return;
  run.table.definition[job] = raised.base;
  run.raised.delete(job);
}

/** What a job was defined to ask for before retries asked for more; undefined when they have not. */
export function firstOf(run: RunState, job: number): Definition | undefined {
  const raised = run.raised.get(job);
  return raised === undefined ? undefined : run.definitions[raised.base];
}

function raisedOf(run: RunState, job: number): Raised {
  return run.raised.get(job) ?? { base: run.table.definition[job] as number, memory: 0, time: 0 };
}

function raiseTo(core: Core, run: RunState, job: number, raised: Raised): void {
  const { base, memory, time } = raised;
  const { backend } = run.queues[base] as ReadyQueue;
  const bytes = raisedBytes(core, backend, run, { job, raised });
  const key = `${base} ${memory} ${time} ${bytes}`;
  let number = run.raisedDefinitions.get(key);
  if (number === undefined) {
    number = addRaised(run, {
      base,
      backend,
      more: raisedDefinition(run.definitions[base] as Definition, raised, bytes),
    });
    run.raisedDefinitions.set(key, number);
  }
  run.table.definition[job] = number;
  run.raised.set(job, raised);
}

function addRaised(
  run: RunState,
  { base, backend, more }: { readonly base: number; readonly backend: BackendState; readonly more: Definition },
): number {
  const number = run.definitions.length;
  run.definitions.push(more);
  run.queues.push(queueFor(run, backend, more));
  const condition = run.conditions.get(base);
  if (condition !== undefined) run.conditions.set(number, condition);
  return number;
}

function raisedDefinition(definition: Definition, raised: Raised, bytes: number | undefined): Definition {
  const { resources, timeouts, retry } = definition;
  const { escalate: policy = {} } = retry;
  const longer = (ms: number): number => raisedTo(ms, policy.time, raised.time, policy.maxTimeMs);
  const { timeMs } = resources;
  const { runMs } = timeouts;
  return {
    ...definition,
    resources: {
      ...resources,
      ...(bytes === undefined ? {} : { memoryBytes: bytes }),
      ...(timeMs === undefined ? {} : { timeMs: longer(timeMs) }),
    },
    timeouts: runMs === undefined ? timeouts : { ...timeouts, runMs: longer(runMs) },
  };
}

/** Never below what it asked for at first, even where the most that is allowed is less. */
function raisedTo(first: number, factor: number | undefined, times: number, most: number | undefined): number {
  if (factor === undefined || times === 0) return first;
  return Math.max(first, Math.min(Math.round(first * factor ** times), most ?? Infinity));
}

/**
 * Never more than any place has that could hold the rest of it, than the totals, or than a job may have; and never less than
 * the last time: where no place can hold it just now it stays at that.
 */
function raisedBytes(
  core: Core,
  backend: BackendState,
  run: RunState,
  { job, raised }: { readonly job: number; readonly raised: Raised },
): number | undefined {
  const { resources, retry } = run.definitions[raised.base] as Definition;
  const { memoryBytes: first, ...rest } = resources;
  if (first === undefined) return undefined;
  const policy: Escalation = retry.escalate ?? {};
  const bytes = raisedTo(first, policy.memory, raised.memory, policy.maxMemoryBytes);
  const there = backend.mostMemoryFor(rest);
  const most = Math.min(there, core.pool?.memoryBytes ?? Infinity, core.settings.perTask.memoryBytes ?? Infinity);
  const last = run.definition(job).resources.memoryBytes ?? first;
  return Math.max(first, last, Math.min(bytes, most));
}

/** What a grant says beside what is held, where its job was given more time than it was defined to have. */
export function timeGranted(run: RunState, job: number): Pick<Grant, 'timeMs'> {
  const time = run.raised.get(job)?.time ?? 0;
  if (time === 0) return {};
  const { resources, timeouts } = run.definition(job);
  const timeMs = timeouts.runMs ?? resources.timeMs;
  return timeMs === undefined ? {} : { timeMs };
}
