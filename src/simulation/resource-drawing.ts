import type { Definition, ResourceAmounts } from '../model/index.ts';
import { Dice } from './dice.ts';
import type { JobPlan, RunPlan } from './scenario.ts';
import type { TimedAction } from './scenario-actions.ts';
import type { SiteProfile } from './site-profile.ts';

const GIB = 1024 ** 3;

/** What a scenario has of resources beyond what its jobs and places were drawn with. */
export interface DrawnResources {
  readonly runs: readonly RunPlan[];
  readonly actions: readonly TimedAction[];
  /** What all places together may give away. */
  readonly totals: Pick<ResourceAmounts, 'cpus' | 'memoryBytes'>;
}

/**
 * Lets some jobs ask for parts of devices and for more after they ran out of it, some worlds have totals, and some devices
 * be lost for a while. What else a seed draws stays as it is.
 */
export function drawResources(
  { runs, actions }: Pick<DrawnResources, 'runs' | 'actions'>,
  { seed, sites, untilMs }: { readonly seed: number; readonly sites: readonly SiteProfile[]; readonly untilMs: number },
): DrawnResources {
  const dice = new Dice(seed, 'resources');
  const changed = (plan: JobPlan): JobPlan => withResources(dice, sites, plan);
  return {
    runs: runs.map((run) => ({
      ...run,
      jobs: run.jobs.map(changed),
      segments: run.segments.map((segment) => segment.map(changed)),
    })),
    actions: [...actions, ...lostDevices(dice, sites, untilMs)].toSorted((a, b) => a.atMs - b.atMs),
    totals: dice.chance(0.15) ? drawTotals(dice, sites) : {},
  };
}

function withResources(dice: Dice, sites: readonly SiteProfile[], plan: JobPlan): JobPlan {
  const { definition } = plan;
  const site = sites.find(({ name }) => name === definition.backend);
  if (site === undefined || plan.control !== undefined) return plan;
  const hasDevices = (site.places[0]?.gpus?.length ?? 0) > 0;
  const part = hasDevices && dice.chance(0.2) ? { gpus: dice.pick([0.25, 0.5, 0.7]) } : {};
  const resources = { ...definition.resources, ...part };
  if (!dice.chance(0.3) || site.lanes === true) return { ...plan, definition: { ...definition, resources } };
  return { ...plan, failure: raisingFailure(dice, plan), definition: escalating(dice, definition, resources) };
}

/** Runs out of memory more often than others. */
function raisingFailure(dice: Dice, { failure }: JobPlan): JobPlan['failure'] {
  return dice.chance(0.6) ? { kind: 'memory' } : failure;
}

function escalating(dice: Dice, definition: Definition, resources: Definition['resources']): Definition {
  const memoryBytes = resources.memoryBytes ?? dice.int(1, 2) * GIB;
  const escalate = {
    memory: dice.pick([1.5, 2]),
    time: 1.5,
    ...(dice.chance(0.3) ? { maxMemoryBytes: 5 * GIB } : {}),
  };
  const timeMs = definition.timeouts.runMs ?? 3_600_000;
  return {
    ...definition,
    resources: { ...resources, memoryBytes, timeMs },
    retry: { ...definition.retry, maxAttempts: Math.max(3, definition.retry.maxAttempts), escalate },
  };
}

/** As much as any one job may ask for, so that all can run. */
function drawTotals(dice: Dice, sites: readonly SiteProfile[]): DrawnResources['totals'] {
  const places = sites.flatMap((site) => site.places);
  const cpus = Math.max(...places.map((place) => place.cpus));
  const bytes = Math.max(...places.map((place) => place.memoryBytes ?? 16 * GIB));
  return { cpus: cpus + dice.int(0, 2), ...(dice.chance(0.5) ? { memoryBytes: bytes } : {}) };
}

function lostDevices(dice: Dice, sites: readonly SiteProfile[], untilMs: number): readonly TimedAction[] {
  return sites
    .filter(({ places }) => (places[0]?.gpus?.length ?? 0) > 0 && dice.chance(0.4))
    .map(({ name }) => ({
      atMs: dice.int(0, untilMs),
      action: { kind: 'devices', site: name, forMs: dice.int(100, 10_000) },
    }));
}
