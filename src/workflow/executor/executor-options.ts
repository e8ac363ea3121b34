import { inspect } from 'node:util';
import { type EngineOpenOptions, LOG_LEVELS, type LogLevel } from '../../jobs/index.ts';
import { type Backend, checkFields, HeddleError, type Observer } from '../../model/index.ts';
import type { TaskBackend } from './base-backend.ts';
import { isTargetChoice, type TargetChoice } from './target-choice.ts';
import type { ExecutionPlugin } from './plugins.ts';

/** How often a task is tried, and how long is waited before it is tried again. */
export interface RetryPolicyOptions {
  /** The first one included. @default 1 */
  readonly maxAttempts?: number;
  /** Before attempt n + 1: `initialDelay * backoffFactor ** (n - 1)`. @default 2 */
  readonly backoffFactor?: number;
  /** Seconds before the second attempt. @default 1 */
  readonly initialDelay?: number;
}

/** What any one task may ask for at most. */
export interface ResourceConstraints {
  readonly maxCpuPerTask?: number;
  /** In units of 1,000,000,000 bytes. */
  readonly maxMemoryPerTaskGb?: number;
}

/** Somebody who knows what there is: it says how the engine is to be opened. */
export interface ExecutorResources {
  engineOptions(): EngineOpenOptions;
}

/** What becomes of an execution in which tasks failed. */
export type RecoveryStrategy =
  /** What can finish finishes; what failed stays failed. The default. */
  | 'ignore'
  /** Failed tasks run again, and what depends on them; what is completed does not. */
  | 'restartFailed'
  /** All of it runs again, from scratch. */
  | 'restartAll';

/** Times are in seconds, as in MolExp. */
export interface ExecutorOptions {
  /** Tasks at a time. @default what the machine has */
  readonly maxWorkers?: number;
  /** `auto`: parallel where more than one task could run at a time. @default 'auto' */
  readonly executionMode?: 'sequential' | 'parallel' | 'auto';
  /** How long an execution may take, its recoveries included. @default for ever */
  readonly timeout?: number;
  /** What a worker may hold, in units of 1,000,000 bytes. @default no limit */
  readonly memoryLimitMb?: number;
  readonly retryPolicy?: RetryPolicyOptions;
  /** A backend by name (`'processes'`), one of heddle's, a target (`new ClusterBackend(...)`), or anything that has `executeTask`. @default functions in threads, commands as processes */
  readonly backend?: string | Backend | TaskBackend | TargetChoice;
  /** Who measures: `new ExecutionMonitor()`. */
  readonly monitor?: Observer;
  /** Called in this order. */
  readonly plugins?: readonly ExecutionPlugin[];
  /** How long a plugin may take before the task goes on without it. @default 10 */
  readonly pluginTimeout?: number;
  readonly recoveryStrategy?: RecoveryStrategy;
  /** @default 3 */
  readonly maxRecoveryAttempts?: number;
  /** Before each recovery. @default 0 */
  readonly recoveryDelay?: number;
  /** From this part of completed tasks on, 0 to 1, what there is is returned instead of throwing. @default 1 */
  readonly partialResultsThreshold?: number;
  readonly resourceManager?: ExecutorResources;
  readonly resourceConstraints?: ResourceConstraints;
  /** A directory in which what runs survives this process. @default in memory */
  readonly store?: string;
}

/** What can be changed while it goes. */
export interface ExecutorSettings {
  /** Whether the `monitor` looks. @default true, where there is one */
  readonly enableMonitoring?: boolean;
  /** What the engine has to say goes to standard error, from this level on. @default nothing */
  readonly logLevel?: LogLevel | Uppercase<LogLevel>;
  /** A checkpoint each so many finished tasks. @default 100 */
  readonly checkpointInterval?: number;
  /** Whether `getPerformanceStats` tells what tasks used. @default false */
  readonly resourceMonitoring?: boolean;
}

