import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { EndTarget } from './escalation.ts';
import { isDead, lastPid, type ProcessStat, readProcess } from './identity.ts';
import { withSpareDescriptor } from './spare-descriptor.ts';

/**
 * Every process that runs on this machine and that we may see; zombies left out. About 10 microseconds each. Who was
 * started while we looked is looked for too, by his pid: what hands on from child to child would pass unseen else.
 */
export function listProcesses(): readonly ProcessStat[] {
  const processes = new Map<number, ProcessStat>();
  const look = (pid: number): void => {
    const stat = processes.has(pid) ? undefined : readProcess(pid);
    if (stat !== undefined && !isDead(stat)) processes.set(pid, stat);
  };
  let from = lastPid();
  for (const name of withSpareDescriptor(() => readdirSync('/proc'))) {
    const pid = Number(name);
    if (Number.isInteger(pid)) look(pid);
  }
  // A machine that forks without end is not waited for.
  for (let round = 0; round < 10 && from !== undefined; round += 1) {
    const last = lastPid() ?? from;
    if (last <= from) break;
    for (let pid = from + 1; pid <= last; pid += 1) if (existsSync(`/proc/${pid}`)) look(pid);
    from = last;
  }
  return [...processes.values()];
}

/** Pids that live in a process group. */
export function groupMembers(group: number): readonly number[] {
  // 0 would mean our own, and stands for none in records.
  if (group <= 1) return [];
  // One system call where nobody is left, which is the rule; zombies answer it too, so a yes is looked into.
  if (!canSignal(-group)) return [];
  return listProcesses()
    .filter((stat) => stat.group === group)
    .map((stat) => stat.pid);
}

/** Processes that live in a session, its leader included. */
export function sessionMembers(session: number): readonly ProcessStat[] {
  return listProcesses().filter((stat) => stat.session === session);
}

/** Says whether anything of a process group runs; zombies do not. */
export function isGroupAlive(group: number): boolean {
  return groupMembers(group).length > 0;
}

/** Signals a whole group. Of a group that is gone: nothing; says whether there was one. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  // 0 and 1 would mean our own group and everything there is.
  if (!Number.isInteger(group) || group <= 1) return false;
  return send(-group, signal);
}

/** A process group as something to be ended. */
export function groupTarget(group: number): EndTarget {
  return { isAlive: () => isGroupAlive(group), signal: (signal) => void signalGroup(group, signal) };
}

/**
 * What a process that was waited for left behind in its group. A pid is not given anew while a group bears it: a
 * process that has it now is a stranger, and so is the group that it may lead.
 */
export function leftBy(leader: number): EndTarget {
  const group = groupTarget(leader);
  const isOurs = (): boolean => group.isAlive() && readProcess(leader) === undefined;
  return {
    isAlive: isOurs,
    signal: (signal) => {
      if (isOurs()) group.signal(signal);
    },
  };
}

/** Says whether anything of a session runs beside its leader. */
export function isSessionAlive(leader: number): boolean {
  return othersOf(leader).length > 0;
}

/** All of a session but its leader, as something to be ended. */
export function sessionTarget(leader: number): EndTarget {
  return {
    isAlive: () => isSessionAlive(leader),
    signal: (signal) => {
      for (const { pid } of othersOf(leader)) signalProcess(pid, signal);
    },
  };
}

function othersOf(leader: number): readonly ProcessStat[] {
  return sessionMembers(leader).filter(({ pid }) => pid !== leader);
}

/** Signals one process. Of one that is gone: nothing; says whether there was one. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  return send(pid, signal);
}

/** Pids of the children of a process that live. */
export function childrenOf(pid: number): readonly number[] {
  try {
    const text = withSpareDescriptor(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'));
    return text
      .split(' ')
      .filter((part) => part !== '')
      .map(Number);
  } catch {
    // Kernels built without this file: ask everybody for their parent.
    return listProcesses()
      .filter((stat) => stat.parent === pid)
      .map((stat) => stat.pid);
  }
}

function canSignal(target: number): boolean {
  return send(target, 0);
}

function send(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    // EPERM: it is there, but of another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
