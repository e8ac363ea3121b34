import { systemClock } from '../../process/index.ts';
import type { EnginePlace } from '../engine-options.ts';
import { Reuser, type ReuserOptions } from './reuser.ts';

export { type AcceptedJob, type AcceptOptions, acceptResults } from './accepting.ts';
export { type CacheExplanation, explainCache, reusedFrom } from './explaining.ts';
export { mayReuse } from './graph-nodes.ts';
export { type PlannedJob, type PlanOptions, planGraph } from './planning.ts';
export type { Reuser } from './reuser.ts';

/** Who finds earlier results in a store; undefined for a store that keeps nothing of them. */
export function reuserFor(
  { store, directory }: Pick<EnginePlace, 'store' | 'directory'>,
  options: Pick<ReuserOptions, 'project' | 'engine'>,
): Reuser | undefined {
  return store.fingerprints === undefined
    ? undefined
    : new Reuser({ store, directory, clock: systemClock, ...options });
}
