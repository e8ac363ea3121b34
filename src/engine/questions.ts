import { DATA_EDGE, type Definition } from '../model/index.ts';
import { PENDING } from './codes.ts';
import type { Core } from './core.ts';
import type { RunState } from './run-state.ts';

/**
 * Before a job that may be reused enters the queue it is asked whether an earlier result stands for it. A run without
 * such jobs has no `Asking`, and pays nothing.
 *
 * ready -> asked, with the commit of what it waited for -> in the queue, or done, or behind jobs that must run again first
 *       -> parked, when its run is paused meanwhile -> asked
 *
 * Whatever takes a job out of its wait (a hold, a cancel, an upstream that is run again) drops the question: nothing comes
 * of its answer then.
 */
export interface Asking {
  readonly asked: Map<number, Question>;
  readonly parked: Set<number>;
  /** Jobs that are to run, whatever was there before. */
  readonly fresh: Set<number>;
  /** Some definition makes temporary files: who makes them is asked about, and who takes them asks whether they are still there. */
  temporaries: boolean;
}

/** One question. */
export interface Question {
  readonly run: RunState;
  readonly job: number;
}

/** Takes a definition into account: from the first that may be reused on, the run asks. */
export function noteReusable(core: Core, run: RunState, definition: Definition): void {
  if (!core.settings.asks) return;
  const { temporary } = definition;
  if (temporary !== true && !isReusable(run, definition)) return;
  run.asking ??= { asked: new Map(), parked: new Set(), fresh: new Set(), temporaries: false };
  if (temporary === true) run.asking.temporaries = true;
}

/** Whether earlier results may stand for the jobs of a definition. */
export function isReusable({ settings }: RunState, { kind, cache }: Definition): boolean {
  return kind !== 'control' && (settings.cache ?? cache) === true;
}

/** Asks about a job that is ready, where there is something to ask. False: it may enter the queue. */
export function asksFirst(core: Core, run: RunState, job: number): boolean {
  const { asking } = run;
  // One that runs on paper waits for its successor: what it is was asked before its first attempt.
  if (asking === undefined || run.table.status[job] !== PENDING) return false;
  if (asking.asked.has(job) || asking.parked.has(job)) return true;
  const definition = run.definition(job);
  // Who deletes temporary files hears of them before there are any.
  if (!isReusable(run, definition) && definition.temporary !== true && !takesTemporaries(run, job)) return false;
  const question = { run, job };
  asking.asked.set(job, question);
  core.out.questions.push(question);
  core.out.size += 1;
  return true;
}

function takesTemporaries(run: RunState, job: number): boolean {
  if (run.asking?.temporaries !== true) return false;
  let takes = false;
  run.eachUpstream(job, (from, accept) => {
    takes ||= accept === DATA_EDGE && run.definition(from).temporary === true;
  });
  return takes;
}

/** Nothing comes of what was asked about this job. */
export function dropQuestion(run: RunState, job: number): void {
  run.asking?.asked.delete(job);
  run.asking?.parked.delete(job);
}

/** The run goes on: what was asked about while it was paused is asked again. */
export function askParked(core: Core, run: RunState): void {
  if (run.asking === undefined) return;
  const parked = [...run.asking.parked];
  run.asking.parked.clear();
  for (const job of parked) asksFirst(core, run, job);
}
