import {
  DETAILS_OF,
  type Detail,
  isFinal,
  type JobRow,
  type OwnerId,
  type Place,
  type ResourceAmounts,
  type RunCommit,
  type RunId,
  type Status,
  TRANSITIONS,
  type Transition,
} from '../model/index.ts';
import { isAlive, type Ledger } from './body.ts';
import { checkCaps, checkExpansions } from './control-checks.ts';
import { attemptOf, chargedEnds, isHolding, outcomeOf, type RunFacts, storedStatus, truthOf } from './facts.ts';
import type { DiskWatcher, StoredRun } from './simulated-disk.ts';
import { checkCapacity, wronglyRaised } from './resource-checks.ts';
import type { World } from './world.ts';

export interface CommitChecksOptions {
  readonly world: World;
  readonly ledger: Ledger;
  readonly factsOf: (run: string) => RunFacts | undefined;
  /** All runs the store has. */
  readonly stored: () => Iterable<StoredRun>;
  /** The largest each place has been, by backend and name. */
  readonly placeOf: (backend: string, place: string) => Place | undefined;
  readonly tokens: Readonly<Record<string, number>>;
  readonly totals: Pick<ResourceAmounts, 'cpus' | 'memoryBytes'>;
  /** Since when the owner of a run has it, by its own word; undefined while it is still taking it over. */
  readonly heldSince: (run: string, owner: OwnerId | '') => number | undefined;
  /** When the owner of a run was asked to start or take it over; undefined when it did not. */
  readonly takenAt: (run: string, owner: OwnerId | '') => number | undefined;
  /** Wall clock from which the custom condition is true. */
  readonly isGateOpen: () => boolean;
}

/** No commit takes longer, a full disk included. */
const LONGEST_COMMIT_MS = 15_000;

/** What a job was before a step. */
interface StepBefore {
  readonly status: Status;
  readonly fence: number;
  readonly detail: Detail;
}

/** Where phases may go: forward, and to `cancelling` and `unreachable` and back from the latter at any time. */
const PHASE_RANK: Readonly<Partial<Record<Detail, number>>> = {
  'staging-in': 1,
  starting: 2,
  active: 3,
  ready: 4,
  streaming: 4,
  'staging-out': 5,
  cancelling: 6,
};

/** What the journal and the rows must be at each commit (I1, I2, I3, and what an end must rest on). */
export class CommitChecks implements DiskWatcher {
  readonly #options: CommitChecksOptions;
  /** Who granted each attempt. */
  readonly #granter = new Map<string, OwnerId>();

  constructor(options: CommitChecksOptions) {
    this.#options = options;
  }

