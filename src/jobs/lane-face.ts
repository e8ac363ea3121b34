/** The second face of this room, for what is loaded into every worker. */
export { LOG_LEVELS } from './log-sinks.ts';
