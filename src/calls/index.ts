export { type CallCommand, type CallCommandOptions, functionCallToCommand, ownHeddle } from './call-command.ts';
export { execCall } from './exec-call.ts';
export { closureOfModules, type ModuleClosure } from './module-closure.ts';
export {
  type CallFile,
  readCallResult,
  type ResultFile,
  type ResultContent,
  writeWhole,
} from './call-file.ts';
export { type Described, describeFunction, referenceTo } from './describe-function.ts';
export { encodeArguments, type PlaceOf } from './encode-arguments.ts';
export { decodeValue } from '../model/index.ts';
export { encodeValue } from './encode-value.ts';
export { reviveError, serializeError } from './error-data.ts';
export { type AnyFunction, dropLocal, heldLocal, holdLocal } from './local-functions.ts';
export { registerTask } from './task-registry.ts';
export { registerResolver } from './resolver.ts';
export { whyNoWait } from './builtin.ts';
export {
  type AttemptContext,
  attemptContext,
  CallContext,
  type ContextFacts,
  currentCall,
  isInsideLane,
} from './context.ts';
export { filePath } from './file-path.ts';
export { type LoadOptions, loadFunction } from './load.ts';
export { type Call, type CallOptions, type CallOutcome, runCall } from './run-call.ts';
export { type CallCode, callCode, codeOf, codeOfModules, moduleCode } from './module-code.ts';
export { calledModules, portableGraph, portableReference } from './portable.ts';
