/** Executors in the words of MolExp: thin faces over the engine. */
export { type BackendTask, BaseBackend, type TaskBackend } from './base-backend.ts';
export { type ExecuteOptions, Executor, type ExecutorStatus } from './executor.ts';
export {
  type Checkpoint,
  type ExecutionProgress,
  type TaskResults,
  TimeoutError,
  WorkflowExecutionError,
} from './executor-errors.ts';
export type {
  ExecutorOptions,
  ExecutorResources,
  ExecutorSettings,
  RecoveryStrategy,
  ResourceConstraints,
  RetryPolicyOptions,
} from './executor-options.ts';
export { Experiment as TaskExperiment, type ExperimentOfTasksOptions } from './experiment.ts';
export { type ExecutionSummary, ExperimentExecutor, type FailedTask } from './experiment-executor.ts';
export type { PerformanceStats, Spans, TaskUsage } from './performance-stats.ts';
export type { ExecutionPlugin, ExecutorNotice } from './plugins.ts';
export { ResourceManager, type ResourceManagerOptions } from './resource-manager.ts';
export {
  type AnyTaskOptions,
  type CommandRecord,
  type FunctionTaskOptions,
  LocalTask,
  ShellTask,
  type ShellTaskOptions,
  type ShellTaskResult,
  Task,
} from './task.ts';
export {
  ClusterBackend,
  type ClusterBackendOptions,
  LocalBackend,
  type LocalBackendOptions,
  RemoteBackend,
  type RemoteBackendOptions,
  type TargetChoice,
} from './target-choice.ts';
export { TaskGraph } from './task-graph.ts';
export { TaskPool } from './task-pool.ts';
export type { ExecutionState } from './task-states.ts';
export { TaskStatus } from './task-status.ts';
export { type WorkflowExecutorOptions, WorkflowExecutor } from './workflow-executor.ts';
