import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GpuVendor } from '../model/index.ts';

const ANSWERS_WITHIN_MS = 10_000;
const AMD_NODES = '/sys/class/kfd/kfd/topology/nodes';

/** Devices a driver names do not change while we live. */
const listed = new Map<string, readonly number[]>();

/**
 * GPU indices that may be handed out: those the environment leaves us (`CUDA_VISIBLE_DEVICES`, `ROCR_VISIBLE_DEVICES`), else those
 * that the driver names: `nvidia-smi -L`, NVIDIA's device files, AMD's topology.
 */
export function readGpus(env: NodeJS.ProcessEnv): readonly number[] {
  const visible = env['CUDA_VISIBLE_DEVICES'] ?? env['ROCR_VISIBLE_DEVICES'];
  if (visible !== undefined) {
    const names = visible.split(',').map((name) => name.trim());
    // As the driver reads it: the list ends at the first name that is no device.
    const end = names.findIndex((name) => !/^\d+$/.test(name));
    return names.slice(0, end === -1 ? names.length : end).map(Number);
  }
  const path = env['PATH'] ?? '';
  const known = listed.get(path) ?? namedByTool(path) ?? deviceFiles() ?? amdDevices();
  listed.set(path, known);
  return known;
}

/** Who made the devices of this machine; undefined where that can't be told. */
export function gpuVendor(env: NodeJS.ProcessEnv = process.env): GpuVendor | undefined {
  if (toolIn(env['PATH'] ?? '') !== undefined || deviceFiles() !== undefined) return 'nvidia';
  return amdDevices().length > 0 ? 'amd' : undefined;
}

function toolIn(path: string): string | undefined {
  for (const folder of path.split(':')) {
    const tool = join(folder, 'nvidia-smi');
    try {
      if (folder !== '') accessSync(tool, constants.X_OK);
      if (folder !== '') return tool;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** What `nvidia-smi -L` says: `GPU 0: NVIDIA A100 (UUID: GPU-...)`, one a line. A broken driver has none that work. */
function namedByTool(path: string): readonly number[] | undefined {
  const tool = toolIn(path);
  if (tool === undefined) return undefined;
  const { status, stdout } = spawnSync(tool, ['-L'], { encoding: 'utf8', timeout: ANSWERS_WITHIN_MS });
  return status === 0 ? [...stdout.matchAll(/^GPU (\d+):/gm)].map(([, index]) => Number(index)) : [];
}

function deviceFiles(): readonly number[] | undefined {
  try {
    const indices = readdirSync('/dev').flatMap((name) => /^nvidia(\d+)$/.exec(name)?.[1] ?? []);
    return indices.length === 0 ? undefined : indices.map(Number).toSorted((a, b) => a - b);
  } catch {
    return undefined;
  }
}

/** Nodes of AMD's topology that compute; those without SIMD units are cpus. */
function amdDevices(): readonly number[] {
  if (!existsSync(AMD_NODES)) return [];
  try {
    const computes = (node: string): boolean =>
      Number(/^simd_count (\d+)$/m.exec(readFileSync(join(AMD_NODES, node, 'properties'), 'latin1'))?.[1] ?? 0) > 0;
    return readdirSync(AMD_NODES)
      .filter(computes)
      .map((_, index) => index);
  } catch {
    return [];
  }
}
