import { join } from 'node:path';
import { type NativeKind, nativePreview, type NativePreview } from '../../backends/remote/index.ts';
import type { TargetSettings } from '../../config/index.ts';
import { remoteSettings, schedulerOf } from './target-backend.ts';

/** Native scripts of one kind of task. */
export interface TaskScript extends NativePreview {
  /** It is an allocation that takes such tasks, however many there are. */
  readonly isAllocation: boolean;
}

/**
 * The native script that tasks of a kind are submitted to a target with; undefined where there is no batch system. Reaches
 * nothing: what only the target knows (its home directory, its limits) stands as it was configured.
 */
export function previewTarget(
  settings: TargetSettings,
  kind: NativeKind,
  { store }: { readonly store: string },
): TaskScript | undefined {
  const scheduler = schedulerOf(settings);
  if (scheduler === undefined) return undefined;
  const { name, root, sharesFiles, allocation } = settings;
  const directory = sharesFiles ? join(store, 'targets', name) : `${root}/work/STORE`;
  const submissions = sharesFiles ? directory : `${directory}/submissions`;
  const options = { scheduler, settings: remoteSettings(settings), directory, submissions };
  if (allocation === undefined) return { ...nativePreview(kind, options), isAllocation: false };
  const { nodes, workers = 1, timeMs } = allocation;
  const resources = { cpus: workers, timeMs, ...(nodes === 1 ? {} : { nodes, ranks: nodes }) };
  return { ...nativePreview({ resources, tasks: 1 }, options), isAllocation: true };
}
