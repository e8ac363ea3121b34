import { runAgent } from '../../jobs/index.ts';
import type { Context } from '../main.ts';

interface AgentFlags {
  readonly slots: number;
  readonly timeMs: number;
  readonly idleMs: number;
  readonly inStore: string;
  readonly project: string;
}

/** Does work in an allocation for the engine that asked for it. */
export async function agent(
  { output }: Context,
  [directory = '']: readonly string[],
  flags: AgentFlags,
): Promise<number> {
  const { slots, timeMs, idleMs, inStore, project } = flags;
  const why = await runAgent({ directory, slots, timeMs, idleMs, store: inStore, project });
  output.say(`left: ${why}`);
  return 0;
}