/** Says whether a value will do. */
interface Rule {
  readonly fits: (value: unknown) => boolean;
  readonly range: string;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const numberFrom = (min: number, unit = ''): Rule => ({
  fits: (value) => isNumber(value) && value >= min,
  range: `give a number${unit}, ${min} or more`,
});
const above0 = (unit = ''): Rule => ({
  fits: (value) => isNumber(value) && value > 0,
  range: `give a number${unit} above 0`,
});
const wholeFrom = (min: number): Rule => ({
  fits: (value) => Number.isSafeInteger(value) && (value as number) >= min,
  range: `give a whole number, ${min} or more`,
});
const oneOf = (...words: readonly string[]): Rule => ({
  fits: (value) => words.includes(value as string),
  range: `choose ${words.map((word) => `'${word}'`).join(', ')}`,
});
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const having = (member: string, hint: string): Rule => ({
  fits: (value) => isObject(value) && typeof (value as Record<string, unknown>)[member] === 'function',
  range: hint,
});
const object: Rule = { fits: isObject, range: 'give an object' };
const flag: Rule = { fits: (value) => typeof value === 'boolean', range: 'give true or false' };

const RULES: Readonly<Record<keyof ExecutorOptions, Rule>> = {
  maxWorkers: wholeFrom(1),
  executionMode: oneOf('sequential', 'parallel', 'auto'),
  timeout: above0(' of seconds'),
  memoryLimitMb: above0(),
  retryPolicy: object,
  backend: {
    fits: (value) =>
      (typeof value === 'string' && value !== '') ||
      (isObject(value) && ('executeTask' in value || 'launch' in value || isTargetChoice(value))),
    range: "give a backend's name, a backend, or an object with executeTask(task, signal)",
  },
  monitor: having('observe', 'give a monitor: new ExecutionMonitor()'),
  plugins: {
    fits: (value) => Array.isArray(value) && value.every(isObject),
    range: 'give a list of plugins: [{ beforeTaskExecution(task) { ... } }]',
  },
  pluginTimeout: above0(' of seconds'),
  recoveryStrategy: oneOf('ignore', 'restartFailed', 'restartAll'),
  maxRecoveryAttempts: wholeFrom(0),
  recoveryDelay: numberFrom(0, ' of seconds'),
  partialResultsThreshold: {
    fits: (value) => isNumber(value) && value >= 0 && value <= 1,
    range: 'give a number between 0 and 1',
  },
  resourceManager: having('engineOptions', 'give one: new ResourceManager({ ... })'),
  resourceConstraints: object,
  store: { fits: (value) => typeof value === 'string' && value !== '', range: 'give a directory' },
};

const RETRY_RULES: Readonly<Record<keyof RetryPolicyOptions, Rule>> = {
  maxAttempts: wholeFrom(1),
  backoffFactor: numberFrom(1),
  initialDelay: numberFrom(0, ' of seconds'),
};

const CONSTRAINT_RULES: Readonly<Record<keyof ResourceConstraints, Rule>> = {
  maxCpuPerTask: above0(),
  maxMemoryPerTaskGb: above0(),
};

const SETTING_RULES: Readonly<Record<keyof ExecutorSettings, Rule>> = {
  enableMonitoring: flag,
  logLevel: {
    fits: (value) => typeof value === 'string' && LOG_LEVELS.includes(value.toLowerCase() as LogLevel),
    range: `choose ${LOG_LEVELS.map((level) => `'${level}'`).join(', ')}`,
  },
  checkpointInterval: wholeFrom(1),
  resourceMonitoring: flag,
};

/** @throws {HeddleError} INPUT_INVALID naming the option and its range */
export function checkExecutorOptions(options: ExecutorOptions): void {
  check(options, RULES, 'Executor');
  check(options.retryPolicy ?? {}, RETRY_RULES, 'Executor: retryPolicy');
  check(options.resourceConstraints ?? {}, CONSTRAINT_RULES, 'Executor: resourceConstraints');
}

/** @throws {HeddleError} INPUT_INVALID naming the option and its range */
export function checkSettings(settings: ExecutorSettings): void {
  check(settings, SETTING_RULES, 'executor.configure');
}

function check(given: object, rules: Readonly<Record<string, Rule>>, whose: string): void {
  checkFields(given, Object.keys(rules), whose);
  for (const [name, value] of Object.entries(given)) {
    const rule = rules[name] as Rule;
    if (value === undefined || rule.fits(value)) continue;
    throw new HeddleError('INPUT_INVALID', `${whose}: ${name} can't be ${inspect(value, { depth: 0 })}`, {
      details: { option: name, value },
      hint: rule.range,
    });
  }
}
