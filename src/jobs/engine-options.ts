import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspect } from 'node:util';
import { commandsBackend } from '../backends/commands/index.ts';
import { inlineBackend } from '../backends/inline/index.ts';
import { processesBackend } from '../backends/processes/index.ts';
import { threadsBackend } from '../backends/threads/index.ts';
import type { EngineOptions, Limits, Strategy } from '../engine/index.ts';
import { checkResources, type EngineResources, resourceOptions } from './engine-resources.ts';
import {
  type AttemptProcess,
  type Backend,
  checkFields,
  type Durability,
  HeddleError,
  type Logger,
  type Observer,
  type Store,
} from '../model/index.ts';
import { SqliteStore, type StoreNotice, VolatileStore } from '../store/index.ts';
import { openStoreAt } from './open-store.ts';
import type { Retention } from './retention/index.ts';

/** What can be changed while the engine goes. */
export interface EngineSettings {
  /** Jobs that run at a time, over all backends; 0: no limit. */
  readonly maxJobs?: number;
  /** Of these, in threads; 0: no limit. @default what the machine has */
  readonly maxThreadJobs?: number;
  /** Of these, in child processes; 0: no limit. @default what the machine has */
  readonly maxProcessJobs?: number;
  /** Whether the log has the stacks of jobs that fail. The errors have them in any case. @default true */
  readonly logTracebacks?: boolean;
}

export interface EngineOpenOptions extends EngineSettings {
  /** A directory, made when it is not there, or an opened store, which stays its opener's to dispose. @default in memory */
  readonly store?: string | Store;
  /** @default 'normal' for a directory; an opened store has its own */
  readonly durability?: Exclude<Durability, 'memory'>;
  /** Beside `inline`, `threads`, `processes` and `commands`; one of the same name stands in for it. The engine disposes them. */
  readonly backends?: readonly Backend[];
  /** Attempts at a time, a backend. @default what the machine has */
  readonly slots?: number;
  /** Where attempts work when the store has no directory. @default a temporary one, removed at the end */
  readonly directory?: string;
  /** Where relative paths of tasks start. @default the working directory */
  readonly project?: string;
  readonly logger?: Logger;
  /** Named tokens (licences), engine-wide. */
  readonly tokens?: Readonly<Record<string, number>>;
  /** What all backends may take together, and the most one task may ask for. @default what each finds on its machine */
  readonly resources?: EngineResources;
  /** In which order jobs are given what is free: see `EngineOptions.strategy`. @default 'priority' */
  readonly strategy?: Strategy;
  /**
   * How long logs and scratch files of runs that have ended are kept in a durable store; false: for ever. Records, results and
   * files that results name are kept in any case. @default 30 days, and those of the newest 50 runs however old
   */
  readonly retention?: Retention;
  /** Who looks on: a monitor, a notifier. */
  readonly observers?: readonly Observer[];
  /** Custom conditions by name. */
  readonly conditions?: Readonly<Record<string, () => boolean>>;
  /** What disposing the engine does with jobs that were submitted and have not ended. @default 'wait' */
  readonly onDispose?: 'wait' | 'cancel';
}

/** Fields of `EngineSettings`. */
export const SETTING_FIELDS: readonly string[] = ['maxJobs', 'maxThreadJobs', 'maxProcessJobs', 'logTracebacks'];
/** Fields of `EngineOpenOptions`. */
const OPEN_FIELDS: readonly string[] = [
  ...SETTING_FIELDS,
  'store',
  'durability',
  'backends',
  'slots',
  'directory',
  'project',
  'logger',
  'tokens',
  'resources',
  'strategy',
  'observers',
  'retention',
  'conditions',
  'onDispose',
];

/** Says of an option what is wrong with it, with the mend. */
type Check = (value: never) => string | undefined;

const oneOf =
  (...words: readonly string[]): Check =>
  (value: unknown) =>
    words.includes(value as string) ? undefined : `choose ${words.map((word) => `'${word}'`).join(' or ')}`;

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isPath = (value: unknown): boolean => typeof value === 'string' && value !== '';

const CHECKS: Readonly<Partial<Record<keyof EngineOpenOptions, Check>>> = {
  store: (value) => (isPath(value) || isRecord(value) ? undefined : 'give a directory, or an opened store'),
  durability: oneOf('normal', 'full'),
  onDispose: oneOf('wait', 'cancel'),
  strategy: oneOf('priority', 'fair', 'demand'),
  slots: (value) => (Number.isInteger(value) && value > 0 ? undefined : 'give a whole number, 1 or more'),
  directory: (value) => (isPath(value) ? undefined : 'give a path'),
  project: (value) => (isPath(value) ? undefined : 'give a path'),
  backends: (value: unknown) =>
    Array.isArray(value) && value.every(isRecord) ? undefined : 'give a list of backends: [threadsBackend()]',
  observers: (value: unknown) =>
    Array.isArray(value) && value.every((each: unknown) => isRecord(each) && 'observe' in (each as object))
      ? undefined
      : 'give a list of observers: [new ExecutionMonitor()]',
  logger: (value: Logger) =>
    isRecord(value) && typeof value.warn === 'function' ? undefined : 'give an object with debug, info, warn and error',
};

