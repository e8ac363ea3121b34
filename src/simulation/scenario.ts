import type {
  AcceptMask,
  Condition,
  Definition,
  Durability,
  FailurePolicy,
  Outcome,
  Place,
  ResourceRequest,
  RetryPolicy,
  Timeouts,
} from '../model/index.ts';
import { ACCEPT_ALL, ACCEPT_CANCELLED, ACCEPT_DONE, ACCEPT_FAILED, DEFAULT_RETRY } from '../model/index.ts';
import { Dice } from './dice.ts';
import type { NodePlan } from './graph-of.ts';
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
}

export interface RunPlan {
  readonly name: string;
  readonly jobs: readonly JobPlan[];
  /** Jobs appended while it runs, one segment after the other. */
  readonly segments: readonly (readonly JobPlan[])[];
  /** It goes on until it is closed. */
  readonly open?: boolean;
  readonly onFailure: FailurePolicy;
}

export interface StorePlan {
  readonly commitMs: readonly [low: number, high: number];
  readonly busy: number;
  readonly uncertain: number;
  /** What an uncertain commit says: nobody knows, or that the disk could not be synced (F12). */
  readonly uncertainCode: 'STORE_UNCERTAIN' | 'STORE_IO';
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
  readonly strategy: 'priority' | 'fair';
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
const WORLD_STARTS: number = Date.UTC(2026, 0, 5, 8);

/** Draws a scenario from a seed. The same seed draws the same scenario for ever, so long as this file stands. */
export function drawScenario(seed: number): Scenario {
  const dice = new Dice(seed, 'scenario');
  const sites = drawSites(dice);
  const tokens = { licence: dice.int(1, 2) };
  const runs: RunPlan[] = [];
  const runCount = dice.chance(0.25) ? 2 : 1;
  for (let i = 0; i < runCount; i += 1) runs.push(drawRun(dice, sites, `run${i}`));
  const faultsUntilMs = dice.int(2000, 20_000);
  const isCalm = dice.chance(0.15);
  const durability = dice.chance(0.5) ? 'full' : 'normal';
  return {
    seed,
    durability,
    runs,
    sites,
    tokens,
    strategy: dice.chance(0.8) ? 'priority' : 'fair',
    reserveAfterMs: dice.pick([100, 2000, 60_000]),
    recheckMs: dice.pick([500, 15_000]),
    siteFaults: isCalm ? NO_SITE_FAULTS : drawSiteFaults(dice),
    store: drawStore(dice, isCalm),
    crash: {
      perBoundary: isCalm || dice.chance(0.35) ? 0 : dice.pick([0.003, 0.01, 0.03, 0.1]),
      most: dice.int(1, 5),
      at: [],
      restartMs: [10, dice.pick([50, 500, 5000])],
    },
    actions: planActions(dice, { runs, sites, faultsUntilMs, isCalm, durability }),
    faultsUntilMs,
    gateOpensMs: dice.int(0, 10_000),
    hasBadListener: dice.chance(0.3),
    probes: dice.chance(0.5),
  };
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

interface JobContext {
  readonly index: number;
  readonly earlier: readonly JobPlan[];
  readonly shape: 'mixed' | 'chain' | 'fan' | 'diamond' | 'loose';
  readonly sites: readonly SiteProfile[];
  /** How far ahead of itself its condition may look for jobs. */
  readonly later: number;
}

function drawJob(dice: Dice, context: JobContext): JobPlan {
  const lanes = context.sites.find((each) => each.lanes === true);
  const site = lanes !== undefined && dice.chance(0.5) ? lanes : dice.pick(context.sites);
  const durationMs = dice.chance(0.05) ? Number.POSITIVE_INFINITY : dice.pick([0, 1, 5, 50, 300, 2000, 5000]);
  const failures = dice.chance(0.65) ? 0 : dice.pick([1, 1, 2, 3, Number.POSITIVE_INFINITY]);
  const condition = dice.chance(0.2) ? drawCondition(dice, namesFor(dice, context), 0) : undefined;
  const definition: Definition = {
    name: `task${context.index}`,
    kind: dice.chance(0.5) ? 'command' : 'call',
    backend: site.name,
    resources: drawRequest(dice, site),
    retry: drawRetry(dice),
    timeouts: drawTimeouts(dice, durationMs),
    graceMs: dice.pick([0, 100, 10_000]),
    priority: dice.chance(0.2) ? dice.int(-2, 3) : 0,
    ...(condition === undefined ? {} : { condition }),
  };
  return {
    name: `j${context.index}`,
    definition,
    ...drawEdges(dice, context),
    expectedMs: Number.isFinite(durationMs) ? durationMs : 0,
    failures,
    failure: drawFailure(dice),
    durationMs,
    obeysTerm: dice.chance(0.7),
    poisonous: dice.chance(0.02),
  };
}

function drawEdges(dice: Dice, context: JobContext): Pick<NodePlan, 'data' | 'order'> {
  const { index, shape } = context;
  const data = new Set<number>();
  const order = new Map<number, AcceptMask>();
  const accept = (): AcceptMask =>
    dice.pick([ACCEPT_ALL, ACCEPT_ALL, ACCEPT_DONE, ACCEPT_FAILED, ACCEPT_DONE | ACCEPT_CANCELLED]);
  const connect = (from: number): void => {
    if (dice.chance(0.7)) data.add(from);
    else order.set(from, accept());
  };
  if (index > 0) {
    if (shape === 'chain') connect(index - 1);
    if (shape === 'fan') connect(0);
    if (shape === 'diamond') connect(index % 4 === 0 ? index - 1 : index - (index % 4));
    if (shape === 'diamond' && index % 4 === 3 && index > 2) connect(index - 2);
    if (shape === 'mixed') for (let n = dice.int(0, 3); n > 0; n -= 1) connect(dice.int(0, index - 1));
    if (shape === 'loose' && dice.chance(0.2)) connect(dice.int(0, index - 1));
  }
  return { data: [...data], order: [...order].map(([from, mask]) => ({ from, accept: mask })) };
}

function drawRequest(dice: Dice, site: SiteProfile): ResourceRequest {
  const place = site.places[0] as Place;
  const gpus = place.gpus?.length ?? 0;
  return {
    cpus: dice.chance(0.7) ? 1 : Math.min(dice.pick([0, 0.5, 2, place.cpus]), place.cpus),
    ...(dice.chance(0.15) ? { memoryBytes: dice.int(1, 4) * GIB } : {}),
    ...(gpus > 0 && dice.chance(0.3) ? { gpus: dice.int(1, gpus) } : {}),
    ...(dice.chance(0.1) ? { tokens: { licence: 1 } } : {}),
  };
}

function drawRetry(dice: Dice): RetryPolicy {
  if (dice.chance(0.4)) return DEFAULT_RETRY;
  return {
    ...DEFAULT_RETRY,
    maxAttempts: dice.int(1, 4),
    initialDelayMs: dice.pick([0, 10, 500, 5000]),
    backoffFactor: dice.pick([1, 2]),
    jitter: dice.pick([0, 0.5]),
    ...(dice.chance(0.15) ? { retryOn: [dice.pick(['error', 'exit', 'timeout', 'E_AGAIN'] as const)] } : {}),
  };
}

function drawTimeouts(dice: Dice, durationMs: number): Timeouts {
  if (!Number.isFinite(durationMs)) return dice.chance(0.5) ? { runMs: dice.int(500, 5000) } : {};
  if (dice.chance(0.9)) return {};
  return dice.pick([{ runMs: 3_600_000 }, { queueMs: 30_000 }, { startMs: 60_000 }, { heartbeatMs: 2500 }]);
}

function drawFailure(dice: Dice): Outcome {
  return dice.pick<Outcome>([
    { kind: 'exit', code: 1 },
    { kind: 'exit', code: 137, stderr: 'Killed' },
    { kind: 'signal', signal: 'SIGSEGV' },
    { kind: 'error', error: { name: 'Error', message: 'it did not work' } },
    { kind: 'error', error: { name: 'Error', message: 'not now', code: 'E_AGAIN' } },
    { kind: 'memory' },
    { kind: 'output-missing', missing: ['result.json'] },
  ]);
}

/** Names that a condition may pick from. */
function namesFor(dice: Dice, { index, earlier, later }: JobContext): readonly string[] {
  const names = earlier.map(({ name }) => name);
  for (let n = later === 0 ? 0 : dice.int(0, 2); n > 0; n -= 1) names.push(`j${index + dice.int(0, later)}`);
  return names;
}

function drawCondition(dice: Dice, names: readonly string[], depth: number): Condition {
  const kind = dice.int(0, depth < 2 ? 5 : 3);
  if (kind <= 1 && names.length > 0) {
    const jobs = [...new Set([dice.pick(names), dice.pick(names)])];
    const accept = dice.pick([ACCEPT_ALL, ACCEPT_DONE, ACCEPT_DONE | ACCEPT_FAILED]);
    return { kind: 'after', jobs, accept, mode: dice.pick(['all', 'any'] as const) };
  }
  if (kind === 4 || kind === 5) {
    const conditions = [drawCondition(dice, names, depth + 1), drawCondition(dice, names, depth + 1)];
    return { kind: kind === 4 ? 'all' : 'any', conditions };
  }
  if (kind === 2) return { kind: 'before-time', at: WORLD_STARTS + dice.pick([1000, 30_000, 10_000_000]) };
  if (kind === 3) return { kind: 'custom', name: 'gate', everyMs: dice.pick([100, 1000]) };
  return { kind: 'after-time', at: WORLD_STARTS + dice.int(0, 15_000) };
}
