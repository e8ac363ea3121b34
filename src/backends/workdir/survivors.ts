import type { AttemptId } from '../../model/index.ts';
import {
  bootId,
  type EndTarget,
  hasVariable,
  isAlive,
  listProcesses,
  type ProcessStat,
  readProcess,
  signalProcess,
} from '../../process/index.ts';
import type { Claim } from './records.ts';

/** Says whether the launcher that claimed an attempt still runs: on this host, in this boot, under its own pid. */
export function isLauncherAlive(claim: Claim): boolean {
  return claim.boot === bootId() && isAlive(claim.launcher);
}

/**
 * Pids of what lives of an attempt after its launcher: everything that carries the attempt's id in its environment,
 * and what is in the launcher's session or the job's group, for a process that cleaned its environment or has not
 * set it yet. The launcher itself is none of them.
 */
export function survivorsOf(claim: Claim): readonly number[] {
  const isMember = sameBoot(claim);
  return listProcesses()
    .filter((stat) => stat.pid !== claim.launcher.pid && stat.pid !== process.pid)
    .filter((stat) => isMember(stat) || hasVariable(stat.pid, 'HEDDLE_ATTEMPT', claim.attempt))
    .map((stat) => stat.pid);
}

/**
 * All that runs of an attempt whose process leads this group: the group, and whoever carries the attempt's id in its
 * environment, wherever it has gone.
 */
export function attemptTarget(group: number, attempt: AttemptId): EndTarget {
  const members = (): readonly ProcessStat[] =>
    listProcesses().filter(
      ({ pid, group: own }) => pid !== process.pid && (own === group || hasVariable(pid, 'HEDDLE_ATTEMPT', attempt)),
    );
  return {
    isAlive: () => members().length > 0,
    signal: (signal) => {
      for (const { pid } of members()) signalProcess(pid, signal);
    },
  };
}

/** Membership by number holds only in the boot of the claim, and while nobody else has the launcher's pid. */
function sameBoot(claim: Claim): (stat: ProcessStat) => boolean {
  const { launcher, pid } = claim;
  const now = readProcess(launcher.pid);
  const taken = now !== undefined && now.start !== launcher.start;
  if (claim.boot !== bootId() || taken) return () => false;
  return (stat) =>
    stat.start >= launcher.start && (stat.session === launcher.pid || (pid !== undefined && stat.group === pid));
}
