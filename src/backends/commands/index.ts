export { commandsBackend } from './commands-backend.ts';
export type { CommandsOptions } from './machinery.ts';
