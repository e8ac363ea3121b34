import { laneBackend, type LaneKind, type LaneOptions, threadTransport } from '../../lanes/index.ts';
import type { Backend } from '../../model/index.ts';

/** How calls are made in threads of this process. */
export type ThreadsOptions = LaneOptions;

const THREADS: LaneKind = {
  name: 'threads',
  local: true,
  gpus: true,
  lingers: true,
  transport: ({ project, directory: store }) => threadTransport({ project, store }),
};

/**
 * Makes calls in threads of this process: the nearest place that computes without holding up the engine's loop. A thread
 * that does not listen is ended by force, and whatever it crashes by, short of native code, stays its own.
 */
export function threadsBackend(options: ThreadsOptions = {}): Backend {
  return laneBackend(THREADS, options);
}
