import { constants } from 'node:os';
import type { Outcome } from '../../model/index.ts';
import type { NativeJob } from '../scheduler/index.ts';
import type { JobAttributes } from './qstat-json.ts';

type Standing = Pick<NativeJob, 'standing' | 'phase' | 'outcome'>;

const NEVER = /can never run|too many failed attempts/i;

/** What a state means, with the comment that goes with it. */
export function standingOf(attributes: JobAttributes): Standing {
  const { job_state: state = '', comment = '' } = attributes;
  switch (state) {
    case 'F':
    // A finished element of an array that is not over.
    case 'X': {
      const outcome = outcomeOf(attributes);
      return { standing: 'ended', ...(outcome === undefined ? {} : { outcome }) };
    }
    case 'R':
    case 'B':
      return { standing: 'running', phase: 'active' };
    case 'E':
      return { standing: 'running', phase: 'staging-out' };
    case 'S':
    case 'U':
      return { standing: 'suspended' };
    default: {
      if (!NEVER.test(comment)) return { standing: state === 'H' ? 'held' : 'waiting' };
      const error = { name: 'Error', message: `PBS: ${comment}`, code: 'BACKEND_UNAVAILABLE' };
      return { standing: 'never', outcome: { kind: 'error', error } };
    }
  }
}

/** Substate of a job that was deleted, whatever its exit status says: 0 where it was running. */
const DELETED = '91';

/** Exit statuses below 0 are PBS's own words on a job (`JOB_EXEC_*` of its interface). */
const OVER_MEMORY: ReadonlySet<number> = new Set([-26, -27]);
const OVER_TIME: ReadonlySet<number> = new Set([-28, -29]);

/** How it ended; undefined where it ended well, which only its own record can prove, or where PBS does not say. */
function outcomeOf({ Exit_status: said, substate, comment = '' }: JobAttributes): Outcome | undefined {
  const status = said === undefined ? undefined : Number(said);
  if (status !== undefined && OVER_TIME.has(status)) return { kind: 'timeout', timeout: 'run' };
  if (status !== undefined && OVER_MEMORY.has(status))
    return { kind: 'memory', note: comment === '' ? 'killed by PBS for the memory it used' : comment };
  if (substate === DELETED) return { kind: 'cancelled', by: 'user' };
  if (status !== undefined && status < 0)
    return { kind: 'lost', why: `PBS could not run it (${status}${comment === '' ? '' : `: ${comment}`})` };
  return status === undefined || status === 0 ? undefined : exitOutcome(status);
}

/** Above 128 a shell tells of a signal, above 256 PBS does. */
const OF_SHELL = 128;
const OF_PBS = 256;

function exitOutcome(status: number): Outcome {
  const number = status >= OF_PBS ? status - OF_PBS : status - OF_SHELL;
  const signal = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return signal === undefined ? { kind: 'exit', code: status } : { kind: 'signal', signal };
}
