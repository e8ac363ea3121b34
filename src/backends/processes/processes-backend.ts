import {
  laneBackend,
  type LaneKind,
  type LaneOptions,
  pipeTransport,
  recordedTransport,
  sweepLanes,
} from '../../lanes/index.ts';
import type { Backend } from '../../model/index.ts';

/** How calls are made in child processes. */
export type ProcessesOptions = LaneOptions;

const PROCESSES: LaneKind = {
  name: 'processes',
  // Lanes die with their engine, by their watchdogs; until they are known dead their attempts are not.
  local: false,
  gpus: true,
  sweep: ({ directory, clock }) => sweepLanes(directory, clock),
  transport: ({ directory: store, clock, project }) =>
    recordedTransport(pipeTransport({ clock, project, store }), store),
};

/**
 * Makes calls in child processes: each has a working directory, an environment and native code of its own, and whatever
 * a body does to its process, or starts below it, ends with that process group.
 */
export function processesBackend(options: ProcessesOptions = {}): Backend {
  return laneBackend(PROCESSES, options);
}
