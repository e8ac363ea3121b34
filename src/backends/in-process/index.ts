export { InProcessCalls, type MakeCall } from './in-process-calls.ts';
