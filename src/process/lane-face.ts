/** The second face of this room, for what is loaded into every worker. */
export { systemClock } from './system-clock.ts';
