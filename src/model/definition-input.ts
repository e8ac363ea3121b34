import type { Condition } from './condition.ts';
import { type ContainerInput, containerSpec } from './container.ts';
import { HeddleError } from './errors.ts';
import { nearestName } from './graph-names.ts';
import { DEFAULT_GRACE_MS, DEFAULT_RETRY, type Escalation, type RetryPolicy, type Timeouts } from './policy.ts';
import type { ResourceRequest } from './resources.ts';
import { type SchedulingOptions, schedulingOptions } from './scheduling.ts';
import { type EnvironmentInput, environmentData, Secret } from './secret.ts';
import { type BytesInput, type DurationInput, parseBytes, parseDuration } from './sizes.ts';
import type { Definition } from './task.ts';

/** What a task needs while it runs. */
export interface ResourcesInput {
  /** @default 1 */
  readonly cpus?: number;
  /** `'8GiB'`, or bytes. */
  readonly memory?: BytesInput;
  readonly disk?: BytesInput;
  /** Whole devices, or a part of one: those who ask for `0.5` share it. */
  readonly gpus?: number;
  /** Expected or allowed run time: `'2h'`, or milliseconds. */
  readonly time?: DurationInput;
  /** Licences and the like, by name. */
  readonly tokens?: Readonly<Record<string, number>>;
  /** Machines it spans, on a batch system. @default 1 */
  readonly nodes?: number;
  /** Processes that are launched together (MPI); `cpus` and `gpus` are then those of each. @default 1 */
  readonly ranks?: number;
}

/** How often a task may be tried again. */
export interface RetryInput {
  /** @default 1 */
  readonly maxAttempts?: number;
  readonly initialDelay?: DurationInput;
  /** @default 2 */
  readonly backoffFactor?: number;
  readonly maxDelay?: DurationInput;
  /** Part of the wait that is drawn by chance, 0 to 1. */
  readonly jitter?: number;
  /** Causes and error codes; all when absent. */
  readonly retryOn?: RetryPolicy['retryOn'];
  /** @default 5 */
  readonly maxLosses?: number;
  /** What an attempt after one that ran out of it asks more of. */
  readonly escalate?: EscalateInput;
}

/**
 * After an attempt ran out of memory, or of the time it may run, the next one asks for so many times as much of that, and of
 * nothing else. What is multiplied must be there: `resources.memory`; `resources.time` or a run timeout.
 */
export interface EscalateInput {
  /** Times the memory, above 1. */
  readonly memory?: number;
  /** Times the time, above 1. */
  readonly time?: number;
  /** Never more than this. @default what the largest place has */
  readonly maxMemory?: BytesInput;
  readonly maxTime?: DurationInput;
}

export interface TimeoutsInput {
  /** From ready to granted. */
  readonly queue?: DurationInput;
  /** From granted to active. */
  readonly start?: DurationInput;
  /** From active to ended. */
  readonly run?: DurationInput;
  /** Between two signs of life. */
  readonly heartbeat?: DurationInput;
}

/** A condition as data, or one that gives itself as data. One's own condition is code, and no part of a description. */
export type ConditionInput = Condition | { toData(scope: { own(condition: unknown): string }): Condition };

/** How a task is treated. None of it is part of what the task is: results stay valid when it changes. */
export interface PolicyOptions {
  readonly resources?: ResourcesInput;
  readonly retry?: RetryInput;
  /** A span of time is the run timeout. */
  readonly timeout?: DurationInput | TimeoutsInput;
  /** Between the polite signal and the forced one. @default '10s' */
  readonly grace?: DurationInput;
  /** Larger first. @default 0 */
  readonly priority?: number;
  readonly backend?: string;
  /** A gate beside what it takes: as data, or what says itself as data: `afterClock('22:00')`. */
  readonly condition?: ConditionInput;
  /** What a batch system is told beside its resources: queue, account, qos, options of its own. */
  readonly scheduling?: SchedulingOptions;
}

export interface DefinitionOptions extends PolicyOptions {
  /** Variables, on top of the small allow-list; a secret by reference: `secret.env('TOKEN')`. */
  readonly environment?: EnvironmentInput;
  /**
   * Takes an earlier result where code, inputs, environment and image are what they were then. Only for what does
   * nothing but make its result. @default false
   */
  readonly cache?: boolean;
  /** What a command runs in: an image, or more; false: no container, whatever the target's settings say. */
  readonly container?: ContainerInput;
}

/** Refuses fields nobody reads: a policy misspelt is a policy not kept. @throws {HeddleError} INPUT_INVALID */
export function checkFields(given: object, known: readonly string[], whose: string): void {
  for (const field of Object.keys(given)) {
    if (known.includes(field)) continue;
    const nearest = nearestName(field, known);
    throw new HeddleError('INPUT_INVALID', `${whose} has no field '${field}'`, {
      details: { field, known },
      hint: nearest === undefined ? `there is ${known.join(', ')}` : `did you mean '${nearest}'?`,
    });
  }
}

