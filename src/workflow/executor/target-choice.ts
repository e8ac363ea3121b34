import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TargetInput, targetSettings, type TargetSettings } from '../../jobs/index.ts';
import { HeddleError, nearestName, type ResourcesInput } from '../../model/index.ts';

/** A target as an executor's backend: reached when the executor's engine opens. */
export interface TargetChoice {
  readonly name: string;
  readonly target: TargetSettings;
  /** As it would stand in a configuration; checked when it is opened. */
  readonly input: TargetInput;
  /** What a task takes that says nothing itself. */
  readonly resources: ResourcesInput;
}

export function isTargetChoice(backend: object): backend is TargetChoice {
  return 'target' in backend && 'resources' in backend;
}

/** What `LocalBackend` may be told. */
export interface LocalBackendOptions {
  /** Commands at a time. @default the machine's cpus */
  readonly maxWorkers?: number;
}

/**
 * This machine, as a target. Its temporary files are the executor's `store`, which lasts; what a process leaves behind goes with it.
 *
 * @example
 * const executor = new Executor({ backend: new LocalBackend({ maxWorkers: 4 }) });
 */
export class LocalBackend implements TargetChoice {
  readonly name = 'local';
  readonly target: TargetSettings;
  readonly input: TargetInput = {};
  readonly resources: ResourcesInput = {};

  constructor(options: LocalBackendOptions = {}) {
    refuseUnknown(options, ['maxWorkers'], 'LocalBackend');
    const { maxWorkers } = options;
    const slots = maxWorkers === undefined ? {} : { slots: maxWorkers };
    this.target = { ...settingsOf(this.name, this.input), hosts: [{ way: { kind: 'local' }, ...slots }] };
  }
}

/** What `RemoteBackend` may be told, beside every option of a target. */
export interface RemoteBackendOptions extends Omit<TargetInput, 'hosts' | 'transport' | 'scheduler' | 'balance'> {
  /** As ssh takes them. */
  readonly hosts: readonly string[];
  readonly username?: string;
  /** A private key; agents and the keys of your ssh configuration count as well. */
  readonly sshKeyPath?: string;
  /** An ssh configuration instead of your own. */
  readonly sshConfig?: string;
  /** @default what the host has cpus for */
  readonly maxWorkersPerHost?: number;
  /** True: the least loaded host is taken; false: one after the other. @default true */
  readonly loadBalancing?: boolean;
}

/**
 * Machines behind ssh.
 *
 * @example
 * const backend = new RemoteBackend({ hosts: ['compute1.example.com'], username: 'researcher', maxWorkersPerHost: 4 });
 */
export class RemoteBackend implements TargetChoice {
  readonly name = 'remote';
  readonly target: TargetSettings;
  readonly input: TargetInput;
  readonly resources: ResourcesInput = {};

  constructor(options: RemoteBackendOptions) {
    const { hosts, username, sshKeyPath, sshConfig, maxWorkersPerHost, loadBalancing = true, ...rest } = options;
    if (!Array.isArray(hosts) || hosts.length === 0)
      throw new HeddleError('INPUT_INVALID', 'RemoteBackend: hosts names no host', {
        hint: "hosts: ['a.example.org']",
      });
    const config = sshKeyPath === undefined ? sshConfig : configWithKey(sshKeyPath, sshConfig);
    this.input = {
      ...rest,
      balance: loadBalancing ? 'least-loaded' : 'round-robin',
      hosts: hosts.map((host) => ({
        ssh: username === undefined ? host : `${username}@${host}`,
        ...(config === undefined ? {} : { config }),
        ...(maxWorkersPerHost === undefined ? {} : { slots: maxWorkersPerHost }),
      })),
    };
    this.target = settingsOf(this.name, this.input);
  }
}

/** What `ClusterBackend` may be told, beside every option of a target. */
export interface ClusterBackendOptions extends Omit<TargetInput, 'scheduler' | 'hosts'> {
  readonly scheduler: 'slurm' | 'pbs' | 'sge';
  /** What a task takes that says nothing itself; `time` as `HH:MM:SS` too. */
  readonly resourcesPerJob?: {
    readonly nodes?: number;
    readonly cpusPerTask?: number;
    readonly memory?: string | number;
    readonly time?: string | number;
  };
}

/**
 * A cluster with a batch system, from one of its own machines or, with `transport`, over ssh.
 *
 * @example
 * const backend = new ClusterBackend({ scheduler: 'slurm', queue: 'compute', resourcesPerJob: { cpusPerTask: 4, time: '02:00:00' } });
 */
export class ClusterBackend implements TargetChoice {
  readonly name = 'cluster';
  readonly target: TargetSettings;
  readonly input: TargetInput;
  readonly resources: ResourcesInput;

  constructor({ scheduler, resourcesPerJob = {}, ...rest }: ClusterBackendOptions) {
    refuseUnknown(resourcesPerJob, ['nodes', 'cpusPerTask', 'memory', 'time'], 'ClusterBackend: resourcesPerJob');
    if (!['slurm', 'pbs', 'sge'].includes(scheduler))
      throw new HeddleError('INPUT_INVALID', `ClusterBackend: scheduler can't be ${JSON.stringify(scheduler)}`, {
        hint: "choose 'slurm', 'pbs', 'sge'",
      });
    this.input = { ...rest, scheduler: scheduler === 'sge' ? 'gridengine' : scheduler };
    this.target = settingsOf(this.name, this.input);
    const { nodes, cpusPerTask, memory, time } = resourcesPerJob;
    this.resources = {
      ...(nodes === undefined ? {} : { nodes }),
      ...(cpusPerTask === undefined ? {} : { cpus: cpusPerTask }),
      ...(memory === undefined ? {} : { memory }),
      ...(time === undefined ? {} : { time: clockTime(time) }),
    } as ResourcesInput;
  }
}

function settingsOf(name: string, input: TargetInput): TargetSettings {
  return targetSettings(name, input, process.cwd());
}

/** `02:00:00`, as batch systems write it. */
function clockTime(time: string | number): string | number {
  const parts = /^(?:(\d+)-)?(\d+):(\d{2}):(\d{2})$/.exec(String(time));
  if (parts === null) return time;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = parts;
  return `${days}d${hours}h${minutes}m${seconds}s`;
}

/** The user's configuration with one more key, in a file whose name says what is in it. */
function configWithKey(key: string, config: string | undefined): string {
  const path = key.replace(/^~(?=\/)/, homedir());
  const include = config === undefined ? `${homedir()}/.ssh/config` : resolve(config);
  const text = `Host *\n  IdentityFile "${resolve(path)}"\nInclude "${include}"\n`;
  const folder = join(homedir(), '.heddle', 'ssh');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${createHash('sha256').update(text).digest('hex').slice(0, 16)}.config`);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

function refuseUnknown(options: object, known: readonly string[], whose: string): void {
  for (const field of Object.keys(options)) {
    if (known.includes(field)) continue;
    const near = nearestName(field, known);
    throw new HeddleError('INPUT_INVALID', `${whose} has no field '${field}'`, {
      hint: near === undefined ? `there is ${known.join(', ')}` : `did you mean '${near}'?`,
    });
  }
}
