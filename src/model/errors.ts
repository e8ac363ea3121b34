/**
 * Every code there is, with what it means to the outside: exit status of the command line, HTTP status,
 * and whether trying again can help. The names are public API: never renamed, only added.
 * `docs/reference/errors.md` has one entry each.
 */
export const ERROR_CODES = {
  TASK_FAILED: { exit: 1, http: 200, retryable: true },
  WORKFLOW_FAILED: { exit: 1, http: 200, retryable: true },
  EXECUTION_TIMEOUT: { exit: 1, http: 200, retryable: true },
  RESOURCE_LIMIT: { exit: 2, http: 422, retryable: false },
  JOB_CANCELLED: { exit: 1, http: 200, retryable: false },
  INPUT_INVALID: { exit: 2, http: 422, retryable: false },
  GRAPH_CYCLE: { exit: 2, http: 422, retryable: false },
  GRAPH_DUPLICATE: { exit: 2, http: 422, retryable: false },
  GRAPH_UNKNOWN_NODE: { exit: 2, http: 422, retryable: false },
  GRAPH_INVALID: { exit: 2, http: 422, retryable: false },
  TRACE_INVALID: { exit: 2, http: 422, retryable: false },
  CONFIG_INVALID: { exit: 2, http: 422, retryable: false },
  PARAMETER_INVALID: { exit: 2, http: 422, retryable: false },
  TEMPLATE_INVALID: { exit: 2, http: 422, retryable: false },
  PUBLISH_CONFLICT: { exit: 1, http: 409, retryable: false },
  PLACEHOLDER_USED: { exit: 2, http: 422, retryable: false },
  RESOURCES_IMPOSSIBLE: { exit: 2, http: 422, retryable: false },
  SECRET_MISSING: { exit: 2, http: 422, retryable: false },
  BACKEND_UNKNOWN: { exit: 2, http: 422, retryable: false },
  CODE_CHANGED: { exit: 2, http: 409, retryable: false },
  NODE_TOO_OLD: { exit: 2, http: 500, retryable: false },
  RUN_NOT_FOUND: { exit: 3, http: 404, retryable: false },
  JOB_NOT_FOUND: { exit: 3, http: 404, retryable: false },
  FILE_NOT_FOUND: { exit: 3, http: 404, retryable: false },
  ITEM_NOT_FOUND: { exit: 3, http: 404, retryable: false },
  ITEM_DUPLICATE: { exit: 2, http: 409, retryable: false },
  SCOPE_INVALID: { exit: 2, http: 409, retryable: false },
  STREAM_ENDED: { exit: 2, http: 409, retryable: false },
  STATE_CONFLICT: { exit: 2, http: 409, retryable: false },
  RUN_OWNED: { exit: 4, http: 409, retryable: true },
  RUN_NOT_OWNED: { exit: 4, http: 409, retryable: false },
  STORE_FULL: { exit: 4, http: 507, retryable: true },
  STORE_BUSY: { exit: 4, http: 503, retryable: true },
  STORE_IO: { exit: 4, http: 500, retryable: false },
  STORE_UNCERTAIN: { exit: 4, http: 500, retryable: false },
  STORE_NEWER: { exit: 4, http: 500, retryable: false },
  STORE_CORRUPT: { exit: 4, http: 500, retryable: false },
  STORE_LOCKED: { exit: 4, http: 409, retryable: true },
  STORE_UNAVAILABLE: { exit: 4, http: 503, retryable: true },
  BACKEND_UNAVAILABLE: { exit: 4, http: 503, retryable: true },
  RUNTIME_MISSING: { exit: 4, http: 503, retryable: false },
  BACKEND_BROKEN: { exit: 4, http: 500, retryable: false },
  CONTAINER_FAILED: { exit: 1, http: 422, retryable: false },
  IMAGE_UNAVAILABLE: { exit: 4, http: 503, retryable: true },
  ENGINE_CLOSED: { exit: 4, http: 409, retryable: false },
  ENGINE_BROKEN: { exit: 4, http: 500, retryable: false },
  NESTED_ENGINE: { exit: 2, http: 500, retryable: false },
  OUTSIDE_CALL: { exit: 2, http: 500, retryable: false },
  MODULE_NOT_FOUND: { exit: 1, http: 422, retryable: false },
  EXPORT_MISSING: { exit: 1, http: 422, retryable: false },
  FUNCTION_CANNOT_TRAVEL: { exit: 2, http: 422, retryable: false },
  VALUE_INVALID: { exit: 1, http: 422, retryable: false },
  VALUE_TOO_LARGE: { exit: 1, http: 413, retryable: false },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface HeddleErrorInit<Details> {
  /** What is needed to understand it, as data. */
  readonly details?: Details;
  /** What to do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

const brand = Symbol.for('heddle.error');

/** What Heddle throws, itself or a subclass. Branch on `code`, never on the message. */
export class HeddleError<Details = unknown> extends Error {
  override readonly name: string = 'HeddleError';
  readonly code: ErrorCode;
  /** Declared, not defined: an error without them is shown without them. */
  declare readonly details: Details | undefined;
  declare readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, init: HeddleErrorInit<Details> = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    if (init.details !== undefined) this.details = init.details;
    if (init.hint !== undefined) this.hint = init.hint;
  }

  static {
    Object.defineProperty(HeddleError.prototype, brand, { value: true });
  }

  /** Holds across realms and duplicate copies of the package, unlike `instanceof`. */
  static is(value: unknown): value is HeddleError {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** Takes whatever was thrown as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
