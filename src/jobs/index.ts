export { attemptDirectories } from './attempt-directory.ts';
export { Engine, type EngineOpenOptions, type GraphSource, type RunOptions } from './engine.ts';
export { openStoreAt, openStoreForReading } from './open-store.ts';
export { connectControl } from './owner-client.ts';
export { jobNotFound, type RunControl, type RunningJob } from './run-control.ts';
export type { EventsOptions } from './run-events.ts';
export type { LogChunk, LogsOptions } from './run-logs.ts';
export { type FailedJob, RunHandle } from './run-handle.ts';
