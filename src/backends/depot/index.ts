export type * from './depot.ts';
export { type DepotOptions, openDepot } from './open-depot.ts';
