export { type CommandsOptions, commandsBackend } from './commands-backend.ts';
