export { type CallCommandsOptions, type CallRuntime, withCallCommands } from './call-commands.ts';
