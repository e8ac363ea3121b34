export type * from './api.ts';
export { EngineShell } from './shell.ts';