  onCommit(commit: RunCommit, before: StoredRun): void {
    const facts = this.#options.factsOf(commit.run);
    if (facts === undefined) return;
    if (commit.transitions.length > 0 && commit.firstSeq !== before.row.seq + 1) {
      this.#fail('I2', `${facts.plan.name}: transitions start at ${commit.firstSeq} after ${before.row.seq}`);
    }
    const statuses = new Map<number, Status>();
    const details = new Map<number, Detail>();
    const fences = new Map<number, number>();
    for (const step of commit.transitions) {
      const { job } = step;
      const old = before.jobs.get(job);
      this.#checkStep(facts, step, {
        status: statuses.get(job) ?? old?.status ?? lastStatus(before, job),
        fence: fences.get(job) ?? old?.fence ?? 0,
        detail: details.get(job) ?? before.stepsOf.get(job)?.at(-1)?.detail ?? '',
      });
      statuses.set(job, step.to);
      details.set(job, step.detail);
      fences.set(job, step.fence);
    }
    this.#checkRows(facts, commit, before, statuses);
  }

  onCommitted(commit: RunCommit, after: StoredRun): void {
    const facts = this.#options.factsOf(commit.run);
    if (facts === undefined) return;
    checkExpansions({ world: this.#options.world, facts, commit, after });
    this.#checkPolicy(facts, commit, after);
    for (const step of commit.transitions) {
      if (step.from === 'pending' && step.to === 'running') this.#checkStart(facts, after, step);
      const isControl = facts.job(step.job).control !== undefined;
      if (step.from === 'running' && step.to !== 'running' && !isControl)
        this.#checkEnd(facts, after, { step, commit });
      if ((isFinal(step.from) || step.from === 'created') && !facts.rerunWished) {
        this.#fail('never-again', `${facts.plan.name}/j${step.job} left ${step.from} though nobody asked for it`);
      }
    }
    for (const row of commit.jobs) {
      if (row.grant !== '' && row.status === 'running') {
        if (!this.#granter.has(row.attempt)) this.#granter.set(row.attempt, commit.owner);
      }
      this.#checkOthers(facts, row);
    }
    this.#checkRun(facts, commit, after);
  }

  onTransaction(commits: readonly RunCommit[]): void {
    const granted: JobRow[] = [];
    let since = Number.POSITIVE_INFINITY;
    for (const { run, owner, jobs, transitions } of commits) {
      const isNew = new Set(transitions.filter(isGrant).map(({ job, fence }) => `${job} ${fence}`));
      const rows = jobs.filter((row) => row.grant !== '' && isNew.has(`${row.job} ${row.fence}`));
      granted.push(...rows);
      if (rows.length > 0) since = Math.min(since, this.#options.takenAt(run, owner) ?? -1);
    }
    const owner = commits[0]?.owner;
    if (granted.length === 0 || owner === undefined) return;
    const isCounted = (row: JobRow, stored: StoredRun): boolean =>
      isHolding(row, this.#options.ledger) && this.#isCounted(row, { stored, since });
    checkCapacity(granted, { ...this.#options, owner, isCounted });
    checkCaps(commits, { ...this.#options, granted, isCounted });
    for (const { run, transitions } of commits) this.#checkRaised(run, transitions, granted);
  }

  /** What is asked for is raised by what ran out, and by nothing else. */
  #checkRaised(run: RunId, steps: readonly Transition[], granted: readonly JobRow[]): void {
    const facts = this.#options.factsOf(run);
    const stored = [...this.#options.stored()].find(({ row }) => row.id === run);
    if (facts === undefined || stored === undefined || facts.rerunWished) return;
    for (const { job, fence } of steps.filter(isGrant)) {
      const row = granted.find((each) => each.job === job && each.fence === fence && stored.jobs.get(job) === each);
      if (row === undefined) continue;
      const wrong = wronglyRaised(facts.job(job).definition, stored, row);
      if (wrong !== undefined) this.#fail('escalation', `${facts.plan.name}/j${job}#${fence} ${wrong}`);
    }
  }

  /** With another policy than `continue` nothing starts after the commit that holds the first failure. */
  #checkPolicy(facts: RunFacts, commit: RunCommit, after: StoredRun): void {
    if (facts.plan.onFailure === 'continue' || facts.rerunWished) return;
    const start = commit.transitions.find((step) => step.from === 'pending' && step.to === 'running');
    if (start === undefined) return;
    const failure = after.transitions.findIndex((step) => step.to === 'failed');
    if (failure === -1 || failure + 1 >= commit.firstSeq) return;
    this.#fail('policy', `${facts.plan.name}/j${start.job} was granted after a failure that stops the run`);
  }

  /** No earlier attempt of a job lives when a later one is granted, nor any when the job is over. */
  #checkOthers(facts: RunFacts, row: JobRow): void {
    if (facts.powerLost) return;
    for (const body of this.#options.ledger.ofJob(facts.id, row.job)) {
      const isCurrent = row.status === 'running' && body.order.attempt === row.attempt;
      if (isAlive(body) && !isCurrent) {
        this.#fail(
          'fencing',
          `${body.order.job} is ${row.status} #${row.fence} while the body of #${body.order.fence} lives`,
        );
      }
    }
  }

  #fail(invariant: string, message: string): void {
    this.#options.world.fail(invariant, message);
  }

  #checkStep(facts: RunFacts, step: Transition, was: StepBefore): void {
    const said = `${facts.plan.name}/j${step.job}: ${step.from} -> ${step.to} (${step.detail}) #${step.fence}`;
    const isFirst = was.status === 'pending' && was.fence === 0 && step.from === 'created';
    if (step.from !== was.status && !isFirst) this.#fail('I2', `${said}, but it was ${was.status}`);
    if (step.from !== step.to && !TRANSITIONS[step.from].includes(step.to)) this.#fail('I2', `${said} is no step`);
    if (step.from === step.to && isFinal(step.to)) this.#fail('I2', `${said}: it ended twice`);
    if (!DETAILS_OF[step.to].includes(step.detail)) this.#fail('I2', `${said}: the word does not go with the status`);
    if (step.from === 'running' && step.to === 'running' && !mayFollow(step.detail, was.detail)) {
      this.#fail('I2', `${said} after ${was.detail}: phases only move forward`);
    }
    // A control node has no attempts to count.
    const isGranted = step.from === 'pending' && step.to === 'running' && facts.jobs[step.job]?.control === undefined;
    const next = isGranted ? was.fence + 1 : was.fence;
    if (step.fence !== next) this.#fail('I2', `${said}: the ordinal after ${was.fence} must be ${next}`);
  }

  #checkRows(facts: RunFacts, commit: RunCommit, before: StoredRun, statuses: ReadonlyMap<number, Status>): void {
    // A job may pass through several rows in one commit; the last one stands.
    const rows = new Map(commit.jobs.map((row) => [row.job, row]));
    for (const row of rows.values()) {
      const status = statuses.get(row.job) ?? before.jobs.get(row.job)?.status ?? lastStatus(before, row.job);
      const said = `${facts.plan.name}/j${row.job}`;
      // What is skipped takes no step.
      if (row.status !== status && row.status !== 'created')
        this.#fail('I2', `${said}: its row says ${row.status}, its journal ${status}`);
      if (isFinal(row.status) && row.wakeAt !== 0) this.#fail('I2', `${said}: it is ${row.status} and has a wake-up`);
      const old = before.jobs.get(row.job);
      if (old !== undefined && row.fence < old.fence) this.#fail('I2', `${said}: its ordinal fell`);
      if (old !== undefined && old.fence === row.fence && old.attempt !== '' && row.attempt !== old.attempt) {
        this.#fail(
          'I2',
          `${said}: attempt #${row.fence} changed its id from ${old.attempt} to ${row.attempt || 'none'}`,
        );
      }
    }
    for (const [job, status] of statuses) {
      const old = before.jobs.get(job)?.status ?? 'pending';
      if (!rows.has(job) && status !== old) {
        this.#fail('I2', `${facts.plan.name}/j${job} became ${status} and its row still says ${old}`);
      }
    }
    const done = new Set(commit.transitions.filter((step) => step.to === 'done').map((step) => step.job));
    for (const value of commit.values) {
      if (!done.has(value.job)) this.#fail('I2', `${facts.plan.name}/j${value.job}: a value without an end`);
    }
  }

  /** I3, as it was when it was granted. */
  #checkStart(facts: RunFacts, after: StoredRun, step: Transition): void {
    const plan = facts.job(step.job);
    const said = `${facts.plan.name}/${plan.name}#${step.fence}`;
    for (const from of plan.data) {
      const status = storedStatus(after, from);
      if (status !== 'done')
        this.#fail('I3', `${said} was granted though j${from}, whose value it takes, is ${status}`);
    }
    if (facts.cancelled.has(step.job)) {
      this.#fail('cancel-kept', `${said} was granted after its cancel was acknowledged`);
    }
    const { condition, retry } = plan.definition;
    const charged = chargedEnds(after, step.job, this.#options.ledger).sinceReset;
    if (charged >= retry.maxAttempts) this.#fail('retries', `${said} was granted after ${charged} charged failures`);
    // A successor of a lost attempt goes on under the verdict its predecessor had.
    if (condition === undefined || step.fence > 1) return;
    const statusOf = (job: string): Status => storedStatus(after, facts.indexOf(job));
    const truth = truthOf(condition, { wall: step.at, gateOpen: this.#options.isGateOpen(), statusOf });
    if (truth !== 'true') this.#fail('I3', `${said} was granted while its condition was ${truth}`);
  }

  /** An end rests on what happened: nothing lives any more, and the outcome is the body's own. */
  #checkEnd(facts: RunFacts, after: StoredRun, end: { readonly step: Transition; readonly commit: RunCommit }): void {
    const { step, commit } = end;
    const { ledger } = this.#options;
    const attempt = attemptOf(after, step.job, step.fence);
    const body = ledger.bodies.get(attempt);
    const said = `${facts.plan.name}/j${step.job}#${step.fence} ${step.to} (${step.detail})`;
    if (body !== undefined && isAlive(body)) this.#fail('I7', `${said} while its body is ${body.state}`);
    if (step.to === 'done') {
      if (body?.outcome?.kind !== 'ok')
        this.#fail('truth', `${said}, but its body says ${body?.outcome?.kind ?? 'nothing'}`);
      const value = commit.values.find((row) => row.job === step.job)?.value;
      const json = value?.codec === 'json' ? value.json : undefined;
      if (json !== valueJson(attempt))
        this.#fail('fencing', `${said} with the value ${json}, not its own attempt's (${attempt})`);
    }
    // What a rerun in the same commit has made begin anew counts from there, and no longer tells of this end.
    const isAnew = commit.transitions.some((each) => each.job === step.job && isFinal(each.from));
    const isFailure = step.to === 'failed' || (step.to === 'pending' && step.detail === 'backoff');
    if (isFailure && !isAnew) this.#checkFailure(facts, after, step);
    if (step.to === 'cancelled' && step.detail === 'user' && !facts.mayCancel(step.job) && !facts.powerLost) {
      this.#fail('truth', `${said}, but nobody asked for it`);
    }
  }

  /** A failure is what the body said, and is tried again exactly as often as its policy allows. */
  #checkFailure(facts: RunFacts, after: StoredRun, step: Transition): void {
    const { ledger } = this.#options;
    const body = ledger.bodies.get(attemptOf(after, step.job, step.fence));
    const { retry, timeouts } = facts.job(step.job).definition;
    const said = `${facts.plan.name}/j${step.job}#${step.fence} ${step.to} (${step.detail})`;
    const own = body?.outcome;
    // A record that is gone (purged, or released by a commit that a power loss took back) tells nothing.
    if (body?.state === 'purged' || body?.cancelled === true) return;
    if (own === undefined || own.kind === 'preempted') return;
    // A deadline that passed before the end was heard of is what it ended by.
    if (outcomeOf(step)?.kind === 'timeout' && hasAny(timeouts)) return;
    if (own.kind === 'ok') return this.#fail('truth', `${said}, but its body ended well`);
    if (step.to === 'failed' && step.detail !== own.kind && !(step.detail === 'timeout' && hasAny(timeouts))) {
      this.#fail('truth', `${said}, but its body ended with ${own.kind}`);
    }
    const { sinceReset } = chargedEnds(after, step.job, ledger);
    const code = own.kind === 'error' ? own.error.code : undefined;
    const isRetried = retry.retryOn === undefined || retry.retryOn.some((word) => word === own.kind || word === code);
    const may = isRetried && sinceReset < retry.maxAttempts;
    if (step.to === 'pending' && !may)
      this.#fail('retries', `${said}: ${sinceReset} of ${retry.maxAttempts} tries are spent`);
    const mayStop = facts.plan.onFailure !== 'continue' || facts.mayCancel(-1);
    if (step.to === 'failed' && may && !mayStop) {
      this.#fail('retries', `${said}: only ${sinceReset} of ${retry.maxAttempts} tries are spent`);
    }
  }

  /**
   * An engine knows what it granted, what it was asked to take over no later than the runs it grants for, and what it took
   * over since once that is done; grants under way do not know of that.
   */
  #isCounted(row: JobRow, { stored, since: asked }: { readonly stored: StoredRun; readonly since: number }): boolean {
    const { owner, id } = stored.row;
    if (this.#granter.get(row.attempt) === owner) return true;
    const taken = this.#options.takenAt(id, owner);
    if (taken !== undefined && taken <= asked) return true;
    const since = this.#options.heldSince(id, owner);
    return since !== undefined && this.#options.world.mono > since + LONGEST_COMMIT_MS;
  }

  #checkRun(facts: RunFacts, commit: RunCommit, after: StoredRun): void {
    const status = commit.patch?.status;
    if (status === undefined || !isFinal(status)) return;
    const ends = new Set<Status>();
    for (let job = 0; job < after.row.size; job += 1) ends.add(storedStatus(after, job));
    // Skipped ones are in nobody's way.
    ends.delete('created');
    const open = [...ends].find((end) => !isFinal(end));
    if (open !== undefined) this.#fail('I5', `${facts.plan.name} ended ${status} while a job is ${open}`);
    const isStopped = facts.plan.onFailure !== 'continue' && ends.has('failed');
    // A run that stops is closed, also when it is begun again.
    if (isStopped) facts.wishSeal(this.#options.world.mono, true);
    if (!facts.closeWished) this.#fail('I5', `${facts.plan.name} ended ${status}, though nobody has closed it`);
    const right = ends.has('failed') ? 'failed' : ends.has('cancelled') ? 'cancelled' : 'done';
    if (status !== right) this.#fail('I5', `${facts.plan.name} ended ${status}, but its jobs make it ${right}`);
  }
}

function isGrant(step: Transition): boolean {
  return step.from === 'pending' && step.to === 'running';
}

function hasAny(timeouts: object): boolean {
  return Object.keys(timeouts).length > 0;
}

function lastStatus(stored: StoredRun, job: number): Status {
  return stored.stepsOf.get(job)?.at(-1)?.to ?? 'pending';
}

/** Says whether a phase may follow another in one attempt; a later engine may tell again what one before it told. */
function mayFollow(phase: Detail, before: Detail): boolean {
  if (phase === 'unreachable' || before === 'unreachable') return true;
  return (PHASE_RANK[phase] ?? 0) >= (PHASE_RANK[before] ?? 0);
}

/** The value every body makes: its own attempt's id, so that a foreign one is known. */
export function valueJson(attempt: string): string {
  return JSON.stringify({ by: attempt });
}