/** @throws {HeddleError} INPUT_INVALID naming the option and the mend */
export function checkOpenOptions(options: EngineOpenOptions): void {
  checkFields(options, OPEN_FIELDS, 'Engine.open');
  for (const [name, check] of Object.entries(CHECKS)) {
    const value: unknown = options[name as keyof EngineOpenOptions];
    const hint = value === undefined ? undefined : check(value as never);
    if (hint !== undefined)
      throw new HeddleError('INPUT_INVALID', `Engine.open: ${name} can't be ${inspect(value, { depth: 0 })}`, { hint });
  }
  if (options.resources !== undefined) checkResources(options.resources);
  if (options.durability !== undefined && options.store === undefined)
    throw new HeddleError('INPUT_INVALID', `Engine.open: there is no store to be durable ('${options.durability}')`, {
      hint: "name one: { store: '.heddle' }",
    });
}

/** Where an engine is at home. */
export interface EnginePlace {
  readonly store: Store;
  readonly directory: string;
  /** Where others reach this engine; empty where nobody could look for it. */
  readonly socket: string;
}

export async function openPlace(options: EngineOpenOptions, resources: AsyncDisposableStack): Promise<EnginePlace> {
  if (typeof options.store === 'string') {
    const { durability, logger } = options;
    const store = resources.use(
      await openStoreAt(options.store, {
        ...(durability === undefined ? {} : { durability }),
        ...(logger === undefined ? {} : { onNotice: (notice) => logNotice(logger, notice) }),
      }),
    );
    return { store, directory: store.directory, socket: store.socket };
  }
  const store = options.store ?? resources.use(new VolatileStore());
  if (store instanceof SqliteStore) return { store, directory: store.directory, socket: store.socket };
  if (options.directory !== undefined) return { store, directory: resolve(options.directory), socket: '' };
  const directory = await mkdtemp(join(tmpdir(), 'heddle-'));
  resources.defer(async () => rm(directory, { recursive: true, force: true }));
  return { store, directory, socket: '' };
}

/** That the writer has a thread is good to know, and nothing to mend. */
function logNotice(logger: Logger, { code, message }: StoreNotice): void {
  if (code === 'STORE_THREAD') logger.info({ code }, message);
  else logger.warn({ code }, message);
}

/** What every engine has, and what it was given beside or instead. */
export function withBuiltIn(backends: readonly Backend[]): readonly Backend[] {
  const names = new Set(backends.map((backend) => backend.name));
  const builtIn = [inlineBackend(), threadsBackend(), processesBackend(), commandsBackend()].filter(
    (backend) => !names.has(backend.name),
  );
  return [...builtIn, ...backends];
}

/** Live attempts that have a process, over all backends. */
export function* processesOf(backends: readonly Backend[]): Generator<AttemptProcess, void> {
  for (const backend of backends) yield* backend.processes?.() ?? [];
}

/** Options that are handed on as they are, where they were given. */
export function given(
  options: EngineOpenOptions,
): Pick<EngineOptions, 'slots' | 'tokens' | 'strategy' | 'totals' | 'perTask' | 'gpus' | 'oversubscribe'> {
  const { slots, tokens, strategy, resources } = options;
  return {
    ...(resources === undefined ? {} : resourceOptions(resources)),
    ...(slots === undefined ? {} : { slots }),
    ...(tokens === undefined && resources?.tokens === undefined ? {} : { tokens: { ...resources?.tokens, ...tokens } }),
    ...(strategy === undefined ? {} : { strategy }),
  };
}

/** Settings as the engine's limits. */
export function limitsOf({ maxJobs, maxThreadJobs, maxProcessJobs }: EngineSettings): Limits {
  const backends = {
    ...(maxThreadJobs === undefined ? {} : { threads: limitOf(maxThreadJobs, 'maxThreadJobs') }),
    ...(maxProcessJobs === undefined ? {} : { processes: limitOf(maxProcessJobs, 'maxProcessJobs') }),
  };
  return { ...(maxJobs === undefined ? {} : { jobs: limitOf(maxJobs, 'maxJobs') }), backends };
}

function limitOf(value: number, setting: string): number {
  if (Number.isInteger(value) && value > 0) return value;
  if (value === 0 || value === Infinity) return Infinity;
  throw new HeddleError('INPUT_INVALID', `${setting} can't be ${String(value)}`, {
    hint: 'give a whole number; 0 for no limit',
  });
}
