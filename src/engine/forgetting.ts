import { HeddleError } from '../model/index.ts';
import type { EngineLoop } from './loop.ts';
import type { RunState } from './run-state.ts';

/**
 * Drops what is kept in memory of a run that has ended, once its end is durable and it has been given up. A store that keeps
 * nothing of jobs could not bring it back: there it is gone altogether, with its values.
 *
 * @throws {HeddleError} STATE_CONFLICT when it has not ended
 */
export async function forgetRun(loop: EngineLoop, run: RunState): Promise<void> {
  const { core, store } = loop;
  if (run.endedAt === 0) {
    throw new HeddleError('STATE_CONFLICT', `run ${run.id} is not finished`, {
      hint: 'what goes on cannot be forgotten; cancel it, or wait for its end',
    });
  }
  await loop.givenUp(run);
  if (core.runs.get(run.id) !== run) return;
  core.runs.delete(run.id);
  // Nothing is ready there any more, but its queues may still be listed.
  for (const queue of run.queueByKey.values()) queue.backend.deactivate(queue);
  if (!store.keepsJobs) await store.deleteRun(run.id);
}
