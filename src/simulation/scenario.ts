import type { Strategy } from '../engine/index.ts';
import type { Durability, FailurePolicy, Outcome, Place, ResourceAmounts } from '../model/index.ts';
import { type ControlSketch, drawControls, type ExpansionContext } from './control-plans.ts';
import { Dice } from './dice.ts';
import type { NodePlan } from './graph-of.ts';
import { drawJob, type JobContext } from './job-drawing.ts';
import { drawResources } from './resource-drawing.ts';
import { planActions, type TimedAction } from './scenario-actions.ts';
import { NO_SITE_FAULTS, type SiteFaults, type SiteProfile } from './site-profile.ts';

/** A job and what its work will really do. */
export interface JobPlan extends NodePlan {
  /** So many of its attempts fail by themselves before one succeeds; `Infinity`: all. */
  readonly failures: number;
  readonly failure: Outcome;
  readonly durationMs: number;
  readonly obeysTerm: boolean;
  readonly poisonous: boolean;
  /** It is a control node: what it becomes. */
  readonly control?: ControlSketch;
}

export interface RunPlan {
  readonly name: string;
  readonly jobs: readonly JobPlan[];
  /** Jobs appended while it runs, one segment after the other. */
  readonly segments: readonly (readonly JobPlan[])[];
  /** It goes on until it is closed. */
  readonly open?: boolean;
  readonly onFailure: FailurePolicy;
  /** It has control nodes: what their nodes are drawn from. */
  readonly expansions?: ExpansionContext;
}

export interface StorePlan {
  readonly commitMs: readonly [low: number, high: number];
  readonly busy: number;
  readonly uncertain: number;
  /** What an uncertain commit says: nobody knows, or that the disk could not be synced (F12). */
  readonly uncertainCode: 'STORE_UNCERTAIN' | 'STORE_IO';
  /** @default the quickest commit */
  readonly slowestReadMs?: number;
}

export interface CrashPlan {
  /** Probability of dying at each boundary. */
  readonly perBoundary: number;
  /** Engines die at most so often. */
  readonly most: number;
  /** Dies at exactly these boundaries, counted over the whole run, besides. */
  readonly at: readonly number[];
  /** Between a death and the next engine. */
  readonly restartMs: readonly [low: number, high: number];
}

/** Everything that will happen in one simulated world, but for what the engine decides. */
export interface Scenario {
  readonly seed: number;
  readonly durability: Durability;
  readonly runs: readonly RunPlan[];
  readonly sites: readonly SiteProfile[];
  readonly tokens: Readonly<Record<string, number>>;
  /** What all places together may give away. */
  readonly totals: Pick<ResourceAmounts, 'cpus' | 'memoryBytes'>;
  readonly strategy: Strategy;
  readonly reserveAfterMs: number;
  readonly recheckMs: number;
  readonly siteFaults: SiteFaults;
  readonly store: StorePlan;
  readonly crash: CrashPlan;
  readonly actions: readonly TimedAction[];
  /** From here on nothing goes wrong any more, and everything must end. */
  readonly faultsUntilMs: number;
  /** Wall clock, from the start of the world, from which the custom condition `gate` is true. */
  readonly gateOpensMs: number;
  /** Listeners that throw. */
  readonly hasBadListener: boolean;
  /** At the end a run that needs every place whole, to show that nothing is held any more. */
  readonly probes: boolean;
}

const GIB = 1024 ** 3;

/** Draws a scenario from a seed. The same seed draws the same scenario for ever, so long as this file stands. */
export function drawScenario(seed: number): Scenario {
  const dice = new Dice(seed, 'scenario');
  const sites = drawSites(dice);
  const tokens = { licence: dice.int(1, 2) };
  const plans: RunPlan[] = [];
  const runCount = dice.chance(0.25) ? 2 : 1;
  for (let i = 0; i < runCount; i += 1) plans.push(drawControls(drawRun(dice, sites, `run${i}`), { seed, sites }));
  const faultsUntilMs = dice.int(2000, 20_000);
  const isCalm = dice.chance(0.15);
  const durability = dice.chance(0.5) ? 'full' : 'normal';
  const drawn = {
    seed,
    durability,
    runs: plans,
    sites,
    tokens,
    strategy: dice.chance(0.8) ? 'priority' : 'fair',
    reserveAfterMs: dice.pick([100, 2000, 60_000]),
    recheckMs: dice.pick([500, 15_000]),
    siteFaults: isCalm ? NO_SITE_FAULTS : drawSiteFaults(dice),
    store: { ...drawStore(dice, isCalm), ...drawReads(seed, plans) },
    crash: {
      perBoundary: isCalm || dice.chance(0.35) ? 0 : dice.pick([0.003, 0.01, 0.03, 0.1]),
      most: dice.int(1, 5),
      at: [],
      restartMs: [10, dice.pick([50, 500, 5000])],
    },
    actions: planActions(dice, { runs: plans, sites, faultsUntilMs, isCalm, durability }),
    faultsUntilMs,
    gateOpensMs: dice.int(0, 10_000),
    hasBadListener: dice.chance(0.3),
    probes: dice.chance(0.5),
  } as const;
  const resources = drawResources(drawn, { seed, sites, untilMs: faultsUntilMs });
  // Where there are totals the probe, which wants all places whole at once, would never run.
  const hasTotals = resources.totals.cpus !== undefined;
  return { ...drawn, ...resources, probes: drawn.probes && !hasTotals };
}

