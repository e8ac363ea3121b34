import { asError, DATA_EDGE, type Outcome, outcomeJson } from '../model/index.ts';
import type { ReadyJob, Reuse, ReuseAnswer } from './api.ts';
import { change } from './core.ts';
import type { Core } from './core.ts';
import { beginRun } from './granting.ts';
import type { EngineLoop } from './loop.ts';
import type { Asking, Question } from './questions.ts';
import { isReusable } from './questions.ts';
import type { RunState } from './run-state.ts';
import { runAgainFirst } from './steering.ts';
import { addChore } from './turn.ts';
import { enterQueue, settle } from './waiting.ts';

/**
 * Asks whether earlier results stand for jobs that are ready. What they wait for is committed. Nothing is written
 * before the answer: who dies in between leaves the job `pending`, and it is asked about again.
 */
export function askAll(loop: EngineLoop, questions: readonly Question[]): void {
  const { reuse } = loop.options;
  if (reuse === undefined) return;
  void answersTo(loop, reuse, questions).then((answers) =>
    loop.input(() => {
      for (const [i, question] of questions.entries()) take(loop.core, question, answers[i] ?? { kind: 'run' });
    }),
  );
}

/** What can't be answered runs: that costs time, and nothing else. */
async function answersTo(
  { core }: EngineLoop,
  reuse: Reuse,
  questions: readonly Question[],
): Promise<readonly ReuseAnswer[]> {
  try {
    return await reuse(questions.map(readyJob));
  } catch (thrown) {
    core.notice('reuse-broken', `earlier results could not be looked for: ${asError(thrown).message}`);
    return [];
  }
}

function readyJob({ run, job }: Question): ReadyJob {
  const definition = run.definition(job);
  const needs: number[] = [];
  const temporaries: number[] = [];
  run.eachUpstream(job, (from, accept) => {
    if (accept !== DATA_EDGE) return;
    needs.push(from);
    if (run.definition(from).temporary === true) temporaries.push(from);
  });
  return {
    run: run.id,
    job: run.nameOf(job),
    index: job,
    payload: run.payloadOf(job),
    definition,
    needs,
    temporaries,
    payloadOf: (node) => run.payloadOf(node),
    mayReuse: isReusable(run, definition) && run.asking?.fresh.has(job) !== true,
    isReusable: isReusable(run, definition),
  };
}

function take(core: Core, question: Question, answer: ReuseAnswer): void {
  const { run, job } = question;
  const { asking } = run;
  if (asking === undefined || asking.asked.get(job) !== question) return;
  if (core.draining || core.runs.get(run.id) !== run || run.stopping || run.interrupting) return;
  asking.asked.delete(job);
  if (run.paused) {
    asking.parked.add(job);
    return;
  }
  switch (answer.kind) {
    case 'run':
      asking.fresh.delete(job);
      return enterQueue(core, run, job);
    case 'done':
      return endReused(core, run, job, answer);
    case 'first':
      return runFirst(core, { run, job, asking }, answer.jobs);
  }
}

function endReused(core: Core, run: RunState, job: number, { value }: Extract<ReuseAnswer, { kind: 'done' }>): void {
  if (run.status !== 'running') beginRun(core, run);
  const outcome: Outcome = value === undefined ? { kind: 'ok' } : { kind: 'ok', value };
  run.outcomes.delete(job);
  if (value !== undefined) core.out.draft(run).values.push({ job, value });
  change(core, run, job, 'done', '', { outcome, outcomeJson: outcomeJson(outcome), endedAt: core.now.wall });
  settle(core, run, job);
}

/** What these jobs made is gone, and this one needs it: they run again, and it waits for them. */
function runFirst(
  core: Core,
  { run, job, asking }: Question & { readonly asking: Asking },
  jobs: readonly number[],
): void {
  for (const each of jobs) if (run.statusOf(each) === 'done') asking.fresh.add(each);
  addChore(core, run, runAgainFirst(core, run, { jobs, before: job }));
}
