export { type GridEngineOptions, gridEngineScheduler } from './grid-engine-scheduler.ts';
