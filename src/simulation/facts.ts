import type { Condition, JobRow, Outcome, RunId, Status, Transition } from '../model/index.ts';
import { acceptBit, isFinal } from '../model/index.ts';
import { type Body, isAlive, type Ledger } from './body.ts';
import { planExpansion } from './control-plans.ts';
import type { JobPlan, RunPlan } from './scenario.ts';
import type { StoredRun } from './simulated-disk.ts';

/** What is known of one run beside what the engine wrote: the plan, and what users asked for. */
export class RunFacts {
  readonly id: RunId;
  readonly plan: RunPlan;
  /** Jobs of the graph and of the segments that were asked to be appended. */
  jobs: readonly JobPlan[];
  /** The cancel of these was acknowledged, and nothing was asked since that takes it back. */
  readonly cancelled: Set<number> = new Set();
  /** A cancel of these was asked for, acknowledged or not; or of all, also of what was still to come. */
  readonly cancelWished: Set<number> = new Set();
  isCancelOfAllWished = false;
  /** Control nodes whose nodes are there. */
  readonly expanded: Set<number> = new Set();
  /** How often a rerun or a retry was asked for. */
  anew = 0;
  /** Segments that are to be appended, in order. */
  readonly appendWished: number[] = [];
  /** Of each segment when it was there, by the engine's word. */
  readonly appendedAt: Map<number, number> = new Map();
  /** When somebody first said that what is there is all there is. */
  sealedAt: number = Number.POSITIVE_INFINITY;
  /** Somebody said that nothing more is added. */
  closeWished: boolean;
  /** It was paused at some time. */
  wasPaused = false;
  /** Power was lost after this run began: what was acknowledged may be forgotten. */
  powerLost = false;

  constructor(id: RunId, plan: RunPlan) {
    this.id = id;
    this.plan = plan;
    this.jobs = plan.jobs;
    this.closeWished = plan.open !== true;
    if (this.closeWished) this.sealedAt = -1;
  }

  /** It is sealed from now on; what is named and not there may be taken for what never comes. */
  wishSeal(now: number, isClosed: boolean): void {
    this.sealedAt = Math.min(this.sealedAt, now);
    this.closeWished ||= isClosed;
  }

  /** Somebody asked for the end of this job; of -1: of any. */
  mayCancel(job: number): boolean {
    return this.isCancelOfAllWished || (job === -1 ? this.cancelWished.size > 0 : this.cancelWished.has(job));
  }

  /** Takes in what control nodes have become, as the store has it: after a power loss that may be less than it was. */
  readExpansions({ graphs }: Pick<StoredRun, 'graphs'>): void {
    const { expansions: context } = this.plan;
    if (context === undefined) return;
    this.expanded.clear();
    const jobs: JobPlan[] = [...this.plan.jobs];
    for (const { base, expands = [] } of graphs) {
      for (const index of expands) {
        const plan = jobs[index];
        if (plan?.control?.kind !== 'spawn') throw new Error(`${plan?.name ?? index} is said to have become something`);
        this.expanded.add(index);
        const to = jobs.findIndex(({ name }) => plan.control?.kind === 'spawn' && name === plan.control.gather);
        const at = { run: this.plan.name, job: plan.name, index, base, to };
        const { jobs: more, late } = planExpansion(context, plan.control, at);
        jobs.push(...more);
        for (const edge of late) {
          const into = jobs[edge.to] as JobPlan;
          jobs[edge.to] = { ...into, order: [...into.order, { from: edge.from, accept: edge.accept }] };
        }
      }
    }
    this.jobs = jobs;
  }

  /** Where a segment begins in the run. */
  baseOf(segment: number): number {
    const before = this.plan.segments.slice(0, segment);
    return before.reduce((sum, { length }) => sum + length, this.plan.jobs.length);
  }

  /** A job that a condition names was surely known when it could have been missed. */
  wasThere(name: string): boolean {
    const job = this.indexOf(name);
    if (job === -1 || this.powerLost) return false;
    // While a control node is not over nothing is taken for what never comes; but who is cancelled or runs again may.
    if (this.plan.expansions !== undefined && job >= this.plan.jobs.length)
      return !this.rerunWished && !this.mayCancel(-1);
    if (job < this.plan.jobs.length) return true;
    const segment = this.plan.segments.findIndex((_, i) => job < this.baseOf(i + 1));
    return (this.appendedAt.get(segment) ?? Number.POSITIVE_INFINITY) < this.sealedAt;
  }

  /** A rerun or a retry was asked for: final jobs may go back to pending. */
  get rerunWished(): boolean {
    return this.anew > 0;
  }

  /** A rerun or a retry is asked for now. */
  begunAnew(): void {
    this.anew += 1;
    this.cancelled.clear();
  }

  /** The power failed: what was promised since the last sync is not owed any more. */
  losePower(): void {
    this.powerLost = true;
    this.cancelled.clear();
  }

  wishSegment(segment: number): void {
    if (this.appendWished.includes(segment)) return;
    this.appendWished.push(segment);
    this.jobs = [...this.jobs, ...(this.plan.segments[segment] ?? [])];
  }

  job(index: number): JobPlan {
    const job = this.jobs[index];
    if (job === undefined) throw new Error(`no plan for job ${index} of ${this.plan.name}`);
    return job;
  }

  indexOf(name: string): number {
    return this.jobs.findIndex((job) => job.name === name);
  }
}

