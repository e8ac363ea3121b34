export { CommandQueue } from './command-queue.ts';
export {
  type CallDescription,
  type CallItemOptions,
  type CommandDescription,
  type CommandResult,
  executable,
  type ExecutableOptions,
  functionCall,
  type ItemDescription,
  type ItemRequirements,
} from './description.ts';
export { dispatch, type Dispatch } from './dispatch.ts';
export { ItemEditor, ItemPart, ItemView } from './item.ts';
export { manageExecution, type ManagedExecutor } from './manage-execution.ts';
export { type Answer, type Command, decodeMessage, encodeMessage, QueueItem, type QueueMessage } from './messages.ts';
export {
  type ExecutorFactory,
  localExecutor,
  type RuntimeConfiguration,
  RuntimeManager,
  type Runner,
} from './runtime-manager.ts';
export { getScope, scope } from './scope.ts';
export { AbstractWorkflowUpdater, EngineUpdater, type EngineUpdaterOptions } from './updater.ts';
export { type AddItemListener, WorkflowManager, type WorkflowManagerOptions } from './workflow-manager.ts';
export { app, type App } from './app.ts';
export { baseParser, type CommonOptions, makeParser } from './parsers.ts';
export { type BackendModule, type BackendParameters, run } from './run-backend.ts';