function numberIn(
  field: string,
  value: number,
  limits: { readonly min: number; readonly max?: number; readonly whole?: boolean },
): number {
  const { min, max = Infinity, whole = false } = limits;
  if (
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    Number.isFinite(value) &&
    (!whole || Number.isInteger(value))
  ) {
    return value;
  }
  const kind = whole ? 'a whole number' : 'a number';
  throw new HeddleError('INPUT_INVALID', `${field}: can't be ${String(value)}`, {
    details: { field, value },
    hint: max === Infinity ? `give ${kind}, ${min} or more` : `give ${kind} between ${min} and ${max}`,
  });
}

/** A request as people write it. @throws {HeddleError} INPUT_INVALID (unreadable), RESOURCES_IMPOSSIBLE (nothing could grant it) */
export function resourceRequest(input: ResourcesInput, task: string): ResourceRequest {
  const whose = `resources of '${task}'`;
  checkFields(input, ['cpus', 'memory', 'disk', 'gpus', 'time', 'tokens', 'nodes', 'ranks'], whose);
  const { cpus = 1, memory, disk, gpus, time, tokens, nodes, ranks } = input;
  const possible = (field: string, value: number, whole: boolean): number => {
    if (typeof value === 'number' && Number.isFinite(value) && value > 0 && (!whole || Number.isInteger(value)))
      return value;
    throw new HeddleError('RESOURCES_IMPOSSIBLE', `${whose}: ${field} can't be ${String(value)}`, {
      details: { task, field, value },
      hint: whole ? 'ask for a whole number, 1 or more, or leave the field out' : 'ask for more than 0',
    });
  };
  const part = (value: number): number => {
    if (typeof value === 'number' && value > 0) return value;
    throw new HeddleError('RESOURCES_IMPOSSIBLE', `${whose}: gpus can't be ${String(value)}`, {
      details: { task, field: 'gpus', value },
      hint: 'ask for whole devices, or for a part of one between 0 and 1',
    });
  };
  return {
    cpus: possible('cpus', cpus, false),
    ...(memory === undefined ? {} : { memoryBytes: possible('memory', parseBytes(memory, `${whose}: memory`), true) }),
    ...(disk === undefined ? {} : { diskBytes: possible('disk', parseBytes(disk, `${whose}: disk`), true) }),
    ...(gpus === undefined || gpus === 0 ? {} : { gpus: gpus < 1 ? part(gpus) : possible('gpus', gpus, true) }),
    ...(time === undefined ? {} : { timeMs: possible('time', parseDuration(time, `${whose}: time`), false) }),
    ...(tokens === undefined
      ? {}
      : {
          tokens: Object.fromEntries(
            Object.entries(tokens).map(([name, count]) => [name, possible(`token '${name}'`, count, true)]),
          ),
        }),
    ...(nodes === undefined ? {} : { nodes: possible('nodes', nodes, true) }),
    ...(ranks === undefined ? {} : { ranks: possible('ranks', ranks, true) }),
  };
}

function retryPolicy(input: RetryInput, task: string): RetryPolicy {
  const whose = `retry of '${task}'`;
  checkFields(
    input,
    ['maxAttempts', 'initialDelay', 'backoffFactor', 'maxDelay', 'jitter', 'retryOn', 'maxLosses', 'escalate'],
    whose,
  );
  const { maxAttempts, initialDelay, backoffFactor, maxDelay, jitter, retryOn, maxLosses, escalate } = input;
  return {
    maxAttempts: numberIn(`${whose}: maxAttempts`, maxAttempts ?? DEFAULT_RETRY.maxAttempts, { min: 1, whole: true }),
    initialDelayMs: parseDuration(initialDelay ?? DEFAULT_RETRY.initialDelayMs, `${whose}: initialDelay`),
    backoffFactor: numberIn(`${whose}: backoffFactor`, backoffFactor ?? DEFAULT_RETRY.backoffFactor, { min: 1 }),
    maxDelayMs: parseDuration(maxDelay ?? DEFAULT_RETRY.maxDelayMs, `${whose}: maxDelay`),
    jitter: numberIn(`${whose}: jitter`, jitter ?? DEFAULT_RETRY.jitter, { min: 0, max: 1 }),
    maxLosses: numberIn(`${whose}: maxLosses`, maxLosses ?? DEFAULT_RETRY.maxLosses, { min: 0, whole: true }),
    ...(retryOn === undefined ? {} : { retryOn: [...retryOn] }),
    ...(escalate === undefined ? {} : { escalate: escalation(escalate, `escalate of '${task}'`) }),
  };
}

function escalation(input: EscalateInput, whose: string): Escalation {
  checkFields(input, ['memory', 'time', 'maxMemory', 'maxTime'], whose);
  const { memory, time, maxMemory, maxTime } = input;
  const factor = (field: string, value: number): number => numberIn(`${whose}: ${field}`, value, { min: 1 });
  return {
    ...(memory === undefined ? {} : { memory: factor('memory', memory) }),
    ...(time === undefined ? {} : { time: factor('time', time) }),
    ...(maxMemory === undefined ? {} : { maxMemoryBytes: parseBytes(maxMemory, `${whose}: maxMemory`) }),
    ...(maxTime === undefined ? {} : { maxTimeMs: parseDuration(maxTime, `${whose}: maxTime`) }),
  };
}

