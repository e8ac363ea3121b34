import { inspect } from 'node:util';
import type { EngineOptions } from '../engine/index.ts';
import { type BytesInput, checkFields, HeddleError, parseBytes, type ResourceAmounts } from '../model/index.ts';
import { readCapacity } from '../process/index.ts';

/** The most one task may ask for. */
export interface TaskLimits {
  readonly cpus?: number;
  readonly memory?: BytesInput;
  readonly gpus?: number;
}

/** What an engine hands out. */
export interface EngineResources {
  /** Of all that runs at a time, over all backends. @default what each backend finds */
  readonly cpus?: number;
  readonly memory?: BytesInput;
  /** How many devices this machine has, or which. @default those its driver names */
  readonly gpus?: number | readonly number[];
  /** Licences and the like, by name. */
  readonly tokens?: Readonly<Record<string, number>>;
  /** What asks for more is refused when it is submitted: `RESOURCE_LIMIT`. */
  readonly perTask?: TaskLimits;
  /** So many times the cpus and the memory there are may be granted; devices and tokens never are. @default 1 */
  readonly oversubscribe?: number;
}

const FIELDS = ['cpus', 'memory', 'gpus', 'tokens', 'perTask', 'oversubscribe'];
const TASK_FIELDS = ['cpus', 'memory', 'gpus'];

/** @throws {HeddleError} INPUT_INVALID naming the field and the mend */
export function checkResources(resources: EngineResources): void {
  const whose = 'resources of the engine';
  checkFields(resources, FIELDS, whose);
  const { cpus, memory, gpus, tokens = {}, perTask = {}, oversubscribe } = resources;
  checkFields(perTask, TASK_FIELDS, `${whose}: perTask`);
  refuse(`${whose}: cpus`, cpus, isAmount, 'give a number above 0');
  refuse(`${whose}: gpus`, gpus, areDevices, 'give how many there are, or their indices: [0, 1]');
  refuse(
    `${whose}: oversubscribe`,
    oversubscribe,
    (value) => isAmount(value) && value >= 1,
    'give a number, 1 or more',
  );
  refuse(`${whose}: perTask: cpus`, perTask.cpus, isAmount, 'give a number above 0');
  refuse(
    `${whose}: perTask: gpus`,
    perTask.gpus,
    (value) => value === 0 || isAmount(value),
    'give a number, 0 or more',
  );
  for (const [name, count] of Object.entries(tokens))
    refuse(`${whose}: token '${name}'`, count, (value) => Number.isInteger(value) && value >= 0, 'give a whole number');
  for (const bytes of [memory, perTask.memory]) if (bytes !== undefined) parseBytes(bytes, `${whose}: memory`);
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function areDevices(value: number | readonly number[]): boolean {
  const isIndex = (each: unknown): boolean => Number.isInteger(each) && (each as number) >= 0;
  return Array.isArray(value) ? value.every(isIndex) && new Set(value).size === value.length : isIndex(value);
}

function refuse<Value>(what: string, value: Value | undefined, fits: (value: Value) => boolean, hint: string): void {
  if (value === undefined || fits(value)) return;
  throw new HeddleError('INPUT_INVALID', `${what} can't be ${inspect(value, { depth: 1 })}`, { hint });
}

/** Resources as the engine takes them. What each backend takes at a time follows from the cpus, where they are said. */
export function resourceOptions(
  resources: EngineResources,
): Pick<EngineOptions, 'slots' | 'totals' | 'perTask' | 'gpus' | 'oversubscribe'> {
  const { cpus, memory, gpus, perTask, oversubscribe = 1 } = resources;
  const isBounded = cpus !== undefined || memory !== undefined;
  return {
    ...(cpus === undefined && oversubscribe === 1
      ? {}
      : { slots: Math.max(1, Math.floor((cpus ?? readCapacity().cpus) * oversubscribe)) }),
    ...(isBounded ? { totals: amounts({ cpus, memory }) } : {}),
    ...(perTask === undefined ? {} : { perTask: amounts(perTask) }),
    ...(gpus === undefined
      ? {}
      : { gpus: typeof gpus === 'number' ? Array.from({ length: gpus }, (_, i) => i) : gpus }),
    ...(oversubscribe === 1 ? {} : { oversubscribe }),
  };
}

function amounts(of: {
  readonly cpus?: number | undefined;
  readonly memory?: BytesInput | undefined;
  readonly gpus?: number | undefined;
}): ResourceAmounts {
  return {
    ...(of.cpus === undefined ? {} : { cpus: of.cpus }),
    ...(of.memory === undefined ? {} : { memoryBytes: parseBytes(of.memory) }),
    ...(of.gpus === undefined ? {} : { gpus: of.gpus }),
  };
}
