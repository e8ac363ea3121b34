import { type SlurmBackendOptions, slurmBackend } from '../../../src/backends/slurm/index.ts';
import { localTransport } from '../../../src/backends/transport/index.ts';
import type { Backend } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';

/** A backend that asks often, so that tests are short. */
export function testBackend(options: Partial<SlurmBackendOptions> = {}): Backend {
  const { settings, slurm, ...rest } = options;
  return slurmBackend({
    name: 'cluster',
    transport: localTransport({ clock: systemClock }),
    settings: { pollMs: { floor: 250, ceiling: 1000 }, settleMs: 2000, ...settings },
    // The component's KillWait is 4 s.
    slurm: { graceSeconds: 1, ...slurm },
    ...rest,
  });
}
