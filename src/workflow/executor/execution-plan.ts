import { resolve } from 'node:path';
import {
  type AnyFunction,
  describeFunction,
  encodeArguments,
  holdLocal,
  portableGraph,
  referenceTo,
} from '../../calls/index.ts';
import { ResourceLimitError } from '../../jobs/index.ts';
import {
  type CallReference,
  type Definition,
  definitionOf,
  type Graph,
  GraphBuilder,
  HeddleError,
  type Payload,
  type ResourcesInput,
  type RetryInput,
} from '../../model/index.ts';
import type { Param } from '../experiments/index.ts';
import { graphFingerprint } from '../fingerprint.ts';
import type { PlannedTask } from './base-backend.ts';
import { commandText } from './command-text.ts';
import type { ExecutorOptions, ResourceConstraints, RetryPolicyOptions } from './executor-options.ts';
import { RECORD_OUTPUT, shellScript } from './shell-record.ts';
import type { TargetChoice } from './target-choice.ts';
import type { Task } from './task.ts';
import type { TaskGraph } from './task-graph.ts';

/** A graph of tasks as the engine is given it, and what the executor must remember of it. */
export interface ExecutionPlan {
  readonly name: string;
  readonly graph: Graph;
  readonly fingerprint: string;
  readonly tasks: ReadonlyMap<string, PlannedTask>;
  readonly params: Param;
  readonly mode: 'sequential' | 'parallel';
}

/** What an executor's options say of every task. */
export interface PlanOptions {
  readonly options: ExecutorOptions;
  /** Of the executor's backend. */
  readonly backend: string | undefined;
  /** Where that backend is a target: what it says of tasks. */
  readonly target?: TargetChoice | undefined;
  /** That backend is the user's own, in this process. */
  readonly isOwn: boolean;
  /** Where relative paths start, absolute. */
  readonly project: string;
  /** Functions that stay in this process's memory. */
  readonly held: Map<AnyFunction, CallReference>;
  readonly params: Param;
  /** Whatever its tasks depend on. */
  readonly isAlone: boolean;
}

/**
 * Plans an execution; refuses, before anything starts, what can't be executed.
 *
 * @throws {HeddleError} GRAPH_UNKNOWN_NODE, GRAPH_CYCLE, TEMPLATE_INVALID, VALUE_INVALID, FUNCTION_CANNOT_TRAVEL, INPUT_INVALID
 * @throws {ResourceLimitError} for a task that asks for more than `resourceConstraints` allow
 */
export function planExecution(graph: TaskGraph, plan: PlanOptions): ExecutionPlan {
  if (!plan.isAlone) graph.validateDependencies();
  const builder = new GraphBuilder(graph.name);
  const tasks = new Map<string, PlannedTask>();
  for (const task of graph.taskPool) {
    const planned = plannedTask(task, plan.params);
    tasks.set(task.name, planned);
    const { definition, payload } = nodeOf(planned, plan);
    checkConstraints(task.name, definition, plan.options.resourceConstraints ?? {});
    builder.add(task.name, { definition, payload, edges: plan.isAlone ? [] : task.deps });
  }
  const built = portableGraph(builder.build(), plan.project);
  return {
    ...{ name: graph.name, graph: built, fingerprint: graphFingerprint(built), tasks, params: plan.params },
    mode: plan.isAlone ? 'sequential' : modeOf(plan.options, graph),
  };
}

function modeOf({ executionMode = 'auto', maxWorkers }: ExecutorOptions, graph: TaskGraph): ExecutionPlan['mode'] {
  if (executionMode !== 'auto') return executionMode;
  return graph.width > 1 && maxWorkers !== 1 ? 'parallel' : 'sequential';
}

function plannedTask(task: Task, params: Param): PlannedTask {
  const inputs = { ...task.inputs, ...params };
  const { name, work } = task;
  const commands =
    work.kind === 'function'
      ? []
      : work.commands.map((command, index) => commandText({ task: name, index, command, values: inputs }));
  return { task, inputs, commands };
}

