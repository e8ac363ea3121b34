import { DEFAULT_GRACE_MS, DEFAULT_RETRY, type Definition, type Outcome } from '../model/index.ts';
import type { NodePlan } from './graph-of.ts';
import type { JobPlan, Scenario } from './scenario.ts';
import { NO_SITE_FAULTS, type SiteProfile } from './site-profile.ts';

/** What of a job a directed scenario cares about; the rest is as plain as can be. */
export type JobSketch = Partial<Omit<JobPlan, 'definition'>> & {
  readonly definition?: Partial<Definition>;
  readonly failure?: Outcome;
};

const PLAIN: Definition = {
  name: 'task',
  kind: 'call',
  resources: { cpus: 1 },
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: DEFAULT_GRACE_MS,
  priority: 0,
};

/** A job that runs for 100 ms and ends well, but for what the sketch says. */
export function job(index: number, sketch: JobSketch = {}): JobPlan {
  const { definition, ...rest } = sketch;
  const node: NodePlan = {
    name: `j${index}`,
    definition: { ...PLAIN, name: `task${index}`, backend: 'local', ...definition },
    data: [],
    order: [],
    expectedMs: 100,
  };
  return {
    ...node,
    failures: 0,
    failure: { kind: 'exit', code: 1 },
    durationMs: 100,
    obeysTerm: true,
    poisonous: false,
    ...rest,
  };
}

/** A machine of its own with two cpus, whose work outlives the engine. */
export const LOCAL_SITE: SiteProfile = {
  name: 'local',
  places: [{ name: 'here', cpus: 2 }],
  recoverable: true,
  batches: false,
  local: true,
  launchMs: [0, 0],
  reportMs: [0, 1],
  heartbeatMs: 0,
};

/** A cluster that takes arrays and answers after a while. */
export const CLUSTER_SITE: SiteProfile = {
  ...LOCAL_SITE,
  name: 'cluster',
  places: [{ name: 'main', cpus: 4 }],
  batches: true,
  local: false,
  launchMs: [10, 50],
  reportMs: [0, 100],
};

/** Lanes in the engine's own process: two at work, and as many calls sent ahead to each. */
export const LANES_SITE: SiteProfile = {
  ...LOCAL_SITE,
  name: 'lanes',
  places: [{ name: 'pool', cpus: 2, ahead: 4 }],
  recoverable: false,
  lanes: true,
};

/** A scenario in which nothing goes wrong by chance, to which a test adds what is to go wrong. */
export function calmScenario(jobs: readonly JobPlan[], changes: Partial<Scenario> = {}): Scenario {
  return {
    seed: 1,
    durability: 'full',
    runs: [{ name: 'run0', jobs, segments: [], onFailure: 'continue' }],
    sites: [LOCAL_SITE],
    tokens: {},
    totals: {},
    strategy: 'priority',
    reserveAfterMs: 60_000,
    recheckMs: 15_000,
    siteFaults: NO_SITE_FAULTS,
    store: { commitMs: [1, 1], busy: 0, uncertain: 0, uncertainCode: 'STORE_UNCERTAIN' },
    crash: { perBoundary: 0, most: 0, at: [], restartMs: [10, 10] },
    actions: [],
    faultsUntilMs: 10_000,
    gateOpensMs: 0,
    hasBadListener: false,
    probes: true,
    ...changes,
  };
}
