/** The public API, by name. Nothing else of the package is public, except the documented subpath exports. */
export { type CommandsOptions, commandsBackend } from './backends/commands/index.ts';
export { type CallCommand, type CallCommandOptions, functionCallToCommand, readCallResult } from './calls/index.ts';
export { type InlineOptions, inlineBackend } from './backends/inline/index.ts';
export type { Counts, Explanation, JobView, RetryChanges, RunSettings, RunView } from './engine/index.ts';
export {
  Engine,
  type EngineOpenOptions,
  type EventsOptions,
  type FailedJob,
  type GraphSource,
  type LogChunk,
  type LogsOptions,
  type RunControl,
  RunHandle,
  type RunningJob,
  type RunOptions,
} from './jobs/index.ts';
export {
  type Backend,
  type Detail,
  type EngineEvent,
  ERROR_CODES,
  type ErrorCode,
  type FailurePolicy,
  type FileValue,
  type Graph,
  GraphBuilder,
  HeddleError,
  type Json,
  type Logger,
  type Outcome,
  type Place,
  type ResourceRequest,
  type RunRow,
  type Status,
  type Store,
} from './model/index.ts';
export {
  command,
  type CommandOptions,
  file,
  graph,
  input,
  isWorkflow,
  json,
  noop,
  project,
  raw,
  sh,
  task,
  type TaskOptions,
  text,
  wait,
  workflow,
  type Workflow,
} from './workflow/index.ts';
