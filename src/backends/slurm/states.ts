import type { Outcome, Phase } from '../../model/index.ts';
import type { NativeJob } from '../scheduler/index.ts';

/** What a state or a reason of Slurm's means to an attempt. */
export interface Meaning {
  readonly standing: NativeJob['standing'];
  /** How it ended, where Slurm's word says it; absent: only its record can say. */
  readonly outcome?: 'exit' | 'cancelled' | 'timeout' | 'memory' | 'lost' | 'node' | 'preempted';
  readonly phase?: Phase;
}

/**
 * Every state of Slurm's (JOB STATE CODES of squeue and sacct, 22.05 to 24.11). A word that is not here is taken for one of a
 * living job: an end is believed only when it is told in words that are known.
 */
export const STATES: Readonly<Record<string, Meaning>> = {
  PENDING: { standing: 'waiting' },
  // Its nodes are being booted or made ready.
  CONFIGURING: { standing: 'waiting', phase: 'starting' },
  POWER_UP_NODE: { standing: 'waiting', phase: 'starting' },
  REQUEUED: { standing: 'waiting' },
  REQUEUE_FED: { standing: 'waiting' },
  EXPEDITING: { standing: 'waiting' },
  REQUEUE_HOLD: { standing: 'held' },
  RESV_DEL_HOLD: { standing: 'held' },
  // Requeued and held, marked by a script or an admin.
  SPECIAL_EXIT: { standing: 'held' },
  RUNNING: { standing: 'running' },
  RESIZING: { standing: 'running' },
  SIGNALING: { standing: 'running' },
  UPDATE_DB: { standing: 'running' },
  STAGE_OUT: { standing: 'running', phase: 'staging-out' },
  // Its processes are being ended, or an epilog runs: what is left of it may still write.
  COMPLETING: { standing: 'running' },
  SUSPENDED: { standing: 'suspended' },
  STOPPED: { standing: 'suspended' },
  COMPLETED: { standing: 'ended' },
  FAILED: { standing: 'ended', outcome: 'exit' },
  CANCELLED: { standing: 'ended', outcome: 'cancelled' },
  TIMEOUT: { standing: 'ended', outcome: 'timeout' },
  DEADLINE: { standing: 'ended', outcome: 'timeout' },
  OUT_OF_MEMORY: { standing: 'ended', outcome: 'memory' },
  PREEMPTED: { standing: 'ended', outcome: 'preempted' },
  NODE_FAIL: { standing: 'ended', outcome: 'node' },
  BOOT_FAIL: { standing: 'ended', outcome: 'lost' },
  LAUNCH_FAILED: { standing: 'ended', outcome: 'lost' },
  RECONFIG_FAIL: { standing: 'ended', outcome: 'lost' },
  // Another cluster of the federation has it.
  REVOKED: { standing: 'ended', outcome: 'lost' },
};

/** Reasons of a pending job that somebody has to end. */
const HELD = /^(?:JobHeldUser|JobHeldAdmin|JobHoldMaxRequeue|.*requeued held.*|launch failed.*)$/i;

/**
 * Reasons of a pending job that no waiting ends: what it asks for is more than its partition, account or quality of service
 * allows to any one job. Everything else waits: limits on how many or how much at a time, priorities, nodes that are down.
 */
const NEVER =
  /^(?:DependencyNeverSatisfied|PartitionConfig|PartitionNodeLimit|PartitionTimeLimit|BadConstraints|InvalidAccount|InvalidQOS|AccountNotAllowed|QOSNotAllowed|(?:QOS|Assoc)?Max\w*PerJob\w*|QOSMax(?:Cpu|Node|GRES|Memory|Billing|Energy|BB|License)PerNode|(?:QOS)?Min\w*(?:PerJob)?NotSatisfied|QOSMin\w+|AssocMaxWallDurationPerJobLimit|QOSTimeLimit|AssociationTimeLimit)$/;

/** What a pending job waits for, by its reason. */
export function standingOfReason(reason: string): 'waiting' | 'held' | 'never' {
  if (HELD.test(reason)) return 'held';
  return NEVER.test(reason) ? 'never' : 'waiting';
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
};

/** What a job ended with: `code` and `signal` as a wait status has them; undefined where nobody says it. */
export interface WaitStatus {
  readonly code: number;
  readonly signal: number;
}

/** Slurm's own numbers where a signal's should be: it could not start the job (paths of its output), it ran out of memory. */
const COULD_NOT_START = 53;
const OUT_OF_MEMORY = 125;

/** How a job ended by Slurm's word. Undefined where that is no word about the work: only its record says. */
export function outcomeOf(state: string, reason: string, wait: WaitStatus | undefined): Outcome | undefined {
  const said = reason === '' || reason === 'None' ? state : `${state}, ${reason}`;
  switch (STATES[state]?.outcome) {
    case undefined:
      return undefined;
    case 'timeout':
      return { kind: 'timeout', timeout: 'run' };
    case 'memory':
      return { kind: 'memory', note: `Slurm ended it: ${said}` };
    case 'preempted':
      return { kind: 'preempted', why: `Slurm: ${said}` };
    case 'node':
      return { kind: 'lost', why: `Slurm: ${said}`, placeDied: true };
    case 'lost':
      return { kind: 'lost', why: `Slurm: ${said}` };
    case 'cancelled':
      return standingOfReason(reason) === 'never' ? impossible(said) : { kind: 'cancelled', by: 'user' };
    // What was refused as it was submitted is there too, as failed.
    case 'exit':
      return standingOfReason(reason) === 'never' ? impossible(said) : ofExit(said, wait);
  }
}

function ofExit(said: string, wait: WaitStatus | undefined): Outcome | undefined {
  if (wait === undefined) return undefined;
  if (wait.signal === COULD_NOT_START) return { kind: 'lost', why: `Slurm could not start it: ${said}` };
  if (wait.signal === OUT_OF_MEMORY) return { kind: 'memory', note: `Slurm ended it: ${said}` };
  if (wait.signal !== 0) return { kind: 'signal', signal: SIGNALS[wait.signal] ?? `SIG${wait.signal}` };
  return wait.code === 0 ? undefined : { kind: 'exit', code: wait.code };
}

/** The end of what can never begin. */
export function impossible(said: string): Outcome {
  const message = `Slurm will never start it: ${said}`;
  return { kind: 'error', error: { name: 'HeddleError', code: 'RESOURCES_IMPOSSIBLE', message } };
}
