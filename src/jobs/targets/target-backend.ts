import { allocationBackend } from '../../backends/allocation/index.ts';
import { withCallCommands } from '../../backends/call-commands/index.ts';
import { RemoteCode } from '../../backends/code/index.ts';
import { withDefaultContainer } from '../../backends/containers/index.ts';
import { type Depot, openDepot } from '../../backends/depot/index.ts';
import { gridEngineScheduler } from '../../backends/gridengine/index.ts';
import { type LaneHost, withHostLanes } from '../../backends/host-lanes/index.ts';
import { pbsScheduler } from '../../backends/pbs/index.ts';
import { hostsBackend, remoteBackend, type RemoteSettings } from '../../backends/remote/index.ts';
import type { Scheduler } from '../../backends/scheduler/index.ts';
import { slurmScheduler } from '../../backends/slurm/index.ts';
import { localTransport, sshTransport, type Transport } from '../../backends/transport/index.ts';
import { ownHeddle } from '../../calls/index.ts';
import type { HostSettings, TargetSettings, WaySettings } from '../../config/index.ts';
import { type Backend, HeddleError, type ResolvedCall } from '../../model/index.ts';
import { systemClock, systemRandom } from '../../process/index.ts';
import { runtimeOnAny } from './host-runtime.ts';

/** A target as a backend: what `--backend NAME` chooses. Nothing is reached before the engine opens it. */
export function targetBackend(settings: TargetSettings): Backend {
  const scheduler = schedulerOf(settings);
  const backend = scheduler === undefined ? hostsTarget(settings) : batchTarget(settings, scheduler);
  return settings.container === undefined ? backend : withDefaultContainer(backend, settings.container);
}

function batchTarget(settings: TargetSettings, scheduler: Scheduler): Backend {
  const [host] = settings.hosts as [HostSettings];
  const way = wayTo(host.way, settings);
  const { name } = settings;
  const backend = remoteBackend({ name, ...way, scheduler, settings: remoteSettings(settings) });
  if (settings.allocation !== undefined) return allocationTarget(settings, backend);
  return withCallCommands(backend, { runtime: execOn(codeAt(settings, way)) });
}

/** Many attempts inside of few native jobs: this very heddle is the agent in each, on a disk that is here and there. */
function allocationTarget(settings: TargetSettings, batch: Backend): Backend {
  const { name, allocation, sharesFiles, scheduler } = settings;
  if (allocation === undefined || !sharesFiles)
    throw new HeddleError('CONFIG_INVALID', `backends.${name}.allocation wants sharedFiles: true`, {
      hint: 'agents take their orders from the store: run heddle on a machine that shares a disk with the cluster',
    });
  const { nodes, timeMs, workers = 1, idleMs } = allocation;
  if (nodes > 1 && scheduler !== 'slurm')
    throw new HeddleError('CONFIG_INVALID', `backends.${name}.allocation.nodes can't be ${nodes} on ${scheduler}`, {
      hint: 'one machine an allocation, and more of them: max: 4',
    });
  return allocationBackend({
    name,
    batch,
    random: systemRandom,
    ...allocation,
    command: (directory, context) => [
      ...(nodes > 1
        ? [
            ...['srun', `--nodes=${nodes}`, `--ntasks=${nodes}`, '--ntasks-per-node=1'],
            // Since 22.05 a step has one cpu a task, whatever its job was given.
            ...[`--cpus-per-task=${workers}`, '--kill-on-bad-exit=0'],
          ]
        : []),
      ...ownHeddle(),
      ...['agent', directory, '--slots', String(workers), '--time-ms', String(timeMs), '--idle-ms', String(idleMs)],
      ...['--in-store', context.directory, '--project', context.project],
    ],
  });
}

