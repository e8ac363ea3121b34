import type { ContainerRuntime } from '../../model/index.ts';
import { CONTAINER_FILE, containerName } from './container-facts.ts';
import { engineSweep } from './engine-text.ts';
import { word } from './words.ts';

/**
 * Shell text that kills and removes what is left of an attempt's container, for where everything around it was killed at once; of
 * one that is not there, nothing. Empty where there can be none: the work of other runtimes is a child of the attempt's shell.
 */
export function containerSweep(
  { runtime }: { readonly runtime?: ContainerRuntime | undefined },
  attempt: string,
): string {
  const name = word(containerName(attempt));
  if (runtime === 'podman' || runtime === 'docker') return engineSweep(runtime, name);
  if (runtime !== undefined) return '';
  return (['podman', 'docker'] as const)
    .map((each) => `! command -v ${each} >/dev/null || ${engineSweep(each, name)} || :`)
    .join('\n');
}

/**
 * Defines `sweep_container DIRECTORY ATTEMPT` for scripts that end many attempts: as `containerSweep`, by what the attempt's
 * directory says; of one that ran in no container, or whose container is gone, nothing. It fails where something may be left.
 */
export const SWEEP_CONTAINER: string = `sweep_container() {
{ IFS= read -r j <"$1/${CONTAINER_FILE}"; } 2>/dev/null || return 0
case $j in
*'"state":"ended"'*) ;;
*'"runtime":"podman"'*) ${engineSweep('podman', `"${containerName('$2')}"`)} >/dev/null 2>&1;;
*'"runtime":"docker"'*) ${engineSweep('docker', `"${containerName('$2')}"`)} >/dev/null 2>&1;;
esac
}
`;
