import { allocationBackend, type AllocationBackendOptions } from '../../../src/backends/allocation/index.ts';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import { ownHeddle } from '../../../src/calls/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemRandom } from '../../../src/process/index.ts';

/** Allocations of two cpus whose "batch system" is this machine: native jobs are its commands. */
export function localPool(options: Partial<AllocationBackendOptions> = {}): Backend {
  const facts = ['--slots', '2', '--time-ms', '600000', '--idle-ms', '500'];
  return allocationBackend({
    name: 'pool',
    batch: commandsBackend({ slots: 4 }),
    random: systemRandom,
    timeMs: 600_000,
    workers: 2,
    command: (directory, { directory: store, project }) => [
      ...ownHeddle(),
      ...['agent', directory, ...facts, '--in-store', store, '--project', project],
    ],
    ...options,
  });
}