function hostsTarget(settings: TargetSettings): Backend {
  const { name, balance } = settings;
  const hosts = settings.hosts.map(({ way, ...rest }) => ({ ...rest, ...wayTo(way, settings), name: placeOf(way) }));
  const commands = hostsBackend({ name, hosts, balance, settings: remoteSettings(settings) });
  const codes = hosts.map((host) => codeAt(settings, host));
  const lanes = hosts.map(
    ({ name: place, transport }, i): LaneHost => ({ place, transport, runtime: codes[i] as Code }),
  );
  // Which host a call with files goes to is not known when its command is written: the code is brought to all.
  const everywhere: Code = async (calls, project) => {
    const runtimes = await Promise.all(codes.map((code) => code(calls, project)));
    return { lane: [], ...runtimeOnAny(runtimes) };
  };
  return withHostLanes(withCallCommands(commands, { runtime: execOn(everywhere) }), lanes);
}

interface Way {
  readonly transport: Transport;
  readonly depot?: Depot;
}

function wayTo(way: WaySettings, settings: TargetSettings): Way {
  const { root, sharesFiles } = settings;
  const transport = transportOf(way, { sharesFiles });
  return transport.sharesFiles
    ? { transport }
    : { transport, depot: openDepot({ transport, root, clock: systemClock }) };
}

/** The way to a machine. */
export function transportOf(way: WaySettings, { sharesFiles }: { readonly sharesFiles: boolean }): Transport {
  if (way.kind === 'local') return localTransport({ clock: systemClock });
  const { host, config } = way;
  return sshTransport({ host, sharesFiles, clock: systemClock, ...(config === undefined ? {} : { config }) });
}

function placeOf(way: WaySettings): string {
  return way.kind === 'local' ? 'local' : way.host;
}

interface Runtime {
  readonly exec: readonly string[];
  readonly lane: readonly string[];
  readonly project: string;
}

type Code = (calls: readonly ResolvedCall[], project: string) => Promise<Runtime>;

/** What makes calls there: this very heddle where files are shared, else what is brought. */
function codeAt({ name }: TargetSettings, { transport, depot }: Way): Code {
  if (depot === undefined)
    return (_, project) => Promise.resolve({ exec: ownHeddle(), lane: [...ownHeddle(), 'lane'], project });
  const code = new RemoteCode({ target: name, transport, depot, clock: systemClock });
  return (calls, project) => code.runtime(calls, project);
}

/** Puts Node on a machine that has none that fits. @throws {HeddleError} RUNTIME_MISSING, BACKEND_UNAVAILABLE */
export async function installOn(way: WaySettings, settings: TargetSettings): Promise<void> {
  const { transport, depot } = wayTo(way, settings);
  await using _ = transport;
  if (depot !== undefined)
    await new RemoteCode({ target: settings.name, transport, depot, clock: systemClock }).install();
}

function execOn(code: Code): Parameters<typeof withCallCommands>[1]['runtime'] {
  return async (calls, project) => {
    const { exec, project: there } = await code(calls, project);
    return { argv: exec, project: there };
  };
}

/** The batch system of a target, as text in and text out; undefined where it has none. */
export function schedulerOf(settings: TargetSettings): Scheduler | undefined {
  const { scheduler, timeMs, bin, setup, gres, parallelEnvironment, memoryResource } = settings;
  switch (scheduler) {
    case 'none':
      return undefined;
    case 'slurm':
      return slurmScheduler({
        timeMs,
        ...(bin === undefined ? {} : { bin }),
        ...(setup === undefined ? {} : { setup }),
        ...(gres === undefined ? {} : { gres }),
      });
    case 'gridengine':
      return gridEngineScheduler({
        parallelEnvironment,
        ...(setup === undefined ? {} : { setup }),
        ...(memoryResource === undefined ? {} : { memoryResource }),
      });
    case 'pbs':
      return pbsScheduler({ ...(bin === undefined ? {} : { bin }), ...(setup === undefined ? {} : { setup }) });
  }
}

/** What the settings of a target mean to whoever submits to it. */
export function remoteSettings(settings: TargetSettings): RemoteSettings {
  const { maxJobs, submitPerSecond, pollMs, scheduling, timeMs, maxArray, project, environment } = settings;
  return {
    environment,
    maxJobs,
    submitPerSecond,
    pollMs: { floor: pollMs.min, ceiling: pollMs.max },
    scheduling,
    timeMs,
    ...(maxArray === undefined ? {} : { maxArray }),
    ...(project === undefined ? {} : { project }),
  };
}
