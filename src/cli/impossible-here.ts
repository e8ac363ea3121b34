import { type Graph, type ResourceRequest } from '../model/index.ts';
import { readCapacity } from '../process/index.ts';
import { formatBytes } from './units.ts';

/** Tasks that are named. */
const NAMED = 3;

/**
 * Says which tasks ask for more than this machine has, where they run here: `heddle run` refuses them as long as it is given no
 * more (`--jobs`, `--memory`, `--gpus`) and no target. Empty when there is none.
 */
export function impossibleHere({ definitions }: Graph, hasTarget: boolean): string {
  const here = readCapacity();
  const large = definitions.flatMap(({ name, kind, backend, resources }) => {
    if (kind === 'control' || (backend === undefined && hasTarget)) return [];
    if (backend !== undefined && backend !== 'commands' && backend !== 'threads' && backend !== 'processes') return [];
    const wanted = exceeding(resources, here);
    return wanted === '' ? [] : [`${name} (${wanted})`];
  });
  if (large.length === 0) return '';
  const more = large.length > NAMED ? `, and ${large.length - NAMED} more` : '';
  return `note: this machine could not run ${large.slice(0, NAMED).join(', ')}${more}: give heddle run more (--jobs, --memory, --gpus), or a target (--backend)`;
}

function exceeding(
  { cpus, memoryBytes = 0, gpus = 0 }: ResourceRequest,
  here: ReturnType<typeof readCapacity>,
): string {
  const all = [
    ...(cpus > here.cpus ? [`${cpus} cpus, of ${here.cpus}`] : []),
    ...(memoryBytes > here.memoryBytes
      ? [`${formatBytes(memoryBytes)} of memory, of ${formatBytes(here.memoryBytes)}`]
      : []),
    ...(gpus > (here.gpus?.length ?? 0) ? [`${gpus} gpus, of ${here.gpus?.length ?? 0}`] : []),
  ];
  return all.join('; ');
}
