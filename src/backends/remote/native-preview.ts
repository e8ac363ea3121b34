import { asSubmissionId, type ResourceRequest, type SchedulingOptions } from '../../model/index.ts';
import type { Scheduler } from '../scheduler/index.ts';
import { arrayLimits, nativeRequest, type NativePlaces } from './native-request.ts';
import type { RemoteSettings } from './settings.ts';
import { WRAPPER_NAME } from './shared-site.ts';

/** Tasks that are alike to a batch system. */
export interface NativeKind {
  readonly resources: ResourceRequest;
  readonly scheduling?: SchedulingOptions;
  /** How many there are; so many go together at most. */
  readonly tasks: number;
}

/** What would be submitted of a kind. */
export interface NativePreview {
  /** Elements of the array it shows; 1: a single job. */
  readonly elements: number;
  readonly script: string;
}

export interface PreviewOptions {
  readonly scheduler: Scheduler;
  readonly settings: RemoteSettings;
  /** The directory over there that this store has on the target, and the one in it where submissions lie. */
  readonly directory: string;
  readonly submissions: string;
}

/** Stand where a submission has names of its own. */
const SUBMISSION = asSubmissionId('SUBMISSION');
const MARKER = 'hSUBMISSION';

/**
 * The native script that tasks of a kind are submitted with, made as it is made when they are. Pure: nothing is reached. All
 * that differs later is how many are ready together, and the names of submission and job.
 */
export function nativePreview(
  kind: NativeKind,
  { scheduler, settings, directory, submissions }: PreviewOptions,
): NativePreview {
  const { size, first } = arrayLimits(scheduler, settings);
  const elements = Math.min(kind.tasks, size);
  const places: NativePlaces = {
    homeOf: (submission) => `${submissions}/${submission}`,
    marks: `${directory}/ended`,
    wrapper: `${directory}/${WRAPPER_NAME}`,
  };
  const wish = {
    marker: MARKER,
    submission: SUBMISSION,
    // One alone is no array.
    elements: elements === 1 ? [0] : Array.from({ length: elements }, (_, i) => first + i),
    resources: kind.resources,
    scheduling: kind.scheduling,
  };
  return { elements, script: scheduler.script(nativeRequest(wish, { settings, places })) };
}
