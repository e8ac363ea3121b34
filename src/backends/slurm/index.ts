export type { SlurmOptions } from './options.ts';
export { slurmScheduler } from './slurm-scheduler.ts';
