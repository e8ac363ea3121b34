import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { readGpus } from './gpus.ts';

export { readGpus } from './gpus.ts';

/** What this process may use of its machine. */
export interface Capacity {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** GPU indices; absent where there are none. */
  readonly gpus?: readonly number[];
}

const MIB = 1024 * 1024;

/**
 * Reads what we may use: CPUs by affinity, cgroup quota and Slurm's grant, never the bare core count; memory by
 * cgroup and Slurm; GPUs by `CUDA_VISIBLE_DEVICES`, else by the driver's device files.
 */
export function readCapacity(env: NodeJS.ProcessEnv = process.env): Capacity {
  const cpus = Math.max(1, Math.min(availableParallelism(), cpuQuota() ?? Infinity, slurmCpus(env) ?? Infinity));
  const memoryBytes = Math.min(totalmem(), constrainedMemory(), slurmMemory(env, cpus) ?? Infinity);
  const gpus = readGpus(env);
  return { cpus, memoryBytes, ...(gpus.length === 0 ? {} : { gpus }) };
}

/** CPUs Slurm granted on this node; undefined outside Slurm. */
export function slurmCpus(env: NodeJS.ProcessEnv): number | undefined {
  if (env['SLURM_JOB_ID'] === undefined) return undefined;
  return positive(env['SLURM_CPUS_ON_NODE']) ?? positive(env['SLURM_CPUS_PER_TASK']);
}

/** Memory Slurm granted on this node, in bytes; undefined outside Slurm, or where it does not count memory. */
export function slurmMemory(env: NodeJS.ProcessEnv, cpus: number): number | undefined {
  if (env['SLURM_JOB_ID'] === undefined) return undefined;
  const perNode = positive(env['SLURM_MEM_PER_NODE']);
  if (perNode !== undefined) return perNode * MIB;
  const perCpu = positive(env['SLURM_MEM_PER_CPU']);
  return perCpu === undefined ? undefined : perCpu * cpus * MIB;
}

/** What a place of this machine offers, with the devices somebody named instead of those that were found. */
export function devicesHere(
  capacity: Capacity,
  named: readonly number[] | undefined,
): Capacity & { readonly devicesOf?: string } {
  const { gpus: found, ...rest } = capacity;
  const gpus = named ?? found;
  return gpus === undefined || gpus.length === 0 ? rest : { ...rest, gpus, devicesOf: 'this machine' };
}

/** Whole CPUs of the cgroup's quota, version 2 or 1; undefined where there is none. */
function cpuQuota(): number | undefined {
  const v2 = readText('/sys/fs/cgroup/cpu.max')?.split(' ');
  if (v2 !== undefined) return quota(Number(v2[0]), Number(v2[1]));
  const period = readText('/sys/fs/cgroup/cpu/cpu.cfs_period_us');
  return quota(Number(readText('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')), Number(period));
}

function quota(allowed: number, period: number): number | undefined {
  return allowed > 0 && period > 0 ? Math.max(1, Math.floor(allowed / period)) : undefined;
}

function constrainedMemory(): number {
  const bytes = process.constrainedMemory();
  // 0 and absurdly large numbers both say "no limit".
  return bytes > 0 ? bytes : Infinity;
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
