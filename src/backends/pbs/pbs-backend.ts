import type { Backend } from '../../model/index.ts';
import { remoteBackend, type RemoteBackendOptions } from '../remote/index.ts';
import type { PbsOptions } from './options.ts';
import { pbsScheduler } from './pbs-scheduler.ts';

export interface PbsBackendOptions extends Omit<RemoteBackendOptions, 'scheduler'> {
  /** What this site's PBS wants otherwise. */
  readonly pbs?: PbsOptions;
}

/**
 * Commands on a cluster with OpenPBS or PBS Professional: `transport` leads to a machine where `qsub` is.
 *
 * @example
 * const cluster = pbsBackend({ name: 'cluster', transport: localTransport() });
 */
export function pbsBackend({ pbs, ...options }: PbsBackendOptions): Backend {
  return remoteBackend({ ...options, scheduler: pbsScheduler(pbs) });
}
