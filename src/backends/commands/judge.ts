import type { Outcome, Usage } from '../../model/index.ts';
import type { MemoryKills } from '../../process/index.ts';
import { stderrTail } from '../workdir/index.ts';

/** What is known of an end that was no success. */
export interface BadEnd {
  readonly directory: string;
  readonly memoryKills: MemoryKills;
  /** We ended it ourselves, so a KILL is no riddle. */
  readonly cancelled: boolean;
  readonly usage: Usage | undefined;
}

const ABORT_CODE = 134;
const KILL_CODE = 137;

/**
 * Turns a status other than 0 into an outcome. Memory is the cause when V8 says so before it aborts, or when the
 * kernel's count of out-of-memory kills has risen and this end looks like one: its own, or that of a shell whose
 * child it was.
 */
export function judgeBadEnd(status: number | string, { directory, memoryKills, cancelled, usage }: BadEnd): Outcome {
  const stderr = stderrTail(directory);
  const more = { ...(stderr === '' ? {} : { stderr }), ...(usage === undefined ? {} : { usage }) };
  if ((status === 'SIGABRT' || status === ABORT_CODE) && stderr.includes('heap out of memory')) {
    return { kind: 'memory', note: "JavaScript's heap limit was reached", ...(usage === undefined ? {} : { usage }) };
  }
  if (!cancelled && (status === 'SIGKILL' || status === KILL_CODE) && memoryKills.take()) {
    return { kind: 'memory', note: 'killed by the kernel: out of memory', ...(usage === undefined ? {} : { usage }) };
  }
  return typeof status === 'number'
    ? { kind: 'exit', code: status, ...more }
    : { kind: 'signal', signal: status, ...more };
}