function nodeOf(
  planned: PlannedTask,
  plan: PlanOptions,
): { readonly definition: Definition; readonly payload: Payload } {
  const { task, inputs, commands } = planned;
  const { work, name } = task;
  const backend = task.options.backend ?? plan.backend;
  if (work.kind === 'shell') {
    const definition = define(task, 'command', { plan, backend });
    // Where files are others, there is no working directory but the attempt's own, and only what is declared comes back.
    const isAway = backend === plan.backend && plan.target?.target.sharesFiles === false;
    const workingDirectory =
      isAway && work.workingDirectory === undefined ? '.' : resolve(plan.project, work.workingDirectory ?? '.');
    const script = shellScript({ ...work, commands, workingDirectory });
    return { definition, payload: { script, ...(isAway ? { outputs: [RECORD_OUTPUT] } : {}) } };
  }
  const call = referenceOf(work.func, { plan, task, backend });
  // What can't leave this process is called in it; what can is called where it holds up nothing else.
  const place = backend ?? (call.kind === 'local' ? 'inline' : undefined);
  return {
    definition: define(task, 'call', { plan, backend: place }),
    payload: { call, args: argumentsOf(name, inputs) },
  };
}

function referenceOf(
  func: AnyFunction,
  { plan, task, backend }: { readonly plan: PlanOptions; readonly task: Task; readonly backend: string | undefined },
): CallReference {
  const { options, held } = plan;
  const described = describeFunction(func);
  if (described.travels) return described.reference;
  // Whoever goes on with a durable run has not this memory; nor can its limit be another than this process's.
  const mustTravel =
    options.store !== undefined || options.memoryLimitMb !== undefined || task.options.resources?.memory;
  const staysHere = backend === undefined || backend === 'inline' || (plan.isOwn && backend === plan.backend);
  if (mustTravel || !staysHere) return referenceTo(func);
  let reference = held.get(func);
  if (reference === undefined) held.set(func, (reference = holdLocal(func)));
  return reference;
}

function argumentsOf(
  task: string,
  inputs: Readonly<Record<string, unknown>>,
): Extract<Payload, { call: object }>['args'] {
  try {
    return encodeArguments([inputs], () => undefined);
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    throw new HeddleError(error.code, `inputs of task '${task}': ${error.message}`, { cause: error });
  }
}

function define(
  { name, options }: Task,
  kind: 'call' | 'command',
  { plan, backend }: { readonly plan: PlanOptions; readonly backend: string | undefined },
): Definition {
  const { memoryLimitMb, retryPolicy } = plan.options;
  const resources: ResourcesInput = {
    ...(memoryLimitMb === undefined ? {} : { memory: Math.ceil(memoryLimitMb * 1e6) }),
    ...plan.target?.resources,
    ...options.resources,
  };
  const retry = options.retry ?? (retryPolicy === undefined ? undefined : retryInput(retryPolicy));
  const { timeout, environment } = options;
  return definitionOf(name, kind, {
    resources,
    ...(retry === undefined ? {} : { retry }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(environment === undefined ? {} : { environment }),
    ...(backend === undefined ? {} : { backend }),
  });
}

/** No wait is cut short: the longest that a policy can come to is what it says. */
const LONGEST_DELAY = '365d';

function retryInput({ maxAttempts = 1, backoffFactor = 2, initialDelay = 1 }: RetryPolicyOptions): RetryInput {
  return { maxAttempts, backoffFactor, initialDelay: initialDelay * 1000, maxDelay: LONGEST_DELAY };
}

const GB = 1e9;

function checkConstraints(
  task: string,
  { resources }: Definition,
  { maxCpuPerTask = Infinity, maxMemoryPerTaskGb = Infinity }: ResourceConstraints,
): void {
  const { cpus, memoryBytes = 0 } = resources;
  if (cpus > maxCpuPerTask)
    throw new ResourceLimitError(
      `task '${task}' asks for ${cpus} cpus, and a task may have ${maxCpuPerTask}`,
      { task, resource: 'cpus', wanted: cpus, limit: maxCpuPerTask },
      { hint: 'ask for less, or raise resourceConstraints.maxCpuPerTask' },
    );
  if (memoryBytes <= maxMemoryPerTaskGb * GB) return;
  throw new ResourceLimitError(
    `task '${task}' asks for ${memoryBytes / GB} GB of memory, and a task may have ${maxMemoryPerTaskGb}`,
    { task, resource: 'memory', wanted: memoryBytes, limit: maxMemoryPerTaskGb * GB },
    { hint: 'ask for less, or raise resourceConstraints.maxMemoryPerTaskGb' },
  );
}
