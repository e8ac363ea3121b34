import type { ContainerRuntime } from '../../model/index.ts';
import { CONTAINER_FILE, containerName } from './container-facts.ts';
import { REMOVE_CONTAINER } from './engine-text.ts';
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
  if (runtime === 'podman' || runtime === 'docker') return `${REMOVE_CONTAINER}remove_container ${runtime} ${name}`;
  if (runtime !== undefined) return '';
  const each = (['podman', 'docker'] as const).map(
    (one) => `! command -v ${one} >/dev/null || remove_container ${one} ${name} || :`,
  );
  return REMOVE_CONTAINER + each.join('\n');
}

/**
 * Defines `sweep_container DIRECTORY ATTEMPT` for scripts that end many attempts: as `containerSweep`, by what the attempt's
 * directory says; of one that ran in no container, nothing. It fails where something may be left.
 */
export const SWEEP_CONTAINER: string = `${REMOVE_CONTAINER}sweep_container() {
{ IFS= read -r j <"$1/${CONTAINER_FILE}"; } 2>/dev/null || return 0
case $j in
*'"runtime":"podman"'*) ( remove_container podman "${containerName('$2')}" ) >/dev/null 2>&1;;
*'"runtime":"docker"'*) ( remove_container docker "${containerName('$2')}" ) >/dev/null 2>&1;;
esac
}
`;
