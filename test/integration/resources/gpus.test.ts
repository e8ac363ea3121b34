import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Engine, ProcessJob, SubprocessJob, ThreadJob } from '../../../src/jobs/index.ts';
import { gpuEnvironment } from '../../../src/model/index.ts';
import { readGpus } from '../../../src/process/gpus.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { devices } from './devices.ts';

test('a command sees the devices it was granted, and two halves share one', async () => {
  await using engine = await Engine.open({ resources: { gpus: [2, 5], cpus: 4 } });
  const say = ['sh', '-c', 'echo "$HEDDLE_GPUS"; sleep 0.2'];
  const jobs = [0.5, 0.5, 1].map((gpus) => new SubprocessJob(say, { resources: { gpus } }));
  engine.submit(...jobs);

  const said = await Promise.all(jobs.map(async (job) => [await job.result(), (await job.stdout()).trim()]));

  expect(said).toEqual([
    [0, '2'],
    [0, '2'],
    [0, '5'],
  ]);
});

test('a process has them in its environment, and a thread in its context', async () => {
  await using engine = await Engine.open({ resources: { gpus: 2 } });
  const seen = new ProcessJob(() => process.env['CUDA_VISIBLE_DEVICES'] ?? process.env['ROCR_VISIBLE_DEVICES'], [], {
    resources: { gpus: 2 },
  });
  engine.submit(seen);
  expect(await seen.result()).toBe('0,1');
  const told = new ThreadJob(devices, [], { resources: { gpus: 1 } });
  engine.submit(told);
  expect(await told.result()).toEqual([0]);
});

test('the driver’s tool names the devices, and the environment may leave fewer', async () => {
  const folder = ownFolder('smi');
  const tool = join(folder, 'nvidia-smi');
  writeFileSync(tool, '#!/bin/sh\n[ "$1" = -L ] && printf "GPU %s: NVIDIA A100 (UUID: GPU-x)\\n" 0 1 3\n');
  chmodSync(tool, 0o755);

  expect(readGpus({ PATH: folder })).toEqual([0, 1, 3]);
  expect(readGpus({ PATH: folder, CUDA_VISIBLE_DEVICES: '1' })).toEqual([1]);
  expect(readGpus({ PATH: folder, CUDA_VISIBLE_DEVICES: '' })).toEqual([]);
  await giveBack(folder);
});

test('never are both levels of AMD’s stack told, since the one below counts anew', () => {
  expect(gpuEnvironment([1, 2], 'amd')).toEqual({ HEDDLE_GPUS: '1,2', ROCR_VISIBLE_DEVICES: '1,2' });
  expect(gpuEnvironment([1], 'nvidia')).toMatchObject({ CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
  expect(gpuEnvironment([1], undefined)).not.toHaveProperty('ROCR_VISIBLE_DEVICES');
});
