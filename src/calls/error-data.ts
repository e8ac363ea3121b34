import { types } from 'node:util';
import { ERROR_CODES, type ErrorCode, HeddleError, type SerializedError } from '../model/lane-face.ts';

/** Causes of causes that are kept. */
const MAX_CAUSES = 8;
/** Errors of an `AggregateError` that are kept. */
const MAX_ERRORS = 32;
const MAX_MESSAGE = 16 * 1024;
const MAX_STACK = 16 * 1024;
const MAX_NAME = 200;

/** Writes whatever was thrown as data. Never throws, whatever getters and proxies do; long texts are cut. */
export function serializeError(thrown: unknown): SerializedError {
  return serialize(thrown, 0);
}

function serialize(thrown: unknown, depth: number): SerializedError {
  if (!isErrorLike(thrown)) return { name: 'Error', message: cut(textOf(thrown), MAX_MESSAGE) };
  const message = read(thrown, 'message');
  const code = read(thrown, 'code');
  const hint = read(thrown, 'hint');
  const stack = read(thrown, 'stack');
  return {
    name: nameOf(thrown),
    message: cut(typeof message === 'string' ? message : textOf(message), MAX_MESSAGE),
    ...(typeof code === 'string' ? { code: cut(code, MAX_NAME) } : {}),
    ...(typeof hint === 'string' ? { hint: cut(hint, MAX_MESSAGE) } : {}),
    ...(typeof stack === 'string' ? { stack: cut(stack, MAX_STACK) } : {}),
    ...causeOf(thrown, depth),
    ...errorsOf(thrown, depth),
  };
}

/** An error, of this realm or another, or what was made to look like one. */
function isErrorLike(thrown: unknown): thrown is object {
  if (typeof thrown !== 'object' || thrown === null) return false;
  if (types.isNativeError(thrown)) return true;
  try {
    return (
      thrown instanceof Error ||
      (typeof read(thrown, 'message') === 'string' && typeof read(thrown, 'name') === 'string')
    );
  } catch {
    return false;
  }
}

/** A property, or undefined when reading it throws. */
function read(from: object, key: string): unknown {
  try {
    return (from as Readonly<Record<string, unknown>>)[key];
  } catch {
    return undefined;
  }
}

function nameOf(thrown: object): string {
  const name = read(thrown, 'name');
  return typeof name === 'string' && name !== '' ? cut(name, MAX_NAME) : 'Error';
}

function causeOf(thrown: object, depth: number): { readonly cause?: SerializedError } {
  const cause = read(thrown, 'cause');
  if (cause === undefined || depth >= MAX_CAUSES) return {};
  return { cause: serialize(cause, depth + 1) };
}

function errorsOf(thrown: object, depth: number): { readonly errors?: readonly SerializedError[] } {
  if (nameOf(thrown) !== 'AggregateError') return {};
  const errors = read(thrown, 'errors');
  if (!Array.isArray(errors) || depth >= MAX_CAUSES) return {};
  // Each level may have as many again: those below the first are told of by fewer.
  const kept = depth === 0 ? MAX_ERRORS : 4;
  return { errors: errors.slice(0, kept).map((error: unknown) => serialize(error, depth + 1)) };
}

/** Says what something is that is no error: text as it stands, data as JSON. */
function textOf(value: unknown): string {
  try {
    if (typeof value === 'string') return value;
    if (typeof value === 'object' && value !== null)
      return JSON.stringify(value) ?? Object.prototype.toString.call(value);
    return String(value);
  } catch {
    return "something was thrown that can't be written down";
  }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}... (${text.length - length} more characters)`;
}

const BUILT_IN: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};

/** Names only `DOMException` has; Node's own errors of these names have a code. */
const DOM_NAMES: ReadonlySet<string> = new Set(['AbortError', 'TimeoutError', 'DataCloneError', 'InvalidStateError']);

/** Makes an error again: of its own class where JavaScript has it, with name, message, code, stack and cause as they were. */
export function reviveError(data: SerializedError): Error {
  const error = construct(data);
  // The stack tells of where it was thrown, not of here.
  define(error, 'stack', data.stack ?? `${data.name}: ${data.message}`);
  if (error.name !== data.name) define(error, 'name', data.name);
  if (data.code !== undefined && (error as { readonly code?: unknown }).code !== data.code) {
    Object.defineProperty(error, 'code', { value: data.code, writable: true, configurable: true, enumerable: true });
  }
  return error;
}

function construct({ name, message, code, hint, cause, errors }: SerializedError): Error {
  const options = cause === undefined ? {} : { cause: reviveError(cause) };
  // Node has codes of the same spelling, and other names.
  if (name === 'HeddleError' && code !== undefined && Object.hasOwn(ERROR_CODES, code)) {
    return new HeddleError(code as ErrorCode, message, { ...options, ...(hint === undefined ? {} : { hint }) });
  }
  if (name === 'AggregateError') return new AggregateError((errors ?? []).map(reviveError), message, options);
  if (DOM_NAMES.has(name) && code === undefined) return new DOMException(message, { name, ...options });
  const Class = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  return new (Class ?? Error)(message, options);
}

function define(error: Error, key: 'stack' | 'name', value: string): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}
