import type { Definition, ResourceRequest } from '../model/index.ts';
import { CANCELLED, FAILED } from './codes.ts';
import type { Core } from './core.ts';
import { lower } from './escalating.ts';
import { queueFor, refuseLarge, refuseRequest } from './runs.ts';
import type { RunSettings } from './api.ts';
import type { RunState } from './run-state.ts';

/** Settings as they are kept: with the resources that a retry changed, and the wish that all of it be cancelled. */
export interface StoredSettings extends RunSettings {
  readonly cancelling?: true;
  readonly overrides?: readonly { readonly jobs: readonly number[]; readonly resources: Partial<ResourceRequest> }[];
}

/**
 * Gives the failed and cancelled jobs of a run other resources from now on, and keeps that with the run.
 *
 * @throws {HeddleError} RESOURCES_IMPOSSIBLE when no place could hold them; nothing has changed then
 */
export function overrideFailed(core: Core, run: RunState, resources: Partial<ResourceRequest>): void {
  const jobs: number[] = [];
  const definitions = new Set<number>();
  for (let job = 0; job < run.table.size; job += 1) {
    const status = run.table.status[job];
    if (status !== FAILED && status !== CANCELLED) continue;
    jobs.push(job);
    lower(run, job);
    const definition = run.table.definition[job] as number;
    if (definitions.has(definition)) continue;
    definitions.add(definition);
    const wanted = { ...run.definition(job).resources, ...resources };
    refuseLarge(core, { ...run.definition(job), resources: wanted });
    refuseRequest(core, run.queueOf(job).backend, wanted, run.definition(job).name);
  }
  overrideResources(run, jobs, resources);
  const settings = run.settings as StoredSettings;
  keepSettings(core, run, { ...settings, overrides: [...(settings.overrides ?? []), { jobs, resources }] });
}

/** Changes what is kept with the run. */
export function keepSettings(core: Core, run: RunState, settings: StoredSettings): void {
  run.settings = settings;
  const draft = core.out.draft(run);
  draft.patch = { ...draft.patch, settings: JSON.stringify(settings) };
}

/** Gives some jobs other resources from now on: their definitions are copied with the change. */
export function overrideResources(run: RunState, jobs: readonly number[], changes: Partial<ResourceRequest>): void {
  const copies = new Map<number, number>();
  for (const job of jobs) {
    const old = run.table.definition[job] as number;
    let copy = copies.get(old);
    if (copy === undefined) {
      copy = run.definitions.length;
      const definition = run.definition(job);
      const changed = withResources(definition, changes);
      run.definitions.push(changed);
      run.queues.push(queueFor(run, run.queueOf(job).backend, changed));
      const condition = run.conditions.get(old);
      if (condition !== undefined) run.conditions.set(copy, condition);
      copies.set(old, copy);
    }
    run.table.definition[job] = copy;
  }
}

/** Who is given another time to run may take as long: where a run timeout is set, it is that time. */
function withResources(definition: Definition, changes: Partial<ResourceRequest>): Definition {
  const { resources, timeouts } = definition;
  const { timeMs } = changes;
  return {
    ...definition,
    resources: { ...resources, ...changes },
    timeouts: timeMs === undefined || timeouts.runMs === undefined ? timeouts : { ...timeouts, runMs: timeMs },
  };
}
