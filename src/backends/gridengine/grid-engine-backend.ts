import type { Backend } from '../../model/index.ts';
import { remoteBackend, type RemoteBackendOptions } from '../remote/index.ts';
import { gridEngineScheduler } from './grid-engine-scheduler.ts';
import type { GridEngineOptions } from './options.ts';

export interface GridEngineBackendOptions extends Omit<RemoteBackendOptions, 'scheduler'> {
  /** What this site's Grid Engine wants otherwise. */
  readonly gridEngine?: GridEngineOptions;
}

/**
 * Commands on a cell of Grid Engine: `transport` leads to a machine where `qsub` is.
 *
 * @example
 * const cluster = gridEngineBackend({ name: 'cluster', transport: localTransport(), gridEngine: { memoryResource: 'h_vmem' } });
 */
export function gridEngineBackend({ gridEngine, ...options }: GridEngineBackendOptions): Backend {
  return remoteBackend({ ...options, scheduler: gridEngineScheduler(gridEngine) });
}
