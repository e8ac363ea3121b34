import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCapacity, readGpus, slurmCpus, slurmMemory } from './capacity.ts';
import { baseEnvironment } from './environment.ts';
import { MemoryKills } from './memory-kills.ts';

test('what Slurm grants is what there is', () => {
  const env = { SLURM_JOB_ID: '7', SLURM_CPUS_ON_NODE: '1', SLURM_MEM_PER_CPU: '512' };

  expect(slurmCpus(env)).toBe(1);
  expect(slurmMemory(env, 4)).toBe(4 * 512 * 1024 * 1024);
  expect(readCapacity(env)).toMatchObject({ cpus: 1, memoryBytes: 512 * 1024 * 1024 });
});

test("Slurm's variables mean nothing outside of a job", () => {
  expect(slurmCpus({ SLURM_CPUS_ON_NODE: '64' })).toBeUndefined();
  expect(slurmMemory({ SLURM_MEM_PER_NODE: '64' }, 1)).toBeUndefined();
});

test.each([
  ['0,1,3', [0, 1, 3]],
  ['', []],
  ['-1', []],
  ['2,-1,3', [2]],
])('CUDA_VISIBLE_DEVICES=%j hands out %j', (visible, gpus) => {
  expect(readGpus({ CUDA_VISIBLE_DEVICES: visible })).toEqual(gpus);
});

test('jobs see a few of our variables, and no directory of PATH twice', () => {
  const environment = baseEnvironment({ PATH: '/b:/a:/b', HOME: '/h', LC_ALL: 'C', SECRET: 'x', TZ: '' });

  expect(environment).toEqual({ PATH: '/b:/a', HOME: '/h', LC_ALL: 'C' });
});

test('one out-of-memory kill explains one end', () => {
  const directory = mkdtempSync(join(tmpdir(), 'heddle-oom-'));
  const counter = join(directory, 'memory.events');
  writeFileSync(counter, 'low 0\noom 1\noom_kill 1\n');
  const kills = new MemoryKills(counter);
  const before = kills.take();
  writeFileSync(counter, 'low 0\noom 3\noom_kill 3\n');

  const after = [kills.take(), kills.take(), kills.take()];
  rmSync(directory, { recursive: true });

  expect(before).toBe(false);
  expect(after).toEqual([true, true, false]);
});
