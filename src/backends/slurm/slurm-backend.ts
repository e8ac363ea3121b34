import type { Backend } from '../../model/index.ts';
import { remoteBackend, type RemoteBackendOptions } from '../remote/index.ts';
import type { SlurmOptions } from './options.ts';
import { slurmScheduler } from './slurm-scheduler.ts';

export interface SlurmBackendOptions extends Omit<RemoteBackendOptions, 'scheduler'> {
  /** What this site's Slurm wants otherwise. */
  readonly slurm?: SlurmOptions;
}

/**
 * Commands on a Slurm cluster: `transport` leads to a machine where `sbatch` is.
 *
 * @example
 * const cluster = slurmBackend({ name: 'cluster', transport: localTransport() });
 */
export function slurmBackend({ slurm, ...options }: SlurmBackendOptions): Backend {
  return remoteBackend({ ...options, scheduler: slurmScheduler(slurm) });
}