function drawSites(dice: Dice): SiteProfile[] {
  const sites = drawCommonSites(dice);
  return dice.chance(0.4) ? [...sites, drawLanes(dice)] : sites;
}

/** Lanes that make calls, and are sent some ahead. */
function drawLanes(dice: Dice): SiteProfile {
  return {
    name: 'lanes',
    places: [{ name: 'pool', cpus: dice.pick([1, 1, 2, 3]), ahead: dice.int(1, 4) }],
    recoverable: dice.chance(0.2),
    batches: false,
    local: dice.chance(0.6),
    launchMs: dice.chance(0.6) ? [0, 0] : [0, 3],
    reportMs: dice.chance(0.6) ? [0, 0] : [0, 10],
    heartbeatMs: 0,
    lanes: dice.chance(0.95),
  };
}

function drawCommonSites(dice: Dice): SiteProfile[] {
  const local: SiteProfile = {
    name: 'local',
    places: [drawPlace(dice, 'here')],
    recoverable: dice.chance(0.7),
    batches: false,
    local: true,
    launchMs: dice.chance(0.5) ? [0, 0] : [1, 5],
    reportMs: dice.chance(0.5) ? [0, 0] : [0, 10],
    heartbeatMs: dice.pick([0, 0, 1000]),
  };
  if (dice.chance(0.4)) return [local];
  const places = [drawPlace(dice, 'main')];
  if (dice.chance(0.4)) places.push({ ...drawPlace(dice, 'pilot'), cpus: dice.int(1, 4) });
  const cluster: SiteProfile = {
    name: 'cluster',
    places,
    recoverable: true,
    batches: true,
    local: false,
    launchMs: [1, dice.pick([10, 100, 1000])],
    reportMs: [0, dice.pick([10, 300, 3000])],
    heartbeatMs: 0,
  };
  return [local, cluster];
}

function drawPlace(dice: Dice, name: string): Place {
  return {
    name,
    cpus: dice.int(2, 6),
    ...(dice.chance(0.5) ? { memoryBytes: dice.int(4, 8) * GIB } : {}),
    gpus: dice.chance(0.5) ? [0, 1] : [],
  };
}

function drawSiteFaults(dice: Dice): SiteFaults {
  const some = (most: number): number => (dice.chance(0.5) ? dice.next() * most : 0);
  return {
    refuse: some(0.3),
    refuseForGood: dice.chance(0.1) ? 0.1 : 0,
    unknown: some(0.3),
    duplicate: some(0.5),
    late: some(0.3),
    lose: some(0.3),
    preempt: some(0.2),
    purge: some(0.2),
  };
}

function drawStore(dice: Dice, isCalm: boolean): StorePlan {
  return {
    commitMs: dice.pick([
      [0, 0],
      [0, 3],
      [1, 20],
      [200, 250],
    ] as const),
    busy: isCalm || dice.chance(0.6) ? 0 : dice.next() * 0.3,
    uncertain: isCalm || dice.chance(0.7) ? 0 : dice.next() * 0.1,
    uncertainCode: dice.pick(['STORE_UNCERTAIN', 'STORE_IO'] as const),
  };
}

/**
 * What control nodes are given may take long to read: then people change their minds while it is being read. Dice of its
 * own, so that whatever else a seed draws stays as it is.
 */
function drawReads(seed: number, plans: readonly RunPlan[]): Pick<StorePlan, 'slowestReadMs'> {
  if (!plans.some(({ expansions }) => expansions !== undefined)) return {};
  const dice = new Dice(seed, 'reads');
  return dice.chance(0.5) ? { slowestReadMs: dice.pick([100, 1000, 4000]) } : {};
}

function drawRun(dice: Dice, sites: readonly SiteProfile[], name: string): RunPlan {
  // Calls come in numbers: only then are any sent ahead.
  const isWide = sites.some((site) => site.lanes === true) ? 0.4 : 0.1;
  const size = dice.chance(isWide) ? dice.int(12, 30) : dice.int(1, 10);
  const shape = dice.pick(['mixed', 'chain', 'fan', 'diamond', 'loose'] as const);
  const open = dice.chance(0.15);
  const isGrowing = open || dice.chance(0.15);
  // Conditions may name what is still to come: in a run that grows also what is appended, or never is.
  const later = dice.chance(isGrowing ? 0.5 : 0.1) ? 4 : 0;
  const drawn = (count: number, earlier: readonly JobPlan[], as: JobContext['shape']): readonly JobPlan[] => {
    const all = [...earlier];
    for (let i = 0; i < count; i += 1)
      all.push(drawJob(dice, { index: all.length, earlier: all, shape: as, sites, later }));
    return all.slice(earlier.length);
  };
  const jobs = drawn(open && dice.chance(0.3) ? 0 : size, [], shape);
  const segments: (readonly JobPlan[])[] = [];
  for (let n = isGrowing ? dice.int(1, open ? 4 : 2) : 0; n > 0; n -= 1)
    segments.push(drawn(dice.int(1, 4), [...jobs, ...segments.flat()], 'mixed'));
  const onFailure = dice.chance(0.8) ? 'continue' : dice.pick(['stop', 'abort'] as const);
  return { name, jobs, segments, onFailure, open };
}
