/**
 * The second face of this room, for what is loaded into every worker: as little as a call needs there, since each file costs
 * each worker its time to start.
 */
export * from './errors.ts';
export * from './secret.ts';
export * from './sizes.ts';
export * from './value.ts';
export type * from './backend.ts';
export type * from './clock.ts';
export type * from './outcome.ts';
export type { Redactor } from './redactor.ts';
export type * from './task.ts';
