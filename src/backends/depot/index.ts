export type * from './depot.ts';
