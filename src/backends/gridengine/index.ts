export { gridEngineBackend, type GridEngineBackendOptions } from './grid-engine-backend.ts';
export { gridEngineScheduler } from './grid-engine-scheduler.ts';
export type { GridEngineOptions } from './options.ts';
