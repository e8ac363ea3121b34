export {
  checkTarget,
  inspectTarget,
  previewTarget,
  runAgent,
  targetBackends,
  type TargetFinding,
  type TargetInput,
  targetSettings,
  type TargetSettings,
  type TaskKind,
  type TaskScript,
} from './targets/index.ts';
export { attemptDirectories } from './attempt-directory.ts';
export {
  type AcceptedJob,
  acceptResults,
  type CacheExplanation,
  explainCache,
  mayReuse,
  type PlannedJob,
  planGraph,
  reusedFrom,
} from './cache/index.ts';
export { type AnyJob, Jobs } from './collection.ts';
export type { Arg, Args, ResultOf, ValueOf } from './argument.ts';
export {
  afterClock,
  afterTimepoint,
  afterWeekday,
  allOf,
  anyOf,
  beforeClock,
  beforeTimepoint,
  beforeWeekday,
  betweenClock,
  betweenTimepoint,
  betweenWeekday,
} from './condition-helpers.ts';
export {
  AfterAnother,
  AfterClock,
  AfterOthers,
  type AfterOthersOptions,
  AfterTimepoint,
  AfterWeekday,
  AllSatisfied,
  type AnyCondition,
  AnySatisfied,
  BeforeClock,
  BeforeTimepoint,
  BeforeWeekday,
  Condition,
  type JobReference,
  type ZoneOptions,
} from './conditions.ts';
export { Engine, type EngineWaitOptions, type GraphSource, type RunOptions } from './engine.ts';
export type { EngineOpenOptions, EngineSettings } from './engine-options.ts';
export type { EngineResources, TaskLimits } from './engine-resources.ts';
export {
  type CommandLauncher,
  type CommandLauncherOptions,
  launcher,
  type Launcher,
  type LauncherBackend,
  type LauncherOptions,
} from './launcher.ts';
export {
  type CommandSequence,
  commandTemplate,
  type CommandTemplate,
  type CommandTemplateOptions,
  type CommandValue,
  type TemplateInput,
} from './command-template.ts';
export { Job, type WaitOptions } from './job.ts';
export { LocalJob, ProcessJob, type ProcessJobOptions, ThreadJob } from './job-classes.ts';
export type { JobCallbacks, JobOptions } from './job-options.ts';
export type { JobWork } from './job-state.ts';
export {
  LOG_LEVELS,
  type LogLevel,
  type LogRecord,
  type LogSink,
  type LogSinkOptions,
  LogSinks,
} from './log-sinks.ts';
export { type CommandEnd, SubprocessJob, type SubprocessJobOptions } from './subprocess-job.ts';
export { TaskExecutionError, type TaskFailure } from './task-error.ts';
export type { TimepointInput } from './time-input.ts';
export { clean, CLEANED_FILE, type CleanReport, DEFAULT_RULES, ReadLease } from './retention/index.ts';
export { openStoreAt, openStoreForReading } from './open-store.ts';
// What the facades of workflow/ build on, which imports no room below this one but the model and the calls.
export { customBackend, type CustomBackendOptions, type CustomTask } from '../backends/custom/index.ts';
export { type AddFileOptions, FileReference, FileStore, type FileStoreOptions, type TextMode } from '../files/index.ts';
export { systemClock } from '../process/index.ts';
export { MemoryStore } from '../store/index.ts';
export { withBuiltIn } from './engine-options.ts';
export { ResourceLimitError, type ResourceLimit } from './resource-limit-error.ts';
export { failureOfTask } from './task-error.ts';
export { connectControl } from './owner-client.ts';
export { jobNotFound, type RunControl, type RunningJob } from './run-control.ts';
export type { EventsOptions } from './run-events.ts';
export type { LogChunk, LogsOptions } from './run-logs.ts';
export { resolveResult } from './run-result.ts';
export { type FailedJob, RunHandle } from './run-handle.ts';
export { redactorForReading } from './secrets/index.ts';
