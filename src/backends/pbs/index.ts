export type { PbsOptions } from './options.ts';
export { pbsBackend, type PbsBackendOptions } from './pbs-backend.ts';
export { pbsScheduler } from './pbs-scheduler.ts';
