export { encodeArguments, type PlaceOf } from './encode-arguments.ts';
export { decodeValue } from '../model/index.ts';
export { encodeValue } from './encode-value.ts';
export { reviveError, serializeError } from './error-data.ts';
export { type AnyFunction, dropLocal, heldLocal, holdLocal } from './local-functions.ts';
export { referenceOfTask, registeredTask, registerTask } from './task-registry.ts';
export { registerResolver } from './resolver.ts';
