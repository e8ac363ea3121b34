export { branch, type Branches, type BranchOptions, type Case, choose, when } from './branch.ts';
export * from './builtin.ts';
export { command, type CommandOptions, type CommandTask } from './command.ts';
export type { Concrete, Skippable } from './concrete.ts';
export * from './executor/index.ts';
export * from './experiments/index.ts';
export type { AnyHandle, CallHandle, Handle, HandleMembers } from './handle.ts';
export {
  file,
  type FileOptions,
  json,
  type Output,
  type OutputOptions,
  type Outputs,
  pathOf,
  type PathTemplate,
  type PublishPath,
  RESERVED_PATHS,
  text,
} from './output.ts';
export { loop, type LoopOptions } from './loop.ts';
export { map, type MapOptions, type Settled, type SettledError } from './map.ts';
export * from './parameters.ts';
export type { Part, Placeholder, Symbolic } from './placeholder.ts';
export type { PolicyOptions, ResourcesInput, RetryInput, TimeoutsInput } from './policy.ts';
export { type Interpolation, project, raw, sh, type ShellCommand } from './shell.ts';
export { gather, parallel, scatter, seq, type Step, type Steps } from './steps.ts';
export { type CallTask, type SymbolicArguments, task, type TaskOptions, type TaskResult } from './task.ts';
export { type Comparison, every, is, not, some, type TestInput, type ValueTest } from './tests.ts';
export * from './workflow.ts';
export * from './fingerprint.ts';
export * from './graph-json.ts';
export { type GraphFormat, graphSize, renderGraph, type StateOf } from './render-graph.ts';
export { loadYaml, workflowFromYaml, type YamlOptions, yamlSchema, type YamlWorkflow } from './yaml/index.ts';
export * from './middleware/index.ts';