/** What is to be asked more of must be asked for at all. */
function refuseNothingToRaise(task: string, { resources, retry, timeouts }: Definition): void {
  const { memory, time } = retry.escalate ?? {};
  const unfit = (field: string, hint: string): HeddleError =>
    new HeddleError('INPUT_INVALID', `escalate of '${task}': there is no ${field} that could be raised`, {
      details: { task, field },
      hint,
    });
  if (memory !== undefined && resources.memoryBytes === undefined)
    throw unfit('memory', "say what the first attempt asks for: resources: { memory: '4GiB' }");
  if (time !== undefined && resources.timeMs === undefined && timeouts.runMs === undefined)
    throw unfit('time', "say what the first attempt may take: timeout: '1h'");
}

function timeouts(input: DurationInput | TimeoutsInput, task: string): Timeouts {
  const whose = `timeout of '${task}'`;
  if (typeof input !== 'object') return { runMs: parseDuration(input, whose) };
  checkFields(input, ['queue', 'start', 'run', 'heartbeat'], whose);
  const { queue, start, run, heartbeat } = input;
  return {
    ...(queue === undefined ? {} : { queueMs: parseDuration(queue, `${whose}: queue`) }),
    ...(start === undefined ? {} : { startMs: parseDuration(start, `${whose}: start`) }),
    ...(run === undefined ? {} : { runMs: parseDuration(run, `${whose}: run`) }),
    ...(heartbeat === undefined ? {} : { heartbeatMs: parseDuration(heartbeat, `${whose}: heartbeat`) }),
  };
}

/** Fields of `PolicyOptions`, for those who check theirs. */
export const POLICY_FIELDS = [
  'resources',
  'retry',
  'timeout',
  'grace',
  'priority',
  'backend',
  'condition',
  'scheduling',
] as const;

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkEnvironment(environment: EnvironmentInput, task: string): void {
  for (const [name, value] of Object.entries(environment)) {
    if (ENVIRONMENT_NAME.test(name) && (Secret.is(value) || (typeof value === 'string' && !value.includes('\0'))))
      continue;
    throw new HeddleError(
      'INPUT_INVALID',
      `environment of '${task}': '${name}' can't be set to ${JSON.stringify(value)}`,
      {
        hint: "names are letters, digits and _; values are text, or secret.env('NAME')",
      },
    );
  }
}

function conditionData(condition: ConditionInput, task: string): Condition {
  if (!('toData' in condition)) return condition;
  return condition.toData({
    own() {
      throw new HeddleError('INPUT_INVALID', `condition of '${task}' is code of its own, and a workflow is data`, {
        hint: 'wait for jobs or times, or give it to a job: new LocalJob(fn, args, { condition })',
      });
    },
  });
}

/** A definition with all it needs. @throws {HeddleError} INPUT_INVALID, RESOURCES_IMPOSSIBLE, naming field and value */
export function definitionOf(name: string, kind: Definition['kind'], options: DefinitionOptions): Definition {
  const { resources, retry, timeout, grace, priority, backend, condition, environment, cache } = options;
  const { scheduling, container } = options;
  if (container !== undefined && kind !== 'command')
    throw new HeddleError('INPUT_INVALID', `'${name}' is a function: a container is for commands`, {
      hint: 'make it a command(), or leave the container out',
    });
  if (cache !== undefined && typeof cache !== 'boolean')
    throw new HeddleError('INPUT_INVALID', `cache of '${name}' can't be ${String(cache)}`, {
      hint: 'give true or false',
    });
  if (environment !== undefined) checkEnvironment(environment, name);
  const definition: Definition = {
    name,
    kind,
    ...(backend === undefined ? {} : { backend }),
    resources: resourceRequest(resources ?? {}, name),
    retry: retryPolicy(retry ?? {}, name),
    timeouts: timeout === undefined ? {} : timeouts(timeout, name),
    graceMs: grace === undefined ? DEFAULT_GRACE_MS : parseDuration(grace, `grace of '${name}'`),
    priority: numberIn(`priority of '${name}'`, priority ?? 0, { min: -Number.MAX_SAFE_INTEGER }),
    ...(condition === undefined ? {} : { condition: conditionData(condition, name) }),
    ...(environment === undefined ? {} : { environment: environmentData(environment) }),
    ...(cache === undefined ? {} : { cache }),
    ...(container === undefined ? {} : { container: containerSpec(container, name) }),
    ...(scheduling === undefined ? {} : { scheduling: schedulingOptions(scheduling, `scheduling of '${name}'`) }),
  };
  if (definition.retry.escalate !== undefined) refuseNothingToRaise(name, definition);
  return definition;
}
