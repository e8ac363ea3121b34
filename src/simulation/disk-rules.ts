import { HeddleError, type OwnerId, type RunCommit, type RunId } from '../model/index.ts';
import type { StoredRun } from './simulated-disk.ts';

/**
 * Why commits of one transaction cannot be applied; undefined when they can. The rules every store has: owner and
 * epoch hold, numbers follow without a gap.
 */
export function whyRefused(
  commits: readonly RunCommit[],
  stored: (run: RunId) => StoredRun | undefined,
): HeddleError | undefined {
  const ends = new Map<RunId, { seq: number; size: number }>();
  for (const commit of commits) {
    const { run, owner, epoch, firstSeq, transitions, segments } = commit;
    const row = stored(run)?.row;
    if (row === undefined || row.owner !== owner || row.epoch !== epoch) return notOwned(run, owner);
    const { seq, size } = ends.get(run) ?? row;
    if (transitions.length > 0 && firstSeq !== seq + 1)
      return doesNotFollow(run, `transition ${firstSeq} after ${seq}`);
    let end = size;
    for (const segment of segments) {
      if (segment.base !== end) return doesNotFollow(run, `a segment at ${segment.base} after ${end} jobs`);
      end += segment.size;
    }
    ends.set(run, { seq: seq + transitions.length, size: end });
  }
  return undefined;
}

export function notOwned(run: RunId, owner: OwnerId): HeddleError {
  return new HeddleError('RUN_NOT_OWNED', `run ${run} is not owned by ${owner}, or not any more`, { details: { run } });
}

export function runNotFound(run: RunId): HeddleError {
  return new HeddleError('RUN_NOT_FOUND', `no run ${run}`, { details: { run } });
}

function doesNotFollow(run: RunId, what: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', `run ${run}: ${what} does not follow`, { details: { run } });
}
