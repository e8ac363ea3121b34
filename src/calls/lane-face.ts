/**
 * The second face of this room, for what is loaded into every worker: making a call, without what describes one and reads
 * source text for it.
 */
export { attemptContext, becomeLane, CallContext, currentCall } from './context.ts';
export { filePath } from './file-path.ts';
export { encodeArguments } from './encode-arguments.ts';
export { serializeError } from './error-data.ts';
export { registerResolver } from './resolver.ts';
export { type CallOutcome, runCall } from './run-call.ts';
export { type CallSurroundings, enterSurroundings } from './surroundings.ts';
export { registerTask } from './task-registry.ts';
