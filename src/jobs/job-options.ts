import { inspect } from 'node:util';
import {
  checkFields,
  type Definition,
  definitionOf,
  type EnvironmentInput,
  type DurationInput,
  HeddleError,
  type ResourcesInput,
  type RetryInput,
  type TimeoutsInput,
} from '../model/index.ts';
import type { AnyCondition } from './conditions.ts';
import type { Job } from './job.ts';

/** Called with what became of a job. What it throws or rejects with is logged, and changes nothing. */
export interface JobCallbacks<Value> {
  /** Once, with the value. Again after a rerun. */
  readonly onDone?: (value: Value, job: Job<unknown>) => unknown;
  /** Once, when the job has failed for good: with what its body threw, else with the job's `TaskExecutionError`. */
  readonly onFailed?: (error: Error, job: Job<unknown>) => unknown;
  readonly onCancelled?: (job: Job<unknown>) => unknown;
  /** For each attempt that did not end well, the last one too. */
  readonly onAttemptFailed?: (error: Error, job: Job<unknown>) => unknown;
}

/** How a job is treated. */
export interface JobOptions<Value = unknown> extends JobCallbacks<Value> {
  /** A label; ids begin with it. @default the function's name, the command's first word */
  readonly name?: string;
  /** A gate before it may start, besides the values it needs. */
  readonly condition?: AnyCondition;
  /** So many further attempts, at once; or a policy. @default 0 */
  readonly retries?: number | RetryInput;
  /** A span of time is the run timeout: `'10m'`, or milliseconds. */
  readonly timeout?: DurationInput | TimeoutsInput;
  /** Between asking it to end and ending it by force. @default '10s' */
  readonly grace?: DurationInput;
  /** Larger first. @default 0 */
  readonly priority?: number;
  readonly resources?: ResourcesInput;
  /** Variables; a secret by reference: `secret.env('TOKEN')`. */
  readonly environment?: EnvironmentInput;
  /** `true`: what it writes goes to `stdout` and `stderr` in its directory; a path: both to that file, in order. */
  readonly redirect?: true | string;
  /** False: a durable engine takes its function though it can't travel; after a crash the job is failed (lost). @default true */
  readonly resumable?: boolean;
  /** The caller's own words about it; the engine does not look at them. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
}

/** Fields of `JobOptions`. */
export const JOB_FIELDS: readonly string[] = [
  'name',
  'condition',
  'retries',
  'timeout',
  'grace',
  'priority',
  'resources',
  'environment',
  'redirect',
  'resumable',
  'metadata',
  'tags',
  'onDone',
  'onFailed',
  'onCancelled',
  'onAttemptFailed',
];

const CALLBACKS = ['onDone', 'onFailed', 'onCancelled', 'onAttemptFailed'] as const;

/** Refuses what nobody would read, or could use. @throws {HeddleError} INPUT_INVALID */
export function checkOptions(options: JobOptions<never>, known: readonly string[], name: string): void {
  checkFields(options, known, `options of job '${name}'`);
  const { redirect, condition } = options;
  if (condition !== undefined && typeof condition?.toData !== 'function')
    throw unfit(
      name,
      'condition',
      condition,
      'give one: new AfterAnother(job), allOf(...), or a class that extends Condition',
    );
  if (redirect !== undefined && typeof redirect !== 'boolean' && (typeof redirect !== 'string' || redirect === ''))
    throw unfit(name, 'redirect', redirect, "give a path, or true for files in the job's directory");
  for (const key of CALLBACKS) {
    const callback: unknown = options[key];
    if (callback !== undefined && typeof callback !== 'function') throw unfit(name, key, callback, 'give a function');
  }
}

function unfit(name: string, option: string, value: unknown, hint: string): HeddleError {
  const told = inspect(value, { depth: 0 });
  return new HeddleError('INPUT_INVALID', `options of job '${name}': ${option} can't be ${told}`, { hint });
}

/**
 * The definition of a job without its condition, and under the name of what it runs: jobs alike share one.
 *
 * @throws {HeddleError} INPUT_INVALID, RESOURCES_IMPOSSIBLE
 */
export function jobDefinition(
  options: JobOptions<never>,
  work: { readonly task: string; readonly kind: Definition['kind']; readonly backend: string },
): Definition {
  const { timeout, grace, priority, resources, environment } = options;
  return definitionOf(work.task, work.kind, {
    backend: work.backend,
    ...retryOf(options, work),
    ...(timeout === undefined ? {} : { timeout }),
    ...(grace === undefined ? {} : { grace }),
    ...(priority === undefined ? {} : { priority }),
    ...(resources === undefined ? {} : { resources }),
    ...(environment === undefined ? {} : { environment }),
  });
}

/** Whether a definition made from these options is that of any job of the kind. */
export function hasPolicies(options: JobOptions<never>): boolean {
  const { retries, timeout, grace, priority, resources, environment } = options;
  return (
    retries !== undefined ||
    timeout !== undefined ||
    grace !== undefined ||
    priority !== undefined ||
    resources !== undefined ||
    environment !== undefined
  );
}

/** What is in the memory of one process alone is lost with that, and not to be found in another. */
function retryOf(
  { retries, resumable }: JobOptions<never>,
  { task, backend }: { readonly task: string; readonly backend: string },
): { readonly retry?: RetryInput } {
  const retry = retries === undefined ? undefined : retryInput(retries, task);
  if (resumable === false && backend === 'inline') return { retry: { maxLosses: 0, ...retry } };
  return retry === undefined ? {} : { retry };
}

function retryInput(retries: number | RetryInput, task: string): RetryInput {
  if (typeof retries === 'object') return retries;
  if (Number.isSafeInteger(retries) && retries >= 0) return { maxAttempts: retries + 1, backoffFactor: 1 };
  throw new HeddleError('INPUT_INVALID', `retries of '${task}': can't be ${String(retries)}`, {
    hint: 'give a whole number, 0 or more, or a policy: { maxAttempts: 3, initialDelay: "1s" }',
  });
}

/** Attempts a job has. */
export function maxAttemptsOf({ retries }: JobOptions<never>): number {
  if (retries === undefined) return 1;
  return typeof retries === 'number' ? retries + 1 : (retries.maxAttempts ?? 1);
}
