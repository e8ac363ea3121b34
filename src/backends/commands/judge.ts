import type { FileHasher } from '../../files/index.ts';
import { asError, type Outcome } from '../../model/index.ts';
import type { MemoryKills } from '../../process/index.ts';
import { collectOutputs, EMPTY_VALUE, stderrTail } from '../workdir/index.ts';
import type { LiveAttempt } from './live-attempt.ts';

/** What the process that was the attempt's said at its end. */
export interface End {
  readonly status: number | string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Bytes at the end of its stderr that are not its own. */
  readonly said: number;
  /** Nothing was said on either stream. */
  readonly isSilent?: boolean;
}

/** What is needed to judge an end beside the attempt itself. */
export interface JudgePlaces {
  readonly hasher: FileHasher;
  readonly store: string;
  readonly project: string;
  readonly memoryKills: MemoryKills;
}

const ABORT_CODE = 134;
const KILL_CODE = 137;

/**
 * Turns the status an attempt's process ended with into an outcome: at once where nothing has to be read, which is
 * the rule for commands without outputs.
 */
export function judgeEnd(live: LiveAttempt, status: number | string, places: JudgePlaces): Outcome | Promise<Outcome> {
  if (status !== 0) return judgeBadEnd(live, status, places.memoryKills);
  // Told to end, it did so with good manners: that proves no work done.
  if (live.cancelling?.termSent === true) return { kind: 'cancelled', by: 'user' };
  return live.work.outputs.length === 0 ? { kind: 'ok', value: EMPTY_VALUE } : collect(live, places);
}

async function collect({ directory, work, attempt }: LiveAttempt, places: JudgePlaces): Promise<Outcome> {
  const { store, project, hasher } = places;
  try {
    return await collectOutputs({ directory, outputs: work.outputs, store, project, tag: attempt, hasher });
  } catch (error) {
    const { name, message, stack } = asError(error);
    const code = (error as NodeJS.ErrnoException).code;
    return {
      kind: 'error',
      error: {
        name,
        message: `the outputs could not be collected: ${message}`,
        ...(code === undefined ? {} : { code }),
        ...(stack === undefined ? {} : { stack }),
      },
    };
  }
}

/**
 * Judges a status other than 0. Memory is the cause when V8 says so before it aborts, or when the kernel's count of
 * out-of-memory kills has risen and this end looks like one: its own, or that of a shell whose child it was.
 */
function judgeBadEnd(live: LiveAttempt, status: number | string, memoryKills: MemoryKills): Outcome {
  const spent = live.cancelling === undefined ? live.memory?.judge() : undefined;
  if (spent !== undefined) return spent;
  const said = stderrTail(live.directory);
  if ((status === 'SIGABRT' || status === ABORT_CODE) && said.includes('heap out of memory')) {
    return { kind: 'memory', note: "JavaScript's heap limit was reached" };
  }
  // A KILL of our own making is no riddle.
  const riddle = live.cancelling === undefined && (status === 'SIGKILL' || status === KILL_CODE);
  if (riddle && memoryKills.take()) return { kind: 'memory', note: 'killed by the kernel: out of memory' };
  const stderr = said === '' ? {} : { stderr: said };
  return typeof status === 'number'
    ? { kind: 'exit', code: status, ...stderr }
    : { kind: 'signal', signal: status, ...stderr };
}
