export type * from './scheduler.ts';
export { type ArrayRange, coveringRange, isSingle } from './array-range.ts';
export { type GuardedBody, guardedBody } from './guarded-body.ts';
