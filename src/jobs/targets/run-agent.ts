import { Agent } from '../../backends/allocation/index.ts';
import { type Logger, silentLogger } from '../../model/index.ts';
import { systemClock } from '../../process/index.ts';
import { NodeBackend } from './node-backend.ts';

/* oxlint-disable node/no-process-env -- a batch system says by variables which machine this is, and how long it may be used */

export interface AgentRunOptions {
  /** The allocation's directory. */
  readonly directory: string;
  readonly store: string;
  readonly project: string;
  readonly slots: number;
  /** How long the allocation was asked for, in milliseconds. */
  readonly timeMs: number;
  readonly idleMs: number;
  readonly logger?: Logger;
}

const MS = 1000;

/** Is the agent of one machine of an allocation until it has nothing to do, or its time is over. Gives why it left. */
export async function runAgent(options: AgentRunOptions): Promise<string> {
  const { directory, store, project, slots, timeMs, idleMs, logger = silentLogger } = options;
  const { env } = process;
  const now = systemClock.now().wall;
  const said = Number(env['SLURM_JOB_END_TIME']) * MS;
  // It was asked for so long, and began before now.
  const endsAt = Math.min(now + timeMs, Number.isFinite(said) && said > 0 ? said : Infinity);
  const agent = new Agent({
    directory,
    node: `n${env['SLURM_PROCID'] ?? env['OMPI_COMM_WORLD_RANK'] ?? env['PMI_RANK'] ?? '0'}`,
    backend: new NodeBackend(slots),
    clock: systemClock,
    logger,
    store,
    project,
    slots,
    endsAt,
    idleMs,
    byMail: env['HEDDLE_AGENT_MAIL'] === '1',
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => agent.end(`its allocation was ended (${signal})`));
  return await agent.run();
}
