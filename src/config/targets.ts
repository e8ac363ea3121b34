import { resolve } from 'node:path';
import {
  type ContainerSpec,
  containerSpec,
  type NoContainer,
  parseBytes,
  parseDuration,
  type SchedulingOptions,
} from '../model/index.ts';
import type { AllocationInput, SshInput, TargetInput } from './config.ts';

/** How a machine is reached. */
export type WaySettings =
  | { readonly kind: 'local' }
  | { readonly kind: 'ssh'; readonly host: string; readonly config?: string };

/** One machine of a target without a batch system. */
export interface HostSettings {
  readonly way: WaySettings;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly slots?: number;
}

export interface AllocationSettings {
  readonly nodes: number;
  readonly timeMs: number;
  readonly workers?: number;
  readonly min: number;
  readonly max: number;
  readonly idleMs: number;
}

/** A target with every default filled in: what a backend is made of. */
export interface TargetSettings {
  readonly name: string;
  /** One where there is a batch system: where its commands are. */
  readonly hosts: readonly HostSettings[];
  readonly balance: 'least-loaded' | 'round-robin';
  readonly scheduler: 'none' | 'slurm' | 'gridengine' | 'pbs';
  readonly root: string;
  readonly sharesFiles: boolean;
  readonly project?: string;
  readonly container?: ContainerSpec | NoContainer;
  readonly environment: Readonly<Record<string, string>>;
  readonly scheduling: SchedulingOptions;
  readonly timeMs: number;
  readonly maxJobs: number;
  readonly maxArray?: number;
  readonly submitPerSecond: number;
  readonly pollMs: { readonly min: number; readonly max: number };
  readonly bin?: string;
  readonly setup?: string;
  readonly gres?: string;
  readonly memoryResource?: string;
  readonly parallelEnvironment: string;
  readonly allocation?: AllocationSettings;
}

const DEFAULTS = { time: '1h', maxJobs: 1000, submitPerSecond: 5, idle: '1m' } as const;
/** A batch system serves many, and asking it costs all of them; a machine is looked at by a shell of our own. */
const BATCH_POLL = { min: '2s', max: '30s' } as const;
const HOST_POLL = { min: '500ms', max: '5s' } as const;

/**
 * A target as it was configured, with its defaults.
 *
 * @param directory where relative paths of the configuration start
 */
export function targetSettings(name: string, input: TargetInput, directory: string): TargetSettings {
  const { container, project, maxArray, bin, setup, gres, memoryResource, allocation, poll = {} } = input;
  const hosts = hostsOf(input, directory);
  const defaultPoll = (input.scheduler ?? 'none') === 'none' ? HOST_POLL : BATCH_POLL;
  const minPollMs = parseDuration(poll.min ?? defaultPoll.min);
  const isLocal = hosts.every(({ way }) => way.kind === 'local');
  return {
    name,
    hosts,
    balance: input.balance ?? 'least-loaded',
    scheduler: input.scheduler ?? 'none',
    root: input.root ?? '~/.heddle',
    sharesFiles: input.sharedFiles ?? isLocal,
    environment: input.environment ?? {},
    scheduling: schedulingOf(input),
    timeMs: parseDuration(input.time ?? DEFAULTS.time),
    maxJobs: input.maxJobs ?? DEFAULTS.maxJobs,
    submitPerSecond: input.submitPerSecond ?? DEFAULTS.submitPerSecond,
    pollMs: { min: minPollMs, max: Math.max(minPollMs, parseDuration(poll.max ?? defaultPoll.max)) },
    parallelEnvironment: input.parallelEnvironment ?? 'smp',
    ...(project === undefined ? {} : { project }),
    ...(container === undefined ? {} : { container: containerSpec(container, `commands on ${name}`) }),
    ...(maxArray === undefined ? {} : { maxArray }),
    ...(bin === undefined ? {} : { bin }),
    ...(setup === undefined ? {} : { setup }),
    ...(gres === undefined ? {} : { gres }),
    ...(memoryResource === undefined ? {} : { memoryResource }),
    ...(allocation === undefined ? {} : { allocation: allocationOf(allocation) }),
  };
}

function schedulingOf({ queue, account, qos, options }: TargetInput): SchedulingOptions {
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(account === undefined ? {} : { account }),
    ...(qos === undefined ? {} : { qos }),
    ...(options === undefined ? {} : { options }),
  };
}

function hostsOf({ transport = 'local', hosts }: TargetInput, directory: string): readonly HostSettings[] {
  if (hosts === undefined) return [{ way: transport === 'local' ? { kind: 'local' } : wayOf(transport, directory) }];
  return hosts.map((host) => {
    if (typeof host === 'string') return { way: wayOf({ ssh: host }, directory) };
    const { cpus, memory, slots } = host;
    return {
      way: wayOf(host, directory),
      ...(cpus === undefined ? {} : { cpus }),
      ...(memory === undefined ? {} : { memoryBytes: parseBytes(memory) }),
      ...(slots === undefined ? {} : { slots }),
    };
  });
}

function wayOf({ ssh, config }: SshInput, directory: string): WaySettings {
  return { kind: 'ssh', host: ssh, ...(config === undefined ? {} : { config: resolve(directory, config) }) };
}

function allocationOf({
  nodes = 1,
  time,
  workers,
  min = 0,
  max = 1,
  idle = DEFAULTS.idle,
}: AllocationInput): AllocationSettings {
  return {
    nodes,
    timeMs: parseDuration(time),
    min,
    max: Math.max(min, max),
    idleMs: parseDuration(idle),
    ...(workers === undefined ? {} : { workers }),
  };
}
