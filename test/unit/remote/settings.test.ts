import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NativeRequest } from '../../../src/backends/scheduler/index.ts';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { RemoteRig } from './rig.ts';

const HOUR_MS = 3_600_000;

test('what a target says holds where a task is silent; options are added up, and what was raised is asked for', async () => {
  await using rig = new RemoteRig();
  const backend = await rig.open({
    environment: { SCRATCH: '/local', LEVEL: 'low' },
    scheduling: { queue: 'long', account: 'physics', options: ['--nice'] },
    timeMs: HOUR_MS,
  });
  const [plain] = rig.orders(1) as [AttemptOrder];
  const [own] = rig.orders(1) as [AttemptOrder];
  const asked: AttemptOrder = {
    ...own,
    work: { kind: 'command', text: 'true', inputs: [], outputs: [], environment: { LEVEL: 'high' } },
    request: { cpus: 2, gpus: 1, memoryBytes: 100, timeMs: 2000 },
    grant: { place: 'cluster', cpus: 2, memoryBytes: 200, gpus: [3] },
    scheduling: { queue: 'short', options: ['--exclusive'] },
  };

  await rig.during(backend.launch([plain]));
  await rig.during(backend.launch([asked]));

  const [first, second] = rig.cluster.jobs.map(
    ({ home, marker }) => JSON.parse(readFileSync(join(home, `${marker}.sh`), 'utf8')) as NativeRequest,
  );
  expect(first).toMatchObject({
    elements: [0],
    resources: { cpus: 1, timeMs: HOUR_MS },
    scheduling: { queue: 'long', account: 'physics', options: ['--nice'] },
  });
  expect(second).toMatchObject({
    resources: { cpus: 2, gpus: 1, memoryBytes: 200, timeMs: 2000 },
    scheduling: { queue: 'short', account: 'physics', options: ['--nice', '--exclusive'] },
  });
  const script = readFileSync(join(own.directory, 'command.sh'), 'utf8');
  expect(script).toContain('export SCRATCH=/local\n');
  expect(script).toContain('export LEVEL=high\n');
  // Which devices it has is the system's to say.
  expect(script).not.toContain('VISIBLE_DEVICES');
});
