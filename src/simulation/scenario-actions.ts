import type { Durability } from '../model/index.ts';
import type { Dice } from './dice.ts';
import type { RunPlan } from './scenario.ts';
import type { SiteProfile } from './site-profile.ts';

/** What users do to an engine, other than give it work. */
export type UserAction =
  | { readonly kind: 'cancel-run'; readonly run: number }
  | { readonly kind: 'cancel-jobs'; readonly run: number; readonly jobs: readonly number[] }
  | { readonly kind: 'pause'; readonly run: number; readonly forMs: number }
  | { readonly kind: 'hold'; readonly run: number; readonly jobs: readonly number[]; readonly forMs: number }
  /** With `cpus` the jobs that are run again ask for so many; 0: as before. */
  | { readonly kind: 'retry'; readonly run: number; readonly cpus: number }
  | { readonly kind: 'rerun'; readonly run: number; readonly jobs: readonly number[]; readonly whileRunning: boolean }
  | { readonly kind: 'append'; readonly run: number; readonly segment: number }
  | { readonly kind: 'forget'; readonly run: number }
  | { readonly kind: 'seal' | 'close'; readonly run: number }
  | { readonly kind: 'start-again'; readonly run: number };

/** What operators and the world do to it. */
export type WorldAction =
  | { readonly kind: 'drain' }
  | { readonly kind: 'shutdown'; readonly detach: boolean }
  /** A second engine opens the same store, and wants what the first one has. */
  | { readonly kind: 'rival' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'power-loss' }
  /** It is stopped; after `leaseMs`, if it still is, the others take it for dead. */
  | { readonly kind: 'zombie'; readonly leaseMs: number; readonly forMs: number }
  | { readonly kind: 'stall'; readonly forMs: number }
  | { readonly kind: 'wall-jump'; readonly byMs: number }
  | { readonly kind: 'silence'; readonly site: string; readonly forMs: number; readonly dies: boolean }
  | { readonly kind: 'places'; readonly site: string; readonly lose: string; readonly forMs: number }
  /** The first place loses its last device for a while; who holds it goes on. */
  | { readonly kind: 'devices'; readonly site: string; readonly forMs: number }
  /** Lanes are fewer for a while, and take fewer ahead. */
  | {
      readonly kind: 'lanes';
      readonly site: string;
      readonly cpus: number;
      readonly ahead: number;
      readonly forMs: number;
    }
  | { readonly kind: 'disk-full'; readonly forMs: number };

export type Action = UserAction | WorldAction;

export interface TimedAction {
  readonly atMs: number;
  readonly action: Action;
}

export interface ActionContext {
  readonly runs: readonly RunPlan[];
  readonly sites: readonly SiteProfile[];
  readonly faultsUntilMs: number;
  readonly isCalm: boolean;
  readonly durability: Durability;
}

const HOUR_MS = 3_600_000;

/** Draws what will be done to the engine, and when. */
export function planActions(dice: Dice, context: ActionContext): TimedAction[] {
  const { runs, sites, faultsUntilMs, isCalm } = context;
  const actions: TimedAction[] = [];
  const add = (action: Action): void => {
    actions.push({ atMs: dice.int(0, faultsUntilMs), action });
  };
  runs.forEach((plan, run) => {
    const times = plan.segments.map(() => dice.int(0, faultsUntilMs)).sort((a, b) => a - b);
    for (const [segment, atMs] of times.entries()) actions.push({ atMs, action: { kind: 'append', run, segment } });
    if (plan.open === true && dice.chance(0.4)) add({ kind: 'seal', run });
    if (plan.open === true && dice.chance(0.4)) add({ kind: 'close', run });
    if (dice.chance(0.1)) add({ kind: 'start-again', run });
    for (const action of userActions(dice, plan, run)) add(action);
    // What was sent ahead is asked back by these.
    if (sites.some((site) => site.lanes === true)) {
      if (dice.chance(0.4)) add({ kind: 'pause', run, forMs: dice.int(1, 5000) });
      if (dice.chance(0.4)) add({ kind: 'hold', run, jobs: plan.jobs.map((_, i) => i), forMs: dice.int(1, 5000) });
    }
  });
  if (!isCalm) for (const action of worldActions(dice, context)) add(action);
  return actions.sort((a, b) => a.atMs - b.atMs);
}

function userActions(dice: Dice, plan: RunPlan, run: number): UserAction[] {
  const all = plan.jobs.map((_, i) => i);
  const some = (): number[] => all.filter(() => dice.chance(0.3));
  const actions: UserAction[] = [];
  if (dice.chance(0.08)) actions.push({ kind: 'cancel-run', run });
  if (dice.chance(0.2)) actions.push({ kind: 'cancel-jobs', run, jobs: some() });
  if (dice.chance(0.15)) actions.push({ kind: 'pause', run, forMs: dice.int(1, 5000) });
  if (dice.chance(0.15)) actions.push({ kind: 'hold', run, jobs: some(), forMs: dice.int(1, 5000) });
  if (dice.chance(0.2)) actions.push({ kind: 'retry', run, cpus: dice.pick([0, 0, 1, 2, 99]) });
  if (dice.chance(0.15)) actions.push({ kind: 'forget', run });
  if (dice.chance(0.15)) actions.push({ kind: 'rerun', run, jobs: some(), whileRunning: dice.chance(0.5) });
  return actions;
}

function worldActions(dice: Dice, context: ActionContext): WorldAction[] {
  const { sites, durability } = context;
  const actions: WorldAction[] = [];
  if (dice.chance(0.05)) actions.push({ kind: 'drain' });
  if (dice.chance(0.12)) actions.push({ kind: 'shutdown', detach: dice.chance(0.5) });
  if (dice.chance(0.1)) actions.push({ kind: 'rival' });
  if (dice.chance(0.3)) actions.push({ kind: 'crash' });
  if (dice.chance(0.2)) actions.push({ kind: 'crash' });
  if (dice.chance(durability === 'normal' ? 0.15 : 0.05)) actions.push({ kind: 'power-loss' });
  // Work that lives inside a stopped engine cannot be taken over: its lease is the kernel's, and is not lost.
  const mayTakeOver = sites.every((site) => site.recoverable);
  if (mayTakeOver && dice.chance(0.15)) {
    actions.push({ kind: 'zombie', leaseMs: dice.pick([0, 0, 500, 5000]), forMs: dice.int(500, 20_000) });
  }
  if (dice.chance(0.1)) actions.push({ kind: 'stall', forMs: dice.int(10, 30_000) });
  if (dice.chance(0.15)) actions.push({ kind: 'wall-jump', byMs: dice.pick([-HOUR_MS, HOUR_MS, -500, 500]) });
  if (dice.chance(0.15)) actions.push({ kind: 'disk-full', forMs: dice.int(10, 5000) });
  for (const site of sites) {
    if (!site.local && dice.chance(0.25)) {
      actions.push({ kind: 'silence', site: site.name, forMs: dice.int(100, 40_000), dies: dice.chance(0.4) });
    }
    const [first, spare] = site.places;
    if (first?.ahead !== undefined) {
      for (let n = dice.int(0, 2); n > 0; n -= 1) {
        const cpus = dice.int(1, first.cpus);
        actions.push({
          kind: 'lanes',
          site: site.name,
          cpus,
          ahead: dice.int(0, first.ahead),
          forMs: dice.int(1, 8000),
        });
      }
    }
    if (spare !== undefined && dice.chance(0.5)) {
      actions.push({ kind: 'places', site: site.name, lose: spare.name, forMs: dice.int(100, 10_000) });
    }
  }
  return actions;
}
