/** The second face of this room, for what is loaded into every worker: what is written at the top of a module. */
export { noop, wait } from './builtin.ts';
export { app } from './middleware/app.ts';
export { command } from './command.ts';
export { file, json, text } from './output.ts';
export { project, raw, sh } from './shell.ts';
export { task } from './task.ts';
export { graph, input, isWorkflow, workflow } from './workflow.ts';
