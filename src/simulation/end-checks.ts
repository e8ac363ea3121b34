import { type Condition, isFinal, type Status } from '../model/index.ts';
import type { Body, Ledger } from './body.ts';
import { checkControlEnd, whyNotSkipped } from './control-checks.ts';
import { chargedEnds, isAccepted, type RunFacts, storedStatus, truthOf } from './facts.ts';
import type { StoredRun } from './simulated-disk.ts';
import type { World } from './world.ts';

/**
 * How a run must have ended, given how its jobs' upstreams ended and what its bodies do: an oracle that
 * knows nothing of the engine (I5, I9). Every job is judged from those before it, so all are.
 */
export function checkEnd(world: World, facts: RunFacts, stored: StoredRun, ledger: Ledger): void {
  for (let job = 0; job < stored.row.size; job += 1) {
    const row = stored.jobs.get(job);
    const status = storedStatus(stored, job);
    const said = `${facts.plan.name}/j${job} ended ${status} (${row?.detail ?? ''})`;
    if (status === 'created') {
      const wrong = whyNotSkipped(facts, stored, job);
      if (wrong !== '') world.fail('skips', `${facts.plan.name}/j${job} is skipped ${wrong}`);
      continue;
    }
    if (!isFinal(status)) {
      world.fail('I5', `${said}, which is no end`);
      continue;
    }
    const why = whyWrong(facts, stored, ledger, job);
    if (why !== '') world.fail('I9', `${said}, ${why}`);
    // What never began was not lost, however often it was taken back, refused or fenced.
    const begun = ledger.ofJob(facts.id, job).filter(mayBeLost).length;
    if ((row?.losses ?? 0) > begun)
      world.fail('I9', `${said} after ${row?.losses} losses: ${begun} attempts ever began`);
    if (status === 'done' && !stored.values.has(job)) world.fail('I9', `${said} without a value`);
  }
}

function mayBeLost(body: Body): boolean {
  return body.startedAt >= 0 || body.outcome?.kind === 'preempted';
}

function whyWrong(facts: RunFacts, stored: StoredRun, ledger: Ledger, job: number): string {
  const plan = facts.job(job);
  const status = storedStatus(stored, job);
  const detail = stored.jobs.get(job)?.detail ?? '';
  const missing = plan.data.find((from) => storedStatus(stored, from) !== 'done');
  const refused = plan.order.find((edge) => !isAccepted(stored, edge));
  const isStopped = facts.plan.onFailure !== 'continue' && anyFailed(stored);
  const wrong = plan.control === undefined ? '' : checkControlEnd(facts, stored, job);
  if (wrong !== '') return wrong;
  if (status === 'done') {
    // What ran while its input was made to run again goes on, and ends on the value it was given.
    if (missing !== undefined && !facts.rerunWished) return `though j${missing}, whose value it took, is not done`;
    // An order edge does not make a finished job run again when what it awaited does.
    if (refused !== undefined && !facts.rerunWished) return `though j${refused.from} ended in a way it does not accept`;
    const { life } = chargedEnds(stored, job, ledger);
    return life < plan.failures ? `though its body fails ${plan.failures} times and did so ${life}` : '';
  }
  if (status === 'cancelled') {
    if (detail === 'user') return facts.mayCancel(job) || facts.powerLost ? '' : 'which nobody asked for';
    if (detail === 'run-abort') return isStopped || facts.rerunWished ? '' : 'though nothing failed';
    // A value that is missing since nobody makes it cancels nobody.
    const bad = plan.data.some((from) => ['failed', 'cancelled'].includes(storedStatus(stored, from)));
    return bad || facts.rerunWished ? '' : 'though none of its inputs ended badly';
  }
  if (detail === 'unsatisfiable') {
    // What a rerun made acceptable since does not wake what had failed for it.
    if (refused !== undefined || facts.rerunWished || mayBeNever(facts, stored, job)) return '';
    return 'though all it waits for came';
  }
  if (missing !== undefined && stored.jobs.get(job)?.fence === 0) return `though j${missing} is not done`;
  return '';
}

function anyFailed(stored: StoredRun): boolean {
  return [...stored.jobs.values()].some((row) => row.status === 'failed');
}

/** Deadlines may have passed at any time; what was awaited is judged as it ended. */
function mayBeNever(facts: RunFacts, stored: StoredRun, job: number): boolean {
  const { condition } = facts.job(job).definition;
  if (condition === undefined) return false;
  for (const name of namesIn(condition)) if (!facts.wasThere(name) || waitsFor(facts, name, job)) return true;
  const statusOf = (name: string): Status => storedStatus(stored, facts.indexOf(name));
  return truthOf(condition, { wall: Number.POSITIVE_INFINITY, gateOpen: false, statusOf }) === 'never';
}

function namesIn(condition: Condition): readonly string[] {
  if (condition.kind === 'after') return condition.jobs;
  return condition.kind === 'all' || condition.kind === 'any' ? condition.conditions.flatMap(namesIn) : [];
}

/** Whether a job waits, itself or through others, for another one: then neither can be the first. */
function waitsFor(facts: RunFacts, name: string, job: number): boolean {
  const seen = new Set<number>();
  const stack = [facts.indexOf(name)];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (at === job) return true;
    if (at === -1 || seen.has(at)) continue;
    seen.add(at);
    const { data, order, definition } = facts.job(at);
    stack.push(...data, ...order.map(({ from }) => from));
    if (definition.condition !== undefined)
      stack.push(...namesIn(definition.condition).map((each) => facts.indexOf(each)));
  }
  return false;
}