/** Status of a job as the store has it; one without a row has not begun. */
export function storedStatus(stored: StoredRun, job: number): Status {
  return stored.jobs.get(job)?.status ?? 'pending';
}

/** Nothing more becomes of it: it has ended, or will never be a job. */
export function isOver(stored: StoredRun, job: number): boolean {
  const status = storedStatus(stored, job);
  return isFinal(status) || status === 'created';
}

/** Whether an order edge is satisfied by what its upstream is now. What is skipped keeps nobody waiting. */
export function isAccepted(stored: StoredRun, edge: { readonly from: number; readonly accept: number }): boolean {
  const status = storedStatus(stored, edge.from);
  return status === 'created' || (acceptBit(status) & edge.accept) !== 0;
}

/** The attempt id of an ordinal, from the latest row or the history. */
export function attemptOf(stored: StoredRun, job: number, fence: number): string {
  const row = stored.jobs.get(job);
  if (row?.fence === fence) return row.attempt;
  return stored.attempts.get(job)?.find((attempt) => attempt.fence === fence)?.attempt ?? '';
}

/** Outcomes that count against `maxAttempts`. */
const CHARGED = new Set(['error', 'exit', 'signal', 'timeout', 'memory', 'output-missing']);

/** What the engine took an end for. Its journal carries it, though stores need not keep it. */
export function outcomeOf(step: Transition): Outcome | undefined {
  return (step as { readonly outcome?: Outcome }).outcome;
}

/** True when a step of the journal is the end of an attempt that spends a try. */
export function isChargedEnd(step: Transition, body: Body | undefined): boolean {
  if (step.from !== 'running' || body === undefined) return false;
  const own = body.outcome?.kind;
  if (outcomeOf(step)?.kind !== 'timeout' && (own === undefined || own === 'preempted' || own === 'ok')) return false;
  return step.to === 'failed' ? CHARGED.has(step.detail) : step.to === 'pending' && step.detail === 'backoff';
}

/** Charged ends of a job so far: in its life, and since it last began anew. */
export function chargedEnds(stored: StoredRun, job: number, ledger: Ledger): { life: number; sinceReset: number } {
  let life = 0;
  let sinceReset = 0;
  for (const step of stored.stepsOf.get(job) ?? []) {
    if (isFinal(step.from) && step.to === 'pending') sinceReset = 0;
    if (!isChargedEnd(step, ledger.bodies.get(attemptOf(stored, job, step.fence)))) continue;
    life += 1;
    sinceReset += 1;
  }
  return { life, sinceReset };
}

/** True when what a row was granted is in use in the outside world, or is about to be. */
export function isHolding(row: JobRow, ledger: Ledger): boolean {
  if (row.status !== 'running' || row.attempt === '' || ledger.fenced.has(row.attempt)) return false;
  const body = ledger.bodies.get(row.attempt);
  return body === undefined || isAlive(body);
}

/**
 * The judge's own view of a condition. `never`: it can not become true any more. `deadlineWall`, where given, is
 * what deadlines are held against: one that passed before the clock was set back has passed.
 */
export function truthOf(
  condition: Condition,
  now: {
    readonly wall: number;
    readonly deadlineWall?: number;
    readonly gateOpen: boolean;
    readonly statusOf: (job: string) => Status;
  },
): 'true' | 'false' | 'never' {
  switch (condition.kind) {
    case 'after': {
      // What is skipped stands as created, and keeps nobody waiting; what is not there is pending.
      const ends = condition.jobs.map(now.statusOf).filter((status) => isFinal(status) || status === 'created');
      const accepted = ends.filter(
        (status) => status === 'created' || (condition.accept & acceptBit(status)) !== 0,
      ).length;
      const refused = ends.length - accepted;
      const count = condition.jobs.length;
      if (condition.mode === 'all') return accepted === count ? 'true' : refused > 0 ? 'never' : 'false';
      return accepted > 0 ? 'true' : refused === count ? 'never' : 'false';
    }
    case 'after-time':
      return now.wall > condition.at ? 'true' : 'false';
    case 'before-time':
      return (now.deadlineWall ?? now.wall) < condition.at ? 'true' : 'never';
    case 'after-clock':
      return clockOf(now.wall, condition.timeZone).seconds >= condition.seconds ? 'true' : 'false';
    case 'before-clock':
      return clockOf(now.wall, condition.timeZone).seconds < condition.seconds ? 'true' : 'false';
    case 'after-weekday':
      return clockOf(now.wall, condition.timeZone).day >= condition.day ? 'true' : 'false';
    case 'before-weekday':
      return clockOf(now.wall, condition.timeZone).day < condition.day ? 'true' : 'false';
    case 'custom':
      return now.gateOpen ? 'true' : 'false';
    case 'all':
    case 'any': {
      const parts = condition.conditions.map((part) => truthOf(part, now));
      const [decides, needs] = condition.kind === 'all' ? (['never', 'true'] as const) : (['true', 'never'] as const);
      if (parts.includes(decides)) return decides;
      return parts.every((part) => part === needs) ? needs : 'false';
    }
  }
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** What a clock shows: seconds since midnight, and the day of the week, Monday being 0. Found another way than the engine's. */
function clockOf(wall: number, timeZone?: string): { readonly seconds: number; readonly day: number } {
  const shown = new Date(wall).toLocaleString('en-GB', {
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  const [, weekday = '', hours, minutes, seconds] = /(\w{3}).* (\d+):(\d+):(\d+)/.exec(shown) ?? [];
  return { seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds), day: WEEKDAYS.indexOf(weekday) };
}
