import type { ResourceRequest, SchedulingOptions, SubmissionId } from '../../model/index.ts';
import type { NativeRequest, Scheduler } from '../scheduler/index.ts';
import { type ArrayLimits, elementBody } from './native-plan.ts';
import type { RemoteSettings } from './settings.ts';
import type { Site } from './site.ts';

/** Where things lie over there that a native script names. */
export type NativePlaces = Pick<Site, 'homeOf' | 'marks' | 'wrapper'>;

/** Elements that are to be one native job. */
export interface NativeWish {
  readonly marker: string;
  readonly submission: SubmissionId;
  readonly elements: readonly number[];
  readonly resources: ResourceRequest;
  /** What the task says itself. */
  readonly scheduling: SchedulingOptions | undefined;
}

/** What a batch system is asked for: what the task says goes before what the target says. */
export function nativeRequest(
  wish: NativeWish,
  { settings, places }: { readonly settings: RemoteSettings; readonly places: NativePlaces },
): NativeRequest {
  const { marker, submission, elements, resources, scheduling = {} } = wish;
  const { timeMs = settings.timeMs } = resources;
  const home = places.homeOf(submission);
  return {
    marker,
    elements,
    resources: { ...resources, ...(timeMs === undefined ? {} : { timeMs }) },
    scheduling: mergeScheduling(settings.scheduling ?? {}, scheduling),
    home,
    body: elementBody(marker, home, places),
  };
}

/** What the target says, then what the task says. */
export function mergeScheduling(target: SchedulingOptions, task: SchedulingOptions): SchedulingOptions {
  const options = [...(target.options ?? []), ...(task.options ?? [])];
  return { ...target, ...task, ...(options.length === 0 ? {} : { options }) };
}

/** How many elements one array may have: what the system, the site and the user let be, whichever is least. */
export function arrayLimits(scheduler: Scheduler, settings: RemoteSettings): ArrayLimits {
  const { maxArraySize, maxArrayIndex, firstElement: first } = scheduler;
  const { maxArray = Infinity, maxJobs = Infinity } = settings;
  return { size: Math.max(1, Math.min(maxArraySize, maxArrayIndex - first + 1, maxArray, maxJobs)), first };
}
