import { withCallCommands } from '../../backends/call-commands/index.ts';
import { remoteBackend, type RemoteSettings } from '../../backends/remote/index.ts';
import type { Scheduler } from '../../backends/scheduler/index.ts';
import { slurmScheduler } from '../../backends/slurm/index.ts';
import { localTransport, sshTransport, type Transport } from '../../backends/transport/index.ts';
import { ownHeddle } from '../../calls/index.ts';
import type { TargetSettings, WaySettings } from '../../config/index.ts';
import { type Backend, type Clock, HeddleError } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';

/** A target as a backend: what `--backend NAME` chooses. Nothing is reached before the engine opens it. */
export function targetBackend(settings: TargetSettings): Backend {
  const [host] = settings.hosts;
  const scheduler = schedulerOf(settings);
  if (scheduler === undefined || !settings.sharesFiles)
    throw new HeddleError(
      'BACKEND_UNAVAILABLE',
      `target '${settings.name}' needs what this version has not: Slurm with shared files it has`,
    );
  const transport = transportOf(host?.way ?? { kind: 'local' });
  const backend = remoteBackend({ name: settings.name, transport, scheduler, settings: remoteSettings(settings) });
  return withCallCommands(backend, {
    runtime: (_, project) => Promise.resolve({ argv: ownHeddle(), project }),
  });
}

/** The way to a machine. */
export function transportOf(way: WaySettings, clock: Clock = systemClock): Transport {
  if (way.kind === 'local') return localTransport({ clock });
  const { host, config } = way;
  return sshTransport({ host, clock, ...(config === undefined ? {} : { config }) });
}

/** The batch system of a target, as text in and text out; undefined where it has none. */
export function schedulerOf({ scheduler, timeMs, bin, gres }: TargetSettings): Scheduler | undefined {
  const common = { ...(bin === undefined ? {} : { bin }) };
  switch (scheduler) {
    case 'slurm':
      return slurmScheduler({ ...common, timeMs, ...(gres === undefined ? {} : { gres }) });
    case 'gridengine':
    case 'pbs':
    case 'none':
      return undefined;
  }
}

function remoteSettings(settings: TargetSettings): RemoteSettings {
  const { maxJobs, submitPerSecond, pollMs, scheduling, timeMs, maxArray, project } = settings;
  return {
    maxJobs,
    submitPerSecond,
    pollMs: { floor: pollMs.min, ceiling: pollMs.max },
    scheduling,
    timeMs,
    ...(maxArray === undefined ? {} : { maxArray }),
    ...(project === undefined ? {} : { project }),
  };
}
