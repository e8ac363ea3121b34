import type { FileHasher } from '../../files/index.ts';
import type { Outcome } from '../../model/index.ts';
import type { MemoryKills } from '../../process/index.ts';
import { badEnd, collectOrError, EMPTY_VALUE, judgeContained, stderrTail } from '../workdir/index.ts';
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

const KILL_CODE = 137;

/**
 * Turns the status an attempt's process ended with into an outcome: at once where nothing has to be read, which is
 * the rule for commands without outputs.
 */
export function judgeEnd(live: LiveAttempt, status: number | string, places: JudgePlaces): Outcome | Promise<Outcome> {
  if (status !== 0) return judgeBadEnd(live, status, places.memoryKills);
  // Told to end, it did so with good manners: that proves no work done.
  if (live.cancelling?.termSent === true) return { kind: 'cancelled', by: 'user' };
  const { directory, attempt, work } = live;
  const { store, project, hasher } = places;
  if (work.outputs.length === 0) return { kind: 'ok', value: EMPTY_VALUE };
  return collectOrError({ directory, outputs: work.outputs, store, project, tag: attempt, hasher });
}

/**
 * Judges a status other than 0. Memory is the cause when V8 says so before it aborts, or when the kernel's count of
 * out-of-memory kills has risen and this end looks like one: its own, or that of a shell whose child it was.
 */
function judgeBadEnd(live: LiveAttempt, status: number | string, memoryKills: MemoryKills): Outcome {
  const spent = live.cancelling === undefined ? live.memory?.judge() : undefined;
  if (spent !== undefined) return spent;
  if (live.container !== undefined && live.cancelling === undefined) {
    const told = judgeContained(live.directory, live.attempt);
    if (told !== undefined) return told;
  }
  const plain = badEnd(status, stderrTail(live.directory));
  // A KILL of our own making is no riddle.
  const riddle =
    live.cancelling === undefined && live.container === undefined && (status === 'SIGKILL' || status === KILL_CODE);
  if (plain.kind !== 'memory' && riddle && memoryKills.take())
    return { kind: 'memory', note: 'killed by the kernel: out of memory' };
  return plain;
}
