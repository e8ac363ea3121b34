import type { ContainerRuntime } from '../../model/index.ts';
import { engineSweep } from './engine-text.ts';

/**
 * Shell text that kills and removes what is left of an attempt's container, for where everything around it was killed at once; of
 * one that is not there, nothing. Empty where there can be none: the work of other runtimes is a child of the attempt's shell.
 */
export function containerSweep(
  { runtime }: { readonly runtime?: ContainerRuntime | undefined },
  attempt: string,
): string {
  if (runtime === 'podman' || runtime === 'docker') return engineSweep(runtime, attempt);
  if (runtime !== undefined) return '';
  return (['podman', 'docker'] as const)
    .map((each) => `! command -v ${each} >/dev/null || ${engineSweep(each, attempt)} || :`)
    .join('\n');
}
