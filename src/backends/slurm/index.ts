export type { SlurmOptions } from './options.ts';
export { slurmBackend, type SlurmBackendOptions } from './slurm-backend.ts';
export { slurmScheduler } from './slurm-scheduler.ts';
