export * from './builtin.ts';
export { command, type CommandOptions, type CommandTask } from './command.ts';
export type { AnyHandle, CallHandle, Handle, HandleMembers } from './handle.ts';
export {
  file,
  type FileOptions,
  json,
  type Output,
  type OutputOptions,
  type Outputs,
  type PublishPath,
  RESERVED_PATHS,
  text,
} from './output.ts';
export * from './parameters.ts';
export type { Part, Placeholder, Symbolic } from './placeholder.ts';
export type { PolicyOptions, ResourcesInput, RetryInput, TimeoutsInput } from './policy.ts';
export { type Interpolation, project, raw, sh, type ShellCommand } from './shell.ts';
export { type CallTask, type SymbolicArguments, task, type TaskOptions, type TaskResult } from './task.ts';
export * from './workflow.ts';
export * from './fingerprint.ts';
export * from './graph-json.ts';
export { type GraphFormat, renderGraph } from './render-graph.ts';
